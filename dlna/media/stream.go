package media

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// copySize is how much of a live stream is handed on at once, in bytes: whole packets of
// MPEG-TS, about 0.1 s of a channel.
const copySize = 188 * 348

// head answers HEAD without waking a swarm.
func (s *Server) head(w http.ResponseWriter, r *http.Request, item proxy.Item, f Format) {
	if f.Live {
		liveHeaders(w.Header())
		w.WriteHeader(http.StatusOK)
		return
	}
	filmHeaders(w.Header(), item, item.Length)
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(nothing{}, 0, item.Length))
}

// nothing is content of which only the length is asked.
type nothing struct{}

func (nothing) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

// liveHeaders say that the stream has no length and can't be had in ranges. A Range, which
// some screens send for everything, is then answered by the whole (RFC 9110, 14.2: "A server
// MAY ignore the Range header field").
func liveHeaders(h http.Header) {
	h.Set("Accept-Ranges", "none")
	h.Set("Cache-Control", "no-store")
}

func (s *Server) live(w http.ResponseWriter, r *http.Request, item proxy.Item) {
	stream, cancel, err := open(s, r, item.ID, s.Library.OpenLive)
	defer cancel()
	if stream != nil {
		defer stream.Close()
	}
	if err != nil {
		s.fail(w, r, item, err)
		return
	}
	s.sendLive(w, r, item, stream)
}

// sendLive hands a channel on until the screen leaves or the session ends.
func (s *Server) sendLive(w http.ResponseWriter, r *http.Request, item proxy.Item, stream io.Reader) {
	s.started(r, item)
	liveHeaders(w.Header())
	// Not cut into chunks, which some screens take for content: the stream ends with its
	// connection, as it does in HTTP/1.0.
	w.Header().Set("Transfer-Encoding", "identity")
	w.WriteHeader(http.StatusOK)
	out := newDeadlineWriter(w, liveStall)
	if err := copyLive(out, stream); err != nil && r.Context().Err() == nil {
		s.Logger.Info().Err(err).Str("title", item.Title).Msg("a screen stopped")
	}
}

// copyLive hands on what the stream delivers, as it comes.
func copyLive(out *deadlineWriter, stream io.Reader) error {
	b := make([]byte, copySize)
	for {
		n, err := stream.Read(b)
		if n > 0 {
			if _, err := out.Write(b[:n]); err != nil {
				return err
			}
			if err := out.control.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// filmHeaders let a screen find out that a film is the same when it goes on by a range.
func filmHeaders(h http.Header, item proxy.Item, size int64) {
	h.Set("ETag", fmt.Sprintf("\"%x-%x\"", item.ID, size))
	h.Set("Cache-Control", "no-cache")
}

func (s *Server) film(w http.ResponseWriter, r *http.Request, item proxy.Item) {
	film, cancel, err := open(s, r, item.ID, s.Library.OpenFilm)
	defer cancel()
	if film != nil {
		defer film.Close()
	}
	if err != nil {
		s.fail(w, r, item, err)
		return
	}
	if r.Method == http.MethodGet {
		s.started(r, item)
	}
	filmHeaders(w.Header(), item, film.Size())
	http.ServeContent(newDeadlineWriter(w, filmStall), r, "", time.Time{}, film)
}

// fail answers for an item that could not be opened, unless the screen has left.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, item proxy.Item, err error) {
	if r.Context().Err() == nil {
		s.refuse(w, item, err)
	}
}

// deadlineWriter gives every write about the same time, so that a screen that vanished without
// a word gives its stream back.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	set     time.Time // when the deadline was
}

func newDeadlineWriter(w http.ResponseWriter, stall time.Duration) *deadlineWriter {
	return &deadlineWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: stall}
}

// extend moves the deadline on. That wakes the runtime's poller, and so is done only when a
// sixteenth of the time has passed.
func (d *deadlineWriter) extend() error {
	now := time.Now()
	if now.Sub(d.set) < d.stall/16 {
		return nil
	}
	d.set = now
	if err := d.control.SetWriteDeadline(now.Add(d.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func (d *deadlineWriter) Write(b []byte) (int, error) {
	if err := d.extend(); err != nil {
		return 0, err
	}
	return d.ResponseWriter.Write(b)
}

// ReadFrom is what http.ServeContent copies by: what can goes straight from the file.
func (d *deadlineWriter) ReadFrom(src io.Reader) (int64, error) {
	if n, ok, err := proxy.Forward(d, src); ok {
		return n, err
	}
	if !proxy.FromFile(src) {
		return io.Copy(struct{ io.Writer }{d}, src)
	}
	if err := d.extend(); err != nil {
		return 0, err
	}
	return io.Copy(d.ResponseWriter, src)
}
