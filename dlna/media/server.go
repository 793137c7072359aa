package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/proxy"
)

const (
	// DefaultMaxStreams bounds the requests that are being served at once.
	DefaultMaxStreams = 64
	// DefaultPatience is how long a screen is kept waiting for the first bytes of a swarm
	// that has yet to be found. Screens themselves wait for 30 seconds and more.
	DefaultPatience = 25 * time.Second
	// liveStall ends a live stream to a screen that takes nothing.
	liveStall = 30 * time.Second
	// filmStall ends a film that a screen has paused, by not reading, for so long; it will
	// ask for the rest by a range.
	filmStall = 10 * time.Minute
	// maxAgent bounds how much of a screen's name is logged, in bytes.
	maxAgent = 120
)

// errPatience is why a session that has no first bytes is given up.
var errPatience = errors.New("no peer has delivered anything yet")

// Library is where channels and films come from.
type Library interface {
	Item(id string) (proxy.Item, bool)
	OpenLive(ctx context.Context, id string) (io.ReadCloser, error)
	OpenFilm(ctx context.Context, id string) (proxy.Film, error)
}

// Server sends channels and films. It is an http.Handler for the paths that Path returns,
// with the last segment as the path value "file".
type Server struct {
	Library    Library
	Product    string        // SERVER header
	MaxStreams int           // DefaultMaxStreams if 0
	Patience   time.Duration // DefaultPatience if 0
	Logger     zerolog.Logger

	streams atomic.Int64
}

// Streams returns how many requests are being served.
func (s *Server) Streams() int { return int(s.streams.Load()) }

// ServeHTTP sends the item named by the path value "file".
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "media are fetched by GET", http.StatusMethodNotAllowed)
		return
	}
	item, ok := s.Library.Item(idOf(r.PathValue("file")))
	if !ok {
		http.Error(w, "there is no such channel or film", http.StatusNotFound)
		return
	}
	format := FormatOf(item)
	mode, code := negotiate(r.Header, format)
	if code != http.StatusOK {
		http.Error(w, "not in that transfer mode, from that time or at that speed", code)
		return
	}
	h := w.Header()
	h.Set("Content-Type", format.MIME)
	h["SERVER"] = []string{s.Product}
	h[dmsdlna.TransferModeDomain] = []string{mode}
	h[dmsdlna.ContentFeaturesDomain] = []string{format.ContentFeatures}
	h["realTimeInfo.dlna.org"] = []string{"DLNA.ORG_TLAG=*"}
	if r.Method == http.MethodHead && (format.Live || item.Length > 0) {
		s.head(w, r, item, format)
		return
	}
	if s.streams.Add(1) > int64(s.maxStreams()) {
		s.streams.Add(-1)
		s.refuse(w, item, proxy.ErrBusy)
		return
	}
	defer s.streams.Add(-1)
	if format.Live {
		s.live(w, r, item)
	} else {
		s.film(w, r, item)
	}
}

func (s *Server) maxStreams() int {
	if s.MaxStreams > 0 {
		return s.MaxStreams
	}
	return DefaultMaxStreams
}

// negotiate reads the headers by which DLNA asks for a way of transfer. It returns the mode
// for the answer, and the status: StatusOK if the request can be met.
func negotiate(h http.Header, f Format) (mode string, code int) {
	if wants := h.Get("getcontentFeatures.dlna.org"); wants != "" && strings.TrimSpace(wants) != "1" {
		return "", http.StatusBadRequest // DLNA Guidelines, 7.4.26.6
	}
	if !fromStart(h.Get(dmsdlna.TimeSeekRangeDomain)) || !normalSpeed(h.Get("PlaySpeed.dlna.org")) {
		return "", http.StatusNotAcceptable
	}
	switch mode := h.Get(dmsdlna.TransferModeDomain); strings.ToLower(strings.TrimSpace(mode)) {
	case "", "streaming":
		return "Streaming", http.StatusOK
	case "background":
		if !f.Live {
			return "Background", http.StatusOK
		}
	}
	return "", http.StatusNotAcceptable
}

// fromStart tells whether a TimeSeekRange.dlna.org asks for no more than the beginning:
// "npt=0-", "npt=0.000-", "npt=00:00:00.000-".
func fromStart(timeSeek string) bool {
	if timeSeek == "" {
		return true
	}
	from, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(timeSeek, " ", "")), "npt=")
	return ok && strings.HasSuffix(from, "-") && strings.Trim(from, "0:.-") == ""
}

func normalSpeed(speed string) bool {
	speed, _ = strings.CutPrefix(strings.ReplaceAll(speed, " ", ""), "speed=")
	return speed == "" || speed == "1"
}

// open opens an item within the server's patience. What it opens lives until the request
// ends or cancel is called.
func open[T any](s *Server, r *http.Request, id string, from func(context.Context, string) (T, error)) (T, context.CancelFunc, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	patience := s.Patience
	if patience <= 0 {
		patience = DefaultPatience
	}
	timer := time.AfterFunc(patience, func() { cancel(errPatience) })
	opened, err := from(ctx, id)
	if inTime := timer.Stop(); err == nil && !inTime {
		err = errPatience
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return opened, func() { cancel(nil) }, err
}

// refuse says why nothing can be sent, to the screen as a status and to the household in
// the log.
func (s *Server) refuse(w http.ResponseWriter, item proxy.Item, err error) {
	h := w.Header()
	delete(h, dmsdlna.ContentFeaturesDomain)
	code, text := http.StatusServiceUnavailable, err.Error()
	switch {
	case errors.Is(err, proxy.ErrNotFound):
		code, text = http.StatusNotFound, proxy.ErrNotFound.Error()
	case errors.Is(err, errPatience):
		text = errPatience.Error()
	case errors.Is(err, proxy.ErrBusy):
		text = proxy.ErrBusy.Error()
	}
	if code == http.StatusServiceUnavailable {
		h.Set("Retry-After", "10")
	}
	s.Logger.Warn().Err(err).Str("title", item.Title).Msg("can't be played")
	http.Error(w, text, code)
}

// started notes what a household wants to read: that a screen plays from the beginning.
// Screens fetch a film in many ranges, of which only the first is news.
func (s *Server) started(r *http.Request, item proxy.Item) {
	level := zerolog.InfoLevel
	if from := r.Header.Get("Range"); from != "" && !strings.HasPrefix(from, "bytes=0-") {
		level = zerolog.DebugLevel
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	agent := r.UserAgent()
	s.Logger.WithLevel(level).Str("title", item.Title).Str("screen", host).
		Str("agent", agent[:min(len(agent), maxAgent)]).Msg("a screen plays")
}
