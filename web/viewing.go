package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/viewing"
)

// viewingRoutes are the addresses by which the household tells what it likes, and where it left a film.
func (s *Server) viewingRoutes() map[string]http.Handler {
	favourite := func(is bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.viewed(w, s.config.Gateway.SetFavourite(r.PathValue("id"), is))
		}
	}
	return map[string]http.Handler{
		"/api/v1/channels/{id}/favourite": methods{http.MethodPut: favourite(true), http.MethodDelete: favourite(false)},
		"/api/v1/channels/{id}/position":  methods{http.MethodPut: s.putPosition},
	}
}

// putPosition takes {"position_s": 12.5}.
func (s *Server) putPosition(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines only waits longer
	var body struct {
		PositionS *float64 `json:"position_s"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	if err != nil || body.PositionS == nil || *body.PositionS < 0 || *body.PositionS > viewing.MaxPosition.Seconds() {
		s.fail(w, http.StatusBadRequest, `Send where the film was left as JSON, {"position_s": SECONDS}.`)
		return
	}
	s.viewed(w, s.config.Gateway.SetPosition(r.PathValue("id"), time.Duration(*body.PositionS*float64(time.Second))))
}

// viewed answers for what was noted.
func (s *Server) viewed(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, proxy.ErrNotFound):
		s.fail(w, http.StatusNotFound, "There is no such channel or film, or a channel, which has no position; /api/v1/channels lists those that there are.")
	case err != nil:
		s.log.Error().Err(err).Msg("what the household watches can't be noted")
		s.fail(w, http.StatusInternalServerError, "It can't be noted: "+err.Error()+".")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
