package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// Editor changes how the household calls what it added, and in which order it is shown.
type Editor interface {
	// Rename gives an item a title and a group of the household's own: proxy.ErrNotFound when
	// it is not there, proxy.ErrConfigured when it comes with the configuration,
	// proxy.ErrNotWritten when it can't be written down.
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
	switch item, err := s.edit(item, title, group, change.Move); {
	case errors.Is(err, proxy.ErrNotFound):
		s.noChannel(w)
	case errors.Is(err, proxy.ErrConfigured):
		s.fail(w, http.StatusConflict, err.Error()+".")
	case errors.Is(err, proxy.ErrNotWritten):
		s.notKept(w, err)
	case err != nil:
		s.fail(w, http.StatusBadRequest, asSentence(err.Error()))
	default:
		s.log.Info().Str("title", item.Title).Str("client", r.RemoteAddr).Msg("changed in the catalog")
		answerJSON(w, http.StatusOK, s.channel(r, item, s.config.Gateway.Sessions()))
	}
}

// edit makes a change whole or not at all: what was renamed and can't be moved gets its old name.
func (s *Server) edit(item proxy.Item, title, group string, by int) (proxy.Item, error) {
	renamed := item
	var err error
	if title != item.Title || group != item.Group {
		if renamed, err = s.config.Gateway.Rename(item.ID, title, group); err != nil {
			return item, err
		}
	}
	if by == 0 {
		return renamed, nil
	}
	if err = s.config.Gateway.Move(item.ID, by); err != nil && (title != item.Title || group != item.Group) {
		if _, again := s.config.Gateway.Rename(item.ID, item.Title, item.Group); again != nil {
			err = fmt.Errorf("%w; %q keeps its new name, as the old one could not be put back", err, title)
		}
	}
	return renamed, err
}

// notKept answers that the fault lies with us: the disk is full, say.
func (s *Server) notKept(w http.ResponseWriter, err error) {
	s.log.Error().Err(err).Msg("the catalog can't be changed")
	s.fail(w, http.StatusInternalServerError, asSentence(err.Error()+"; look whether the disk is full"))
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
