package renderer

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/dlna/media"
)

// streams are the responses under way to a renderer. The zero value is ready.
type streams struct {
	mu   sync.Mutex
	open map[*stream]struct{}
}

type stream struct {
	cancel  context.CancelFunc
	control *http.ResponseController
}

func (s *streams) add(one *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*stream]struct{})
	}
	s.open[one] = struct{}{}
}

// remove takes out a stream. When it returns, cut touches it no more.
func (s *streams) remove(one *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, one)
}

// cut ends all streams at once, also those that wait for a screen which reads no more.
func (s *streams) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.open {
		one.cancel()
		_ = one.control.SetWriteDeadline(time.Now()) // a connection without deadlines ends with the context
	}
}

// Streams is the handler of "StreamRoot{renderer}/{file}": what renderers were told to fetch.
// next answers as it does under media.Root; a response ends when its renderer has gone.
func (c *Controller) Streams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file := r.PathValue("file")
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		inner := r.Clone(ctx)
		inner.URL.Path, inner.URL.RawPath = media.Root+file, ""
		inner.SetPathValue("file", file)
		// One that this gateway does not know, as after a restart of ours, plays on.
		if d, err := c.find(r.PathValue("renderer")); err == nil {
			one := &stream{cancel, http.NewResponseController(w)}
			d.streams.add(one)
			defer d.streams.remove(one)
		}
		next.ServeHTTP(w, inner)
	})
}
