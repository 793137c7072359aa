package picture

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/proxy"
)

const (
	// maxKept bounds the pictures that are kept in memory, in bytes, and how many there are.
	maxKept      = 2 << 20
	maxKeptCount = 512
	// retryAfter is how long one that could not be had is not asked for again; retrySoon, if nobody
	// answered in time, which may be for want of a line.
	retryAfter = 5 * time.Minute
	retrySoon  = 20 * time.Second
	// maxFetches bounds the pictures that are fetched at once; others wait.
	maxFetches = 4
	// patience is how long a screen waits for that.
	patience = 10 * time.Second
)

// Library is where logos are named.
type Library interface {
	Item(id string) (proxy.Item, bool)
}

// Server sends pictures. It is an http.Handler for the paths that Path returns, with the last
// segment as the path value "file". New makes it.
type Server struct {
	library Library
	fetch   Fetch
	product string
	log     zerolog.Logger
	slots   chan struct{}
	convert chan struct{} // holds a token while a picture is unpacked: that takes up to 20 MB

	mu    sync.Mutex
	kept  []kept // oldest first
	bytes int    // of all of them
}

// kept is a picture that was made, or could not be.
type kept struct {
	logo string
	size profile.Picture
	b    []byte // nil: it could not be had
	at   time.Time
	soon bool // it may soon be had
}

// New makes a server. product is the SERVER header.
func New(library Library, fetch Fetch, product string, log zerolog.Logger) *Server {
	return &Server{library: library, fetch: fetch, product: product, log: log, slots: make(chan struct{}, maxFetches), convert: make(chan struct{}, 1)}
}

// ServeHTTP sends the picture named by the path value "file".
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, size, ok := parsePath(r.PathValue("file"))
	item, known := s.library.Item(id)
	if !ok || !known || !Can(item.Logo) {
		http.Error(w, "there is no such picture", http.StatusNotFound)
		return
	}
	b, inTime := s.picture(r.Context(), item.Logo, size)
	if !inTime {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "the picture does not come in time; ask again", http.StatusServiceUnavailable)
		return
	}
	if b == nil {
		http.Error(w, "the picture can't be had", http.StatusNotFound)
		return
	}
	h := w.Header()
	h["SERVER"] = []string{s.product}
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "max-age=3600")
	h["transferMode.dlna.org"] = []string{"Interactive"}
	h["contentFeatures.dlna.org"] = []string{"DLNA.ORG_PN=" + string(size) + ";DLNA.ORG_OP=00;DLNA.ORG_CI=1;DLNA.ORG_FLAGS=00D00000000000000000000000000000"}
	_, _ = w.Write(b)
}

// picture returns a logo in a size, nil if it can't be had. Where only time was lacking, nothing is
// known of it.
func (s *Server) picture(ctx context.Context, logo string, size profile.Picture) (b []byte, inTime bool) {
	if k, ok := s.find(logo, size); ok {
		return k.b, k.b != nil || !k.soon
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, false
	}
	if k, ok := s.find(logo, size); ok { // somebody else has brought it
		return k.b, k.b != nil || !k.soon
	}
	b, err := s.make(ctx, logo, size)
	switch {
	case err == nil:
		s.keep(kept{logo: logo, size: size, b: b, at: time.Now()})
		return b, true
	case ctx.Err() != nil: // our own impatience, or the screen's
		return nil, false
	}
	s.log.Info().Err(err).Str("logo", logo[:min(len(logo), 100)]).Msg("a logo can't be shown on screens")
	late, ok := errors.AsType[net.Error](err)
	slow := ok && late.Timeout()
	s.keep(kept{logo: logo, size: size, at: time.Now(), soon: slow})
	return nil, !slow
}

func (s *Server) make(ctx context.Context, logo string, size profile.Picture) ([]byte, error) {
	from := inline
	if !strings.HasPrefix(logo, "data:") {
		from = func(url string) ([]byte, error) { return s.fetch(ctx, url) }
	}
	b, err := from(logo)
	if err != nil {
		return nil, err
	}
	select {
	case s.convert <- struct{}{}:
		defer func() { <-s.convert }()
		return convert(b, size)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Server) find(logo string, size profile.Picture) (kept, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.kept, func(k kept) bool { return k.logo == logo && k.size == size })
	if i < 0 {
		return kept{}, false
	}
	again := retryAfter
	if s.kept[i].soon {
		again = retrySoon
	}
	if s.kept[i].b == nil && time.Since(s.kept[i].at) > again {
		return kept{}, false
	}
	return s.kept[i], true
}

// keep takes a picture in, and leaves the oldest out that have no room.
func (s *Server) keep(k kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(old kept) bool {
		same := old.logo == k.logo && old.size == k.size
		if same {
			s.bytes -= old.weight()
		}
		return same
	})
	s.kept = append(s.kept, k)
	s.bytes += k.weight()
	for s.bytes > maxKept || len(s.kept) > maxKeptCount {
		s.bytes -= s.kept[0].weight()
		s.kept = slices.Delete(s.kept, 0, 1)
	}
}

func (k kept) weight() int { return len(k.b) + len(k.logo) }
