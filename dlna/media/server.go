package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/timeseek"
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
	Shift      Shifter       // earlier parts of channels; nil for none
	// Captions returns the URL of an item's subtitles as the screen that asks reaches it, empty
	// for none; nil for none at all.
	Captions func(r *http.Request, item proxy.Item) string
	// Adapt changes how an item is offered to the screen that asks, by what is known of its
	// kind; nil changes nothing. It must change DIDL-Lite in the same way.
	Adapt  func(r *http.Request, f Format) Format
	Logger zerolog.Logger
	// Untimed is told of a film that can't be entered by time, so that it is no more offered so; nil for nobody.
	Untimed func(id string)

	streams atomic.Int64
	cuts    places
	indexes indexes
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
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		http.Error(w, "a request for media has no body", http.StatusBadRequest)
		return
	}
	// Nothing is written while a swarm is cold; then there is time for a status.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.patience() + liveStall))
	item, ok := s.Library.Item(idOf(r.PathValue("file")))
	if !ok {
		http.Error(w, "there is no such channel or film", http.StatusNotFound)
		return
	}
	format := FormatOf(item)
	if s.Adapt != nil {
		format = s.Adapt(r, format)
	}
	ask, code := negotiate(r.Header, format)
	if code != http.StatusOK {
		http.Error(w, "not in that transfer mode, from that time or at that speed", code)
		return
	}
	s.describe(w.Header(), r, item, format, ask)
	if r.Method == http.MethodHead && (format.Live || item.Length > 0) && ask.seek == nil {
		s.head(w, r, item, format)
		return
	}
	if s.streams.Add(1) > int64(s.maxStreams()) {
		s.streams.Add(-1)
		s.refuse(w, item, proxy.ErrBusy)
		return
	}
	defer s.streams.Add(-1)
	switch {
	case format.Live && ask.seek != nil:
		s.shifted(w, r, item, *ask.seek)
	case format.Live:
		s.live(w, r, item)
	case ask.seek != nil:
		s.filmFrom(w, r, item, *ask.seek)
	default:
		s.film(w, r, item)
	}
}

// describe writes the headers by which a screen knows what it gets.
func (s *Server) describe(h http.Header, r *http.Request, item proxy.Item, format Format, ask asked) {
	h.Set("Content-Type", format.MIME)
	h["SERVER"] = []string{s.Product}
	h[dmsdlna.TransferModeDomain] = []string{ask.mode}
	h[dmsdlna.ContentFeaturesDomain] = []string{format.ContentFeatures}
	h["realTimeInfo.dlna.org"] = []string{"DLNA.ORG_TLAG=*"}
	if ask.available {
		if span := s.available(item, format); span != "" {
			h["availableSeekRange.dlna.org"] = []string{span}
		}
	}
	// By this header Samsung's television sets ask how long a film plays, in milliseconds.
	if r.Header.Get("getMediaInfo.sec") == "1" && item.Duration > 0 {
		h["MediaInfo.sec"] = []string{"SEC_Duration=" + strconv.FormatInt(item.Duration.Milliseconds(), 10) + ";"}
	}
	if s.Captions != nil && r.Header.Get("getCaptionInfo.sec") == "1" {
		if url := s.Captions(r, item); url != "" {
			h["CaptionInfo.sec"] = []string{url}
		}
	}
}

func (s *Server) patience() time.Duration {
	if s.Patience > 0 {
		return s.Patience
	}
	return DefaultPatience
}

func (s *Server) maxStreams() int {
	if s.MaxStreams > 0 {
		return s.MaxStreams
	}
	return DefaultMaxStreams
}

// asked is what the headers of DLNA ask for.
type asked struct {
	mode      string          // for the answer
	seek      *timeseek.Range // nil for the whole
	available bool            // which times there are is to be told
}

// negotiate reads the headers by which DLNA asks for a way of transfer. The status is
// StatusOK if the request can be met.
func negotiate(h http.Header, f Format) (ask asked, code int) {
	for _, question := range []string{"getcontentFeatures.dlna.org", "getAvailableSeekRange.dlna.org"} {
		if wants := h.Get(question); wants != "" && strings.TrimSpace(wants) != "1" {
			return asked{}, http.StatusBadRequest // DLNA Guidelines, 7.4.26.6 and 7.4.35
		}
	}
	ask.available = f.TimeSeek && h.Get("getAvailableSeekRange.dlna.org") != ""
	if !normalSpeed(h.Get("PlaySpeed.dlna.org")) {
		return asked{}, http.StatusNotAcceptable
	}
	if code := ask.time(h, f); code != http.StatusOK {
		return asked{}, code
	}
	switch mode := h.Get(dmsdlna.TransferModeDomain); strings.ToLower(strings.TrimSpace(mode)) {
	case "", "streaming":
		ask.mode = "Streaming"
		return ask, http.StatusOK
	case "background":
		if !f.Live {
			ask.mode = "Background"
			return ask, http.StatusOK
		}
	}
	return asked{}, http.StatusNotAcceptable
}

// time reads TimeSeekRange.dlna.org. Some screens ask for everything from time 0, of channels
// and together with ranges of bytes too: that is no seeking.
func (ask *asked) time(h http.Header, f Format) int {
	value := h.Get(dmsdlna.TimeSeekRangeDomain)
	if value == "" {
		return http.StatusOK
	}
	seek, err := timeseek.ParseRange(value)
	switch {
	case err != nil && f.TimeSeek:
		return http.StatusBadRequest
	case err != nil:
		return http.StatusNotAcceptable
	case seek.From == 0 && (seek.To == 0 && (f.Live || !f.TimeSeek) || h.Get("Range") != ""):
		return http.StatusOK
	case !f.TimeSeek:
		return http.StatusNotAcceptable
	}
	ask.seek = &seek
	return http.StatusOK
}

func normalSpeed(speed string) bool {
	speed, _ = strings.CutPrefix(strings.ReplaceAll(speed, " ", ""), "speed=")
	return speed == "" || speed == "1"
}

// open opens an item within the server's patience. What it opens lives until the request
// ends or cancel is called.
func open[T any](s *Server, r *http.Request, id string, from func(context.Context, string) (T, error)) (T, context.CancelFunc, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(s.patience(), func() { cancel(errPatience) })
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
