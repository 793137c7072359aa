package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// stuckFilm ends a response that a client has stopped reading. A browser that pauses
// leaves it open and asks for the rest anew when it is gone.
const stuckFilm = 5 * time.Minute

// film serves /film/{id}: the file, by ranges (RFC 9110, 14).
func (s *Server) film(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	item, found := s.config.Gateway.Item(id)
	if !found || item.Kind != ppsp.Film {
		s.fail(w, http.StatusNotFound, "There is no film under this address; /films.m3u lists those that there are.")
		return
	}
	if r.Method == http.MethodHead && item.Length > 0 {
		serveFilm(w, r, item, sized(item.Length)) // no swarm is joined for what is known
		return
	}
	if !s.enter(w) {
		return
	}
	defer s.streams.give()

	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	film, err := open(ctx, cancel, id, s.config.Gateway.OpenFilm)
	if err != nil {
		s.failOpen(w, r, item.Title, err)
		return
	}
	defer film.Close()
	item.Length = film.Size()
	s.log.Debug().Str("film", item.Title).Str("client", r.RemoteAddr).Str("range", r.Header.Get("Range")).Msg("film read")
	serveFilm(patient{w, http.NewResponseController(w)}, r, item, film)
}

func serveFilm(w http.ResponseWriter, r *http.Request, item proxy.Item, content io.ReadSeeker) {
	h := w.Header()
	h.Set("Content-Type", mediaType(item.MediaType))
	// What a film's ID stands for never changes: it follows from the root hash.
	h.Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%s-%x", etagSafe(item.ID), item.Length)))
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(w, withoutBadRange(r), "", time.Time{}, content)
}

// withoutBadRange is the request without a Range that can't be read, as if it were not there:
// http.ServeContent would refuse it by 416, which is for ranges beyond the end. "An origin
// server MUST ignore a Range header field that contains a range unit it does not understand",
// and "a server … MAY ignore or reject a Range header field that contains an invalid
// ranges-specifier" (RFC 9110, 14.2).
func withoutBadRange(r *http.Request) *http.Request {
	asked := r.Header.Get("Range")
	if asked == "" || readableRange(asked) {
		return r
	}
	plain := *r
	plain.Header = r.Header.Clone()
	plain.Header.Del("Range")
	return &plain
}

// readableRange tells whether s is a set of byte ranges (RFC 9110, 14.1.2).
func readableRange(s string) bool {
	set, bytes := strings.CutPrefix(s, "bytes=")
	if !bytes {
		return false
	}
	for item := range strings.SplitSeq(set, ",") {
		item = strings.TrimSpace(item)
		first, last, dash := strings.Cut(item, "-")
		from, err := strconv.ParseInt("0"+first, 10, 64)
		to, err2 := strconv.ParseInt("0"+last, 10, 64)
		// An empty item is no mistake (RFC 9110, 5.6.1.2).
		if item != "" && (!dash || first+last == "" || err != nil || err2 != nil || first != "" && last != "" && to < from) {
			return false
		}
	}
	return true
}

// mediaType returns the publisher's media type if it is one of sound or picture. Others,
// such as text/html, would let a publisher run scripts in the name of this gateway.
func mediaType(claimed string) string {
	name, _, err := mime.ParseMediaType(claimed)
	if err == nil && (strings.HasPrefix(name, "video/") || strings.HasPrefix(name, "audio/")) {
		return name
	}
	return "application/octet-stream"
}

// etagSafe keeps what an entity tag may hold (RFC 9110, 8.8.3) and no quote escapes.
func etagSafe(id string) string {
	return strings.Map(func(c rune) rune {
		if c > 0x20 && c < 0x7f && c != '"' && c != '\\' {
			return c
		}
		return '_'
	}, id)
}

// patient gives every write its time.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(stuckFilm)) // a connection without deadlines only waits longer
	return p.ResponseWriter.Write(b)
}

// ReadFrom is what http.ServeContent copies by: what can goes straight from the file.
func (p patient) ReadFrom(src io.Reader) (int64, error) {
	if n, ok, err := proxy.Forward(p, src); ok {
		return n, err
	}
	if !proxy.FromFile(src) {
		return io.Copy(struct{ io.Writer }{p}, src)
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(stuckFilm))
	return io.Copy(p.ResponseWriter, src)
}

// sized is a file of which only the size is known, for HEAD.
type sized int64

func (s sized) Read([]byte) (int, error) {
	return 0, errors.New("a film that was not opened has no content")
}

func (s sized) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return int64(s) + offset, nil
	}
	return offset, nil
}
