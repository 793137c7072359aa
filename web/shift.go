package web

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// TimeShift lets a viewer of a channel go back, as far as the buffer of its session reaches.
type TimeShift interface {
	// OpenLiveAt is OpenLive from an earlier time on; times count from the first keyframe of
	// the session. It tells where the stream begins.
	OpenLiveAt(ctx context.Context, id string, since time.Duration) (io.ReadCloser, time.Duration, error)
	// LiveSpan returns what is stored of a channel that is being watched; false for nothing.
	LiveSpan(id string) (from, to time.Duration, ok bool)
}

// maxBehind bounds how far a viewer may ask to go back, in seconds.
const maxBehind = 24 * 3600

// lateness reads the parameter "behind": how many seconds before the newest picture a
// channel is to begin, 0 without it.
func lateness(r *http.Request) (time.Duration, bool) {
	text := r.URL.Query().Get("behind")
	if text == "" {
		return 0, true
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= maxBehind) {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// openAt returns how a channel is opened for a viewer who wants to be so far behind. Nobody can be
// behind a channel of which nothing is stored.
func (s *Server) openAt(late time.Duration) func(context.Context, string) (io.ReadCloser, error) {
	return func(ctx context.Context, id string) (io.ReadCloser, error) {
		_, to, ok := s.config.Gateway.LiveSpan(id)
		if !ok || late == 0 {
			return s.config.Gateway.OpenLive(ctx, id)
		}
		stream, _, err := s.config.Gateway.OpenLiveAt(ctx, id, max(to-late, 0))
		return stream, err
	}
}
