package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// A stranger's title never leads out of the folder, nor hides the file.
func TestFileName(t *testing.T) {
	film, live := "ppsp:film/"+filmID, "ppsp:live/0d"+strings.Repeat("17", 64)
	for _, c := range []struct{ link, title, kind, want string }{
		{film, "Short Film", "video/mp4", "Short Film.mp4"},
		{film, "Short.MP4", "video/mp4", "Short.MP4"},
		{film, "A: b/c\\d?", "video/x-matroska", "A- b-c-d.mkv"},
		{film, "../../etc/passwd", "", "etc-passwd"},
		{film, "...", "video/mp4", filmID[:16] + ".mp4"},
		{film, "", "", filmID[:16]},
		{film, "tab\tnew\nline\x00", "", "tabnewline"},
		{film, "映画", "video/webm", "映画.webm"},
		{film, strings.Repeat("é", 150), "", strings.Repeat("é", 100)},
		{live, "News", "", "News.ts"},
	} {
		l, err := ppsp.ParseLink(c.link)
		if err != nil {
			t.Fatal(err)
		}
		l.Title, l.MediaType = c.title, c.kind
		if got := fileName(l); got != c.want || !filepath.IsLocal(got) {
			t.Errorf("%q becomes %q, want %q", c.title, got, c.want)
		}
	}
}
