// Package lowlatency turns a channel's transport stream into Low-Latency HLS with fragmented MP4,
// which browsers without a player of transport streams play with a second's delay:
//
//	TS -> frames (mpegts.Units) -> CMAF parts of 200 ms -> playlists that wait for the next part
//
// It is an extra beside the stream as it is: it has to understand the coding, and many broadcast
// streams are none that it can take. Then it says why, and players take HLS with segments of TS.
package lowlatency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/bluenviron/gohlslib/v2"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// segmentCount and maxSegment bound the memory of a Stream: one more segment than listed, each of at most so many bytes.
	segmentCount = 7
	maxSegment   = 4 << 20
	// partLength is how long a part is at least: what a player waits for.
	partLength = 200 * time.Millisecond
	// stall is for how long no frame comes before a Stream ends.
	stall = 10 * time.Second
	// patience is for how long, by the stream's own clock, a start is looked for.
	patience = 12 * time.Second
	// judged is how many frames are looked at before refusals weigh, and refusable the part of them, one in so many, that may be.
	judged    = 100
	refusable = 100
	// multivariant is the name under which the library has its first playlist.
	multivariant = "index.m3u8"
)

// Problem is why a channel can't be had in this form, as one sentence; that will not change
// while its coding stays.
type Problem string

// Error is the sentence.
func (p Problem) Error() string { return string(p) }

// ErrStalled says that a Stream has ended because no frames came.
var ErrStalled = errors.New("no picture has come for a while")

// Stream is one channel in this form. Make it with New, have it Run by one goroutine.
type Stream struct {
	ready chan struct{} // closed when muxer is set, or err
	end   context.CancelCauseFunc
	ctx   context.Context //nolint:containedctx // ends the stream when nobody has asked for long

	idle  *time.Timer
	after time.Duration

	once  sync.Once
	muxer *gohlslib.Muxer // before ready
	err   error
}

// New makes a stream that ends when ctx does, or nobody has called Touch for so long.
func New(ctx context.Context, idle time.Duration) *Stream {
	s := &Stream{ready: make(chan struct{}), after: idle}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.idle = time.AfterFunc(idle, func() { s.end(nil) })
	return s
}

// Context ends with the stream.
func (s *Stream) Context() context.Context { return s.ctx }

// Touch says that somebody watches.
func (s *Stream) Touch() { s.idle.Reset(s.after) }

// Run reads a transport stream, whose reads have to end with Context, to its end. Its error is a
// Problem where another try would be in vain.
func (s *Stream) Run(r io.Reader) (err error) {
	stalled := time.AfterFunc(stall, func() { s.end(ErrStalled) })
	m := &muxing{ready: s.open}
	defer func() {
		// The frames are a stranger's, and the library that reads them is not ours.
		if p := recover(); p != nil {
			err = Problem(fmt.Sprintf("its frames can't be understood (%v)", p))
		}
		stalled.Stop()
		s.idle.Stop()
		s.end(err)
		s.settle(nil, err)
		if s.muxer != nil {
			s.muxer.Close()
		}
	}()
	var units *mpegts.Units
	units = mpegts.NewUnits(func(u mpegts.Unit) {
		stalled.Reset(stall)
		if m.muxer == nil {
			m.video, m.audio, _ = units.Streams()
		}
		m.unit(u)
	})
	for buf := make([]byte, mpegts.ReadSize); ; {
		n, err := r.Read(buf)
		units.Feed(buf[:n])
		video, audio, known := units.Streams()
		if problem := m.check(video, audio, known); problem != nil {
			return problem
		}
		if err != nil {
			if cause := context.Cause(s.ctx); cause != nil {
				err = cause
			}
			return err
		}
	}
}

func (s *Stream) open(muxer *gohlslib.Muxer) { s.settle(muxer, nil) }

func (s *Stream) settle(muxer *gohlslib.Muxer, err error) {
	s.once.Do(func() {
		s.muxer, s.err = muxer, err
		if muxer == nil && err == nil {
			s.err = io.EOF
		}
		close(s.ready)
	})
}

// Open waits until the stream can be asked for its lists, or says why it can't.
func (s *Stream) Open(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ServeHTTP answers for one of the stream's files, by the last part of the path; "ll.m3u8" is the
// list of lists. What is not there is answered by nothing.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Touch()
	select {
	case <-s.ready:
	default:
		return
	}
	if s.muxer == nil {
		return
	}
	if path.Base(r.URL.Path) == "ll.m3u8" {
		r = r.Clone(r.Context())
		r.URL.Path = "/" + multivariant
	}
	s.muxer.Handle(w, r)
}
