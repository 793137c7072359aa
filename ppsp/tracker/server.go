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
	"slices"
	"strconv"
	"sync"
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
	// gets error 06 and each challenge as a WWW-Authenticate (RFC 7846, 4.3; RFC 7616).
	Authorize func(r *http.Request, peerID string) (challenges []string, ok bool)
	// Banned tells who is shut out: what they ask for is answered by error 03. Nil for nobody.
	Banned func(from netip.Addr, peerID string) bool
	// Watch is told of each answer when it was made; nil for nobody. r is the zero Request where
	// none was read. It is called by many goroutines, and must not keep r.
	Watch func(r *Request, from netip.Addr, code ErrorCode, took time.Duration)
	// Issuer, if set, issues membership certificates at CertificatePath; without it the tracker is no
	// certification authority.
	Issuer *Issuer
	// STUNPort is the UDP port at which this host answers STUN, which answers name (STUNPortHeader); 0 if it does not.
	STUNPort uint16
	// Strict reads Table 6 of RFC 7846 to the letter: a peer ID takes part in one swarm as a
	// leech, or is a seeder of those that it joined at first.
	Strict bool
	// OpenStatus shows the status, addresses of peers included, to everyone instead of
	// only to this machine (RFC 7846, 6.5).
	OpenStatus bool
	Logger     zerolog.Logger
}

// Server is a tracker, to be served over HTTPS by NewHTTPServer (RFC 7846, 4).
type Server struct {
	config   ServerConfig
	stunPort []string // as a header has it
	repeats  *repeats
	rooms    sync.Pool // of *room
	rates    rates
	outage   outage
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
	return &Server{config: c, stunPort: []string{strconv.Itoa(int(c.STUNPort))}, repeats: newRepeats(), rooms: sync.Pool{New: newRoom}}
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
	case s.config.Issuer != nil && r.URL.Path == CertificatePath && allowed(r.Method):
		s.serveCertificate(w, r)
	case r.Method == http.MethodPost:
		s.servePPSTP(w, r)
	case r.URL.Path == StatusPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.serveStatus(w, r)
	default:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "This is a PPSTP tracker (RFC 7846): it answers POST with "+MediaType+".", http.StatusMethodNotAllowed)
	}
}

// room is what one request needs of memory, lent to one after the other.
type room struct{ in, out []byte }

func newRoom() any { return &room{in: make([]byte, 0, 2048), out: make([]byte, 0, 4096)} }

// maxRoom is the largest memory that is kept for the next request, bytes.
const maxRoom = 64 << 10

func (s *Server) servePPSTP(w http.ResponseWriter, r *http.Request) {
	s.nameSTUN(w.Header())
	if t := r.Header["Content-Type"]; len(t) != 1 || t[0] != MediaType && !isPPSTP(t[0]) {
		http.Error(w, "PPSTP requests have the Content-Type "+MediaType+" (RFC 7846, 4).", http.StatusUnsupportedMediaType)
		return
	}
	m := s.rooms.Get().(*room)
	defer func() {
		if cap(m.in)+cap(m.out) <= maxRoom {
			s.rooms.Put(m)
		}
	}()
	began := s.config.Now()
	from := source(r)
	tell := func(request *Request, status int, response *Response) {
		s.write(w, status, response, m)
		if s.config.Watch != nil {
			s.config.Watch(request, from.Addr(), response.ErrorCode, s.config.Now().Sub(began))
		}
	}
	tooMany := !s.rates.may(from.Addr(), began)
	body, err := readBody(w, r, m.in[:0])
	m.in = body
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		tell(&Request{}, status, refusal(&Request{}, badRequest("%v", err)))
		return
	}
	if tooMany {
		w.Header()["Retry-After"] = []string{"10"}
		request := &Request{TransactionID: scanID(body)}
		tell(request, http.StatusServiceUnavailable, refusal(request, &Error{Code: ServiceUnavailable}))
		return
	}
	if len(body) == 0 && s.config.Authorize != nil {
		// So a Digest client asks for the challenge before it sends anything that matters.
		w.Header()["Www-Authenticate"], _ = s.authorize(r, "")
		s.write(w, http.StatusUnauthorized, refusal(&Request{}, &Error{Code: AuthenticationRequired}), m)
		return
	}
	request, err := DecodeRequest(body)
	var response *Response
	if refused, ok := errors.AsType[*Error](err); ok {
		s.config.Logger.Debug().Err(refused).Str("from", r.RemoteAddr).Msg("tracker: request refused")
		response = refusal(request, refused)
	} else if s.config.Banned != nil && s.config.Banned(from.Addr(), request.PeerID) {
		response = refusal(request, &Error{Code: ForbiddenAction})
	} else if challenges, ok := s.authorize(r, request.PeerID); !ok {
		w.Header()["Www-Authenticate"] = challenges
		response = refusal(request, &Error{Code: AuthenticationRequired})
	} else {
		if s.config.Authorize == nil {
			request.withoutRole()
		}
		response = s.answer(r.Context(), request, body, from)
	}
	tell(request, response.ErrorCode.HTTPStatus(), response)
}

// isPPSTP tells whether a Content-Type is PPSTP's, whatever its parameters.
func isPPSTP(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == MediaType
}

// readBody appends the request's body to b.
func readBody(w http.ResponseWriter, r *http.Request, b []byte) ([]byte, error) {
	if n := r.ContentLength; n >= 0 && n <= MaxRequest {
		b = slices.Grow(b, int(n))[:n]
		_, err := io.ReadFull(r.Body, b)
		return b, err
	}
	buffer := bytes.NewBuffer(b)
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, MaxRequest))
	return buffer.Bytes(), err
}

func (s *Server) authorize(r *http.Request, peerID string) (challenges []string, ok bool) {
	if s.config.Authorize == nil {
		return nil, true
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

// headers that all answers have.
var (
	contentType  = []string{MediaType}
	cacheControl = []string{"no-store"}
)

func (s *Server) write(w http.ResponseWriter, status int, response *Response, m *room) {
	m.out = appendResponse(m.out[:0], response)
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = contentType, cacheControl
	h["Content-Length"] = []string{strconv.Itoa(len(m.out))}
	w.WriteHeader(status)
	_, _ = w.Write(m.out) // a peer that is gone needs no answer
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
