package tracker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
)

// StatusPath is where a GET finds the Status as JSON. A POST to any path is PPSTP.
const StatusPath = "/status"

// ServerConfig configures a Server. The zero value works.
type ServerConfig struct {
	// Registry keeps the swarms; a Memory with TrackTimeout if nil.
	Registry Registry
	// TrackTimeout is told to peers and must be that of the Registry; DefaultTrackTimeout
	// if zero.
	TrackTimeout time.Duration
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Authorize decides whether the peer may make this request; all may if nil. If not, it
	// gets error 06 and the challenge as WWW-Authenticate (RFC 7846, 4.3; RFC 7616).
	Authorize func(r *http.Request, peerID string) (challenge string, ok bool)
	// OpenStatus shows the status, addresses of peers included, to everyone instead of
	// only to this machine (RFC 7846, 6.5).
	OpenStatus bool
	Logger     zerolog.Logger
}

// Server is a tracker, to be served over HTTPS by NewHTTPServer (RFC 7846, 4).
type Server struct {
	config ServerConfig
}

// NewServer returns a tracker. It starts nothing.
func NewServer(c ServerConfig) *Server {
	if c.TrackTimeout <= 0 {
		c.TrackTimeout = DefaultTrackTimeout
	}
	if c.Registry == nil {
		c.Registry = NewMemory(MemoryConfig{TrackTimeout: c.TrackTimeout})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Server{config: c}
}

// Bounds of the interval at which Run expires peers.
const (
	minExpireInterval = time.Second
	maxExpireInterval = 30 * time.Second
)

// Run frees the memory of peers that fell silent, until ctx ends; then it returns nil. The
// answers of the tracker are right without it.
func (s *Server) Run(ctx context.Context) error {
	interval := min(max(s.config.TrackTimeout/4, minExpireInterval), maxExpireInterval)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := s.config.Registry.Expire(ctx, s.config.Now()); err != nil && ctx.Err() == nil {
			s.config.Logger.Error().Err(err).Msg("tracker: can't expire silent peers; is its registry reachable?")
		}
	}
}

// Bounds of a tracker's HTTP connections. Peers ask every 10 to 40 s and keep theirs open.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = 90 * time.Second
	maxHeader      = 16 << 10 // bytes
)

// NewHTTPServer returns an HTTP server with bounds that fit a tracker. The caller serves
// and shuts it down.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		s.servePPSTP(w, r)
	case r.URL.Path == StatusPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.serveStatus(w, r)
	default:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "This is a PPSTP tracker (RFC 7846): it answers POST with "+MediaType+".", http.StatusMethodNotAllowed)
	}
}

func (s *Server) servePPSTP(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != MediaType {
		http.Error(w, "PPSTP requests have the Content-Type "+MediaType+" (RFC 7846, 4).", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.write(w, status, refusal(&Request{}, badRequest("%v", err)))
		return
	}
	request, err := DecodeRequest(body)
	var response *Response
	if refused, ok := errors.AsType[*Error](err); ok {
		s.config.Logger.Debug().Err(refused).Str("from", r.RemoteAddr).Msg("tracker: request refused")
		response = refusal(request, refused)
	} else if challenge, ok := s.authorize(r, request.PeerID); !ok {
		if challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
		response = refusal(request, &Error{Code: AuthenticationRequired})
	} else {
		response = s.answer(r.Context(), request, source(r))
	}
	s.write(w, response.ErrorCode.HTTPStatus(), response)
}

func (s *Server) authorize(r *http.Request, peerID string) (challenge string, ok bool) {
	if s.config.Authorize == nil {
		return "", true
	}
	return s.config.Authorize(r, peerID)
}

// source returns whence the request came, as a REFLEXIVE address: RFC 7846, 4.1.1: "If no
// STUN is used and the tracker is able to work as a "STUN-like" server [...] the tracker
// can return the address back with a "REFLEXIVE" attribute type."
func source(r *http.Request) Address {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Address{}
	}
	return Address{AddrPort: netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()), Type: Reflexive}
}

func (s *Server) write(w http.ResponseWriter, status int, response *Response) {
	b, err := EncodeResponse(response)
	if err != nil {
		s.config.Logger.Error().Err(err).Msg("tracker: can't encode a response; please report this")
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a peer that is gone needs no answer
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	if !s.config.OpenStatus && !local(r) {
		http.Error(w, "The status is shown only to the tracker's own machine.", http.StatusForbidden)
		return
	}
	status, err := s.config.Registry.Status(r.Context(), s.config.Now())
	if err != nil {
		s.config.Logger.Error().Err(err).Msg("tracker: can't read the registry")
		http.Error(w, "the registry can't be read", http.StatusInternalServerError)
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(status); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes())
}

// local tells whether the request was made on this machine, not merely passed on by a
// reverse proxy there.
func local(r *http.Request) bool {
	return source(r).Addr().IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}
