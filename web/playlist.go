package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

func (s *Server) channelsM3U(w http.ResponseWriter, r *http.Request) { s.playlist(w, r, ppsp.Live) }

func (s *Server) filmsM3U(w http.ResponseWriter, r *http.Request) { s.playlist(w, r, ppsp.Film) }

// playlist serves the items of a kind as extended M3U, with absolute addresses under the
// name by which the client reached us.
func (s *Server) playlist(w http.ResponseWriter, r *http.Request, kind ppsp.Kind) {
	var b bytes.Buffer
	b.WriteString("#EXTM3U")
	if kind == ppsp.Live {
		fmt.Fprintf(&b, " x-tvg-url=\"%s\"", s.origin(r)+s.streamKey(r)+"/xmltv.xml.gz")
	}
	b.WriteByte('\n')
	for _, item := range s.config.Gateway.Items() {
		if item.Kind == kind {
			appendEntry(&b, item, s.urlsOf(r, item))
		}
	}
	h := w.Header()
	h.Set("Content-Type", "audio/x-mpegurl; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", strings.TrimPrefix(r.URL.Path, "/")))
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(b.Bytes()) // a client that has gone needs no answer
}

func appendEntry(b *bytes.Buffer, item proxy.Item, urls itemURLs) {
	seconds := -1 // unknown or without end
	if item.Duration > 0 {
		seconds = int(item.Duration.Seconds() + 0.5)
	}
	fmt.Fprintf(b, "#EXTINF:%d tvg-id=\"%s\"", seconds, quoted(item.ID))
	if logo := item.Logo; logo != "" {
		fmt.Fprintf(b, " tvg-logo=\"%s\"", quoted(logo))
	}
	if item.Group != "" {
		fmt.Fprintf(b, " group-title=\"%s\"", quoted(item.Group))
	}
	// A comma ends the attributes; players disagree on what a second one means.
	fmt.Fprintf(b, ",%s\n%s\n", oneLine(item.Title), urls.TS+urls.File)
}

// quoted makes text fit between quotes, which M3U can't escape.
func quoted(text string) string {
	return strings.ReplaceAll(oneLine(text), `"`, "'")
}

// oneLine keeps text from beginning a line of its own.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\u2028' || c == '\u2029' || c == '\u0085' {
			return ' '
		}
		return c
	}, text)
}
