package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// channel is an item of the catalog at /api/v1/channels.
type channel struct {
	ID        string      `json:"id"`
	Title     string      `json:"title"`
	Kind      string      `json:"kind"` // "live", "film"
	Group     string      `json:"group"`
	Link      string      `json:"link"`
	Logo      string      `json:"logo"` // empty for none
	URLs      itemURLs    `json:"urls"`
	State     proxy.State `json:"state"` // "idle" when nobody watches
	MediaType string      `json:"media_type"`
	Length    int64       `json:"length"`     // of a film in bytes, 0 while unknown
	DurationS float64     `json:"duration_s"` // of a film, 0 while unknown
	RateBps   int64       `json:"rate_bps"`   // of a film on average, 0 while unknown
	Favourite bool        `json:"favourite"`
	PositionS float64     `json:"position_s"`    // of a film, where to go on; 0 for the beginning
	Now       *programme  `json:"now,omitempty"` // on a channel, by the guide
	Next      *programme  `json:"next,omitempty"`
	Codecs    *codecs     `json:"codecs,omitempty"` // of a channel that was watched since the start

	Watched   *time.Time `json:"watched,omitempty"`   // when a screen last began to show it
	Subtitles []subtitle `json:"subtitles,omitempty"` // of a film
}

func (s *Server) channel(r *http.Request, item proxy.Item, sessions []proxy.Session) channel {
	now, next := s.onAir(item.ID, time.Now())
	shown := channel{
		Now: now, Next: next,
		ID: item.ID, Title: item.Title, Kind: item.Kind.String(), Group: item.Group, Link: item.Link,
		Logo: item.Logo, URLs: s.urlsOf(r, item), State: stateOf(item.ID, sessions),
		MediaType: item.MediaType, Length: item.Length, DurationS: item.Duration.Seconds(), RateBps: item.Rate,
		Favourite: item.Favourite, PositionS: item.Position.Seconds(), Codecs: codecsOf(item.Codecs),
		Subtitles: subtitlesOf(s.origin(r)+s.streamKey(r), item),
	}
	if !item.Watched.IsZero() {
		shown.Watched = &item.Watched
	}
	return shown
}

func stateOf(id string, sessions []proxy.Session) proxy.State {
	for _, session := range sessions {
		if session.Channel == id {
			return session.State
		}
	}
	return proxy.StateIdle
}

func (s *Server) listChannels(w http.ResponseWriter, r *http.Request) {
	sessions := s.config.Gateway.Sessions()
	items := s.config.Gateway.Items()
	list := make([]channel, 0, len(items))
	for _, item := range items {
		list = append(list, s.channel(r, item, sessions))
	}
	answerJSON(w, http.StatusOK, list)
}

func (s *Server) showChannel(w http.ResponseWriter, r *http.Request) {
	item, ok := s.config.Gateway.Item(r.PathValue("id"))
	if !ok {
		s.noChannel(w)
		return
	}
	answerJSON(w, http.StatusOK, s.channel(r, item, s.config.Gateway.Sessions()))
}

func (s *Server) noChannel(w http.ResponseWriter) {
	s.fail(w, http.StatusNotFound, "There is no channel or film with this ID; /api/v1/channels lists those that there are.")
}

const (
	// maxBody bounds the body of a request in bytes; a link is far shorter.
	maxBody = 64 << 10
	// bodyTimeout is how long a client may take to send it.
	bodyTimeout = 10 * time.Second
)

// addChannel takes {"link": "…"}.
func (s *Server) addChannel(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.fail(w, http.StatusUnsupportedMediaType, `Send the link as JSON, {"link": "…"}, with Content-Type: application/json.`)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines only waits longer
	var body struct {
		Link string `json:"link"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		s.badBody(w, err)
		return
	}
	link := strings.TrimSpace(body.Link)
	if link == "" {
		s.fail(w, http.StatusBadRequest, "The link is empty; paste the one that the publisher gave you.")
		return
	}
	item, err := s.config.Gateway.Add(link)
	if errors.Is(err, proxy.ErrConfigured) {
		s.fail(w, http.StatusConflict, err.Error()+".")
		return
	}
	if errors.Is(err, proxy.ErrNotWritten) {
		s.notKept(w, err)
		return
	}
	if err != nil {
		s.fail(w, http.StatusBadRequest, err.Error())
		return
	}
	s.log.Info().Str("title", item.Title).Str("kind", item.Kind.String()).Str("client", r.RemoteAddr).Msg("added to the catalog")
	w.Header().Set("Location", "/api/v1/channels/"+url.PathEscape(item.ID))
	answerJSON(w, http.StatusCreated, s.channel(r, item, s.config.Gateway.Sessions()))
}

func (s *Server) badBody(w http.ResponseWriter, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		s.fail(w, http.StatusRequestEntityTooLarge, "This is too long for a link.")
		return
	}
	s.fail(w, http.StatusBadRequest, `Send the link as JSON, {"link": "…"}: `+err.Error()+".")
}

func (s *Server) removeChannel(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	item, _ := s.config.Gateway.Item(id)
	switch err := s.config.Gateway.Remove(id); {
	case errors.Is(err, proxy.ErrNotFound):
		s.noChannel(w)
	case errors.Is(err, proxy.ErrConfigured):
		s.fail(w, http.StatusConflict, err.Error()+".")
	case err != nil:
		s.log.Error().Str("title", item.Title).Err(err).Msg("can't be removed from the catalog")
		s.fail(w, http.StatusInternalServerError, "It can't be removed: "+err.Error()+".")
	default:
		s.log.Info().Str("title", item.Title).Str("client", r.RemoteAddr).Msg("removed from the catalog")
		w.WriteHeader(http.StatusNoContent)
	}
}
