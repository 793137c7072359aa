package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// maxWrite is the size in bytes of one write to a viewer who is behind.
	maxWrite = 64 << 10
	// gather is how long bytes of a live channel are collected, so that a viewer costs
	// few and large writes whatever the size of the swarm's chunks.
	gather = 64 * time.Millisecond
	// gatherAtFirst is the same for the first second, in which a picture is waited for.
	gatherAtFirst = 4 * time.Millisecond
	// convertedFile is the name of a channel as ffmpeg makes it for browsers.
	convertedFile = "browser.ts"
	// stuckLive ends a viewer of a channel who takes nothing for so long.
	stuckLive = 5 * time.Second
)

// live serves /live/{id}.ts: the channel as it comes, from the newest keyframe on.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutSuffix(r.PathValue("file"), ".ts")
	item, found := s.config.Gateway.Item(id)
	if !ok || !found || item.Kind != ppsp.Live {
		s.fail(w, http.StatusNotFound, "There is no channel under this address; /channels.m3u lists those that there are.")
		return
	}
	late, ok := lateness(r)
	if !ok {
		s.fail(w, http.StatusBadRequest, "Say in seconds how far behind the newest picture the channel is to begin, as in ?behind=30.")
		return
	}
	s.stream(w, r, item, s.openAt(late))
}

// converted serves /live/{id}/browser.ts: the channel in a coding that browsers play.
func (s *Server) converted(w http.ResponseWriter, r *http.Request, item proxy.Item) {
	if !s.config.Gateway.Converts() {
		s.fail(w, http.StatusNotImplemented, "This gateway has no ffmpeg to convert channels with; install it and start the gateway again, or play the channel on a TV or in VLC.")
		return
	}
	s.stream(w, r, item, s.config.Gateway.OpenConverted)
}

// stream sends a channel as it comes.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, item proxy.Item, from func(context.Context, string) (io.ReadCloser, error)) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Accept-Ranges", "none")
	if r.Method == http.MethodHead {
		h.Set("Content-Type", "video/mp2t")
		return
	}
	if !s.enter(w) {
		return
	}
	defer s.streams.give()

	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	stream, err := open(ctx, cancel, item.ID, from)
	if err != nil {
		s.failOpen(w, r, item.Title, err)
		return
	}
	defer stream.Close()
	log := s.log.With().Str("channel", item.Title).Str("client", r.RemoteAddr).Logger()
	log.Info().Msg("viewer came")
	h.Set("Content-Type", "video/mp2t")
	h.Set("Transfer-Encoding", "identity") // until the connection ends: chunked, each write would be three
	n, err := pump(ctx, w, stream, s.buffers)
	log.Info().Int64("bytes", n).AnErr("error", unlessGone(r, err)).Msg("viewer left")
}

// pump copies a live stream to a viewer as it comes. Viewers of all channels are sent to at the same
// moments: the process sleeps through between them, and a few buffers serve all.
func pump(ctx context.Context, w http.ResponseWriter, stream io.Reader, buffers *buffers) (sent int64, err error) {
	control := http.NewResponseController(w)
	// The end of the response has its time too; net/http lifts the limit after it.
	defer func() { _ = control.SetWriteDeadline(time.Now().Add(stuckLive)) }()
	for began := time.Now(); ; {
		buf := buffers.take()
		n, err := stream.Read(buf[:])
		if n > 0 {
			_ = control.SetWriteDeadline(time.Now().Add(stuckLive)) // a connection without deadlines only waits longer
			m, werr := w.Write(buf[:n])
			sent += int64(m)
			if werr == nil {
				werr = flush(control)
			}
			if werr != nil {
				return sent, fmt.Errorf("send to viewer: %w", werr)
			}
		}
		buffers.give(buf)
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
		if n < mpegts.ReadSize && !pause(ctx, untilNext(began, time.Now())) { // there is no more yet
			return sent, context.Cause(ctx)
		}
	}
}

// untilNext is how long bytes are collected for a viewer who came at a time.
func untilNext(came, now time.Time) time.Duration {
	if now.Sub(came) < time.Second {
		return gatherAtFirst
	}
	return gather - time.Duration(now.UnixNano())%gather
}

// buffers are those between reading and writing streams. The zero value is ready, for any goroutine.
type buffers struct{ pool sync.Pool }

func (b *buffers) take() *[maxWrite]byte {
	if buf, ok := b.pool.Get().(*[maxWrite]byte); ok {
		return buf
	}
	return new([maxWrite]byte)
}

func (b *buffers) give(buf *[maxWrite]byte) { b.pool.Put(buf) }

func flush(control *http.ResponseController) error {
	if err := control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// pause waits and reports whether ctx is still on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
