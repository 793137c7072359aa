package proxy

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/swarmgate/swarmgate/ppsp"
)

func TestSubtitleText(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"UTF-8":                 {"Grüße 📺", "Grüße 📺"},
		"UTF-8 with its mark":   {"\ufeffGrüße", "\ufeffGrüße"},
		"Latin-1":               {"Gr\xfc\xdfe", "Grüße"},
		"Windows-1252":          {"\x84Na \x96 gut\x93 f\xfcr 5 \x80", "„Na – gut“ für 5 €"},
		"UTF-16, little end":    {"\xff\xfeG\x00\xfc\x00\x3d\xd8\xfa\xdc", "Gü📺"},
		"UTF-16, big end":       {"\xfe\xff\x00G\x00\xfc\xd8\x3d\xdc\xfa", "Gü📺"},
		"UTF-16, half of a one": {"\xff\xfeG\x00\x3d\xd8\x41\x00\x01", "G\ufffdA"},
		"nothing":               {"", ""},
	} {
		if got := string(subtitleText([]byte(c.file))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Any file gives a text that is valid and no more than three times as long.
func FuzzSubtitleText(f *testing.F) {
	f.Add([]byte("\xff\xfeG\x00\x3d\xd8"))
	f.Add([]byte("Gr\xfc\xdfe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := subtitleText(b)
		if !utf8.Valid(got) || len(got) > 3*len(b) || utf8.Valid(b) && string(got) != string(b) {
			t.Fatalf("%q becomes %q", b, got)
		}
	})
}

func TestSubtitlesOfOtherPrograms(t *testing.T) {
	dir := t.TempDir()
	l := filmLink("Film")
	id := ItemID(l.SwarmID)
	if err := os.WriteFile(filepath.Join(dir, id+".srt"), []byte("Gr\xfc\xdfe"), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{FilmDir: dir, Links: []ppsp.Link{l}})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := g.Subtitle(id, ""); string(b) != "Grüße" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}
