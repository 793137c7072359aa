package renderer

import (
	"context"
	"net/http"
	"net/netip"
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
	from    netip.Addr // who fetches it
	opened  time.Time
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

// newest returns when the newest of those was opened that a host holds; false if it holds none.
func (s *streams) newest(host netip.Addr) (at time.Time, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.open {
		if sameHost(one.from, host) {
			open = true
			if one.opened.After(at) {
				at = one.opened
			}
		}
	}
	return at, open
}

// sameHost tells whether two addresses may be one host's, which has many of IPv6 in its network.
func sameHost(a, b netip.Addr) bool {
	a, b = a.Unmap().WithZone(""), b.Unmap().WithZone("")
	return a == b || a.Is6() && b.Is6() && netip.PrefixFrom(a, 64).Masked().Contains(b)
}

// cut ends all streams at once, also those that wait for a screen which reads no more, and tells
// how many there were.
func (s *streams) cut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.open {
		one.cancel()
		_ = one.control.SetWriteDeadline(time.Now()) // a connection without deadlines ends with the context
	}
	return len(s.open)
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
			from, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero one is nobody's
			one := &stream{cancel, http.NewResponseController(w), from.Addr(), time.Now()}
			d.streams.add(one)
			defer d.streams.remove(one)
		}
		next.ServeHTTP(w, inner)
	})
}
