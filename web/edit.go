package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// Editor changes how the household calls what it added, and in which order it is shown.
type Editor interface {
	// Rename gives an item a title and a group of the household's own: proxy.ErrNotFound when
	// it is not there, proxy.ErrConfigured when it comes with the configuration.
	Rename(id, title, group string) (proxy.Item, error)
	// Move puts an item so many places further on among those of its kind, or back below zero;
	// at either end it stays. Errors are those of Rename.
	Move(id string, by int) error
}

// edit is the body of a PATCH; what is missing stays as it is.
type edit struct {
	Title *string `json:"title"`
	Group *string `json:"group"`
	Move  int     `json:"move"` // places further on, or back below zero
}

// editChannel takes {"title": "…", "group": "…", "move": 1} and answers with the item as it then is.
func (s *Server) editChannel(w http.ResponseWriter, r *http.Request) {
	var change edit
	if !s.readJSON(w, r, &change, `{"title": "…", "group": "…", "move": 1}`) {
		return
	}
	id := r.PathValue("id")
	item, ok := s.config.Gateway.Item(id)
	if !ok {
		s.noChannel(w)
		return
	}
	var err error
	if change.Title != nil || change.Group != nil {
		title, group := item.Title, item.Group
		if change.Title != nil {
			title = strings.TrimSpace(*change.Title)
		}
		if change.Group != nil {
			group = strings.TrimSpace(*change.Group)
		}
		if title == "" {
			s.fail(w, http.StatusBadRequest, "The title is empty; write how it is to be called.")
			return
		}
		item, err = s.config.Gateway.Rename(id, title, group)
	}
	if err == nil && change.Move != 0 {
		err = s.config.Gateway.Move(id, change.Move)
	}
	switch {
	case errors.Is(err, proxy.ErrNotFound):
		s.noChannel(w)
	case errors.Is(err, proxy.ErrConfigured):
		s.fail(w, http.StatusConflict, err.Error()+".")
	case err != nil:
		s.fail(w, http.StatusBadRequest, asSentence(err.Error()))
	default:
		s.log.Info().Str("title", item.Title).Str("client", r.RemoteAddr).Msg("changed in the catalog")
		answerJSON(w, http.StatusOK, s.channel(r, item, s.config.Gateway.Sessions()))
	}
}

// readJSON reads a body of at most maxBody bytes, or answers how it has to look.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, into any, example string) bool {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines only waits longer
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		s.fail(w, http.StatusBadRequest, "Send JSON like "+example+": "+err.Error()+".")
		return false
	}
	return true
}
