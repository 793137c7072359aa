package web

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/swarmgate/swarmgate/proxy"
)

// Renderers are the TVs and speakers of the home, which can be had to play what the gateway
// has. An error in one sentence is for a person to read.
type Renderers interface {
	// Renderers returns those that are there.
	Renderers() []Renderer
	// Play has one play a channel or film: proxy.ErrNotFound if there is none of that ID.
	Play(ctx context.Context, id, channel string) error
	// Pause, Resume and Stop are what the buttons of a remote control are.
	Pause(ctx context.Context, id string) error
	Resume(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	// Seek goes to a place in a film.
	Seek(ctx context.Context, id string, to time.Duration) error
	// SetVolume sets the volume, 0 to 100.
	SetVolume(ctx context.Context, id string, percent int) error
}

// Errors of Renderers, by which the status of an answer is chosen; others mean that a
// renderer does not answer.
var (
	// ErrNoRenderer says that no renderer has the ID.
	ErrNoRenderer = errors.New("there is no TV or speaker with this ID")
	// ErrRefused says that the renderer does not do it.
	ErrRefused = errors.New("the TV or speaker does not do this")
)

// Renderer is a TV or a speaker at /api/v1/renderers and in events.
type Renderer struct {
	ID        string  `json:"id"` // the same as long as the device keeps its own
	Name      string  `json:"name"`
	Model     string  `json:"model"`
	State     string  `json:"state"`      // "idle", "stopped", "buffering", "playing", "paused"
	Channel   string  `json:"channel"`    // ID of what it plays of this gateway's, empty for nothing
	PositionS float64 `json:"position_s"` // whole seconds are true
	DurationS float64 `json:"duration_s"` // 0 for a channel
	Volume    *int    `json:"volume"`     // percent; null where the device tells none
}

func (s *Server) rendererRoutes() map[string]http.Handler {
	act := func(f func(*http.Request, rendererOrder) error) methods {
		return methods{http.MethodPost: s.renderer(f)}
	}
	all := s.config.Renderers
	return map[string]http.Handler{
		"/api/v1/renderers": methods{http.MethodGet: s.listRenderers},
		"/api/v1/renderers/{id}/play": act(func(r *http.Request, o rendererOrder) error {
			if o.Channel == "" {
				return badOrder(`name what to play, {"channel": "…"}; /api/v1/channels lists it`)
			}
			return all.Play(r.Context(), r.PathValue("id"), o.Channel)
		}),
		"/api/v1/renderers/{id}/next": act(s.playNext),
		"/api/v1/renderers/{id}/pause": act(func(r *http.Request, _ rendererOrder) error {
			return all.Pause(r.Context(), r.PathValue("id"))
		}),
		"/api/v1/renderers/{id}/resume": act(func(r *http.Request, _ rendererOrder) error {
			return all.Resume(r.Context(), r.PathValue("id"))
		}),
		"/api/v1/renderers/{id}/stop": act(func(r *http.Request, _ rendererOrder) error {
			return all.Stop(r.Context(), r.PathValue("id"))
		}),
		"/api/v1/renderers/{id}/seek":   act(s.seekRenderer),
		"/api/v1/renderers/{id}/volume": act(s.setVolume),
	}
}

// rendererOrder is the body of a POST; each path takes one of the fields, most none.
type rendererOrder struct {
	Channel   string   `json:"channel"`
	PositionS *float64 `json:"position_s"`
	Percent   *float64 `json:"percent"`
	By        *int     `json:"by"`
}

// badOrder is an order that can't be understood, in one sentence.
type badOrder string

func (b badOrder) Error() string { return string(b) }

// maxPosition bounds a place in a film, in seconds.
const maxPosition = 1000 * 3600

func (s *Server) seekRenderer(r *http.Request, o rendererOrder) error {
	if p := o.PositionS; p == nil || math.IsNaN(*p) || *p < 0 || *p > maxPosition {
		return badOrder(`say where to go in seconds, 0 or more: {"position_s": 90}`)
	}
	return s.config.Renderers.Seek(r.Context(), r.PathValue("id"), time.Duration(*o.PositionS*float64(time.Second)))
}

func (s *Server) setVolume(r *http.Request, o rendererOrder) error {
	if p := o.Percent; p == nil || math.IsNaN(*p) || *p < 0 || *p > 100 {
		return badOrder(`say how loud from 0 to 100: {"percent": 30}`)
	}
	return s.config.Renderers.SetVolume(r.Context(), r.PathValue("id"), int(math.Round(*o.Percent)))
}

// playNext has a renderer play what comes behind, or with {"by": -1} before, in the catalog's
// list of channels or of films.
func (s *Server) playNext(r *http.Request, o rendererOrder) error {
	by := 1
	if o.By != nil {
		by = *o.By
	}
	if by != 1 && by != -1 {
		return badOrder(`say 1 for the next channel or -1 for the one before: {"by": 1}`)
	}
	all, id := s.config.Renderers.Renderers(), r.PathValue("id")
	at := slices.IndexFunc(all, func(one Renderer) bool { return one.ID == id })
	if at < 0 {
		return ErrNoRenderer
	}
	next, ok := neighbour(s.config.Gateway.Items(), all[at].Channel, by)
	if !ok {
		return badOrder("it plays nothing of this gateway, so nothing comes next; choose what to play")
	}
	return s.config.Renderers.Play(r.Context(), id, next.ID)
}

// neighbour returns the item before or behind one, among those of its kind.
func neighbour(items []proxy.Item, id string, by int) (proxy.Item, bool) {
	at := slices.IndexFunc(items, func(i proxy.Item) bool { return i.ID == id })
	if at < 0 {
		return proxy.Item{}, false
	}
	kind := items[at].Kind
	for range items {
		at = (at + by + len(items)) % len(items)
		if items[at].Kind == kind {
			return items[at], true
		}
	}
	return proxy.Item{}, false
}

func (s *Server) renderers() []Renderer {
	if s.config.Renderers == nil {
		return []Renderer{}
	}
	list := s.config.Renderers.Renderers()
	if list == nil {
		list = []Renderer{}
	}
	return list
}

func (s *Server) listRenderers(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, s.renderers())
}

// renderer reads an order, has it carried out and answers with the renderer as it then is.
func (s *Server) renderer(do func(*http.Request, rendererOrder) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		order, ok := s.readOrder(w, r)
		if !ok {
			return
		}
		id := r.PathValue("id")
		if err := do(r, order); err != nil {
			s.log.Info().Str("renderer", id).Str("path", r.URL.Path).Str("client", r.RemoteAddr).Err(err).Msg("TV or speaker not moved")
			s.failRenderer(w, err)
			return
		}
		for _, one := range s.renderers() {
			if one.ID == id {
				answerJSON(w, http.StatusOK, one)
				return
			}
		}
		s.failRenderer(w, ErrNoRenderer) // it has gone since
	}
}

// readOrder reads the body, which may be empty.
func (s *Server) readOrder(w http.ResponseWriter, r *http.Request) (rendererOrder, bool) {
	var order rendererOrder
	if r.ContentLength == 0 {
		return order, true
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.fail(w, http.StatusUnsupportedMediaType, "Send what to do as JSON, with Content-Type: application/json.")
		return order, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines only waits longer
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		s.fail(w, http.StatusBadRequest, `The body is not the JSON that this address takes; write {"channel": "…"}, {"position_s": 90}, {"percent": 30}, {"by": 1}, or nothing.`)
		return order, false
	}
	return order, true
}

func (s *Server) failRenderer(w http.ResponseWriter, err error) {
	if _, ok := errors.AsType[badOrder](err); ok {
		s.fail(w, http.StatusBadRequest, asSentence(err.Error()))
		return
	}
	switch {
	case errors.Is(err, proxy.ErrNotFound):
		s.noChannel(w)
	case errors.Is(err, ErrNoRenderer):
		s.fail(w, http.StatusNotFound, "There is no TV or speaker with this ID at the moment; /api/v1/renderers lists those that there are.")
	case errors.Is(err, ErrRefused):
		s.fail(w, http.StatusConflict, asSentence(err.Error()))
	default:
		s.fail(w, http.StatusBadGateway, asSentence(err.Error()))
	}
}

// asSentence gives a text its capital letter and its full stop.
func asSentence(text string) string {
	first, width := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[width:], ".") + "."
}
