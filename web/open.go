package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// openTimeout is how long a client waits for the first bytes from the swarm.
const openTimeout = 30 * time.Second

var errTooSlow = errors.New("no peer has sent anything yet")

// open opens a stream whose reads ctx bounds, and gives up after openTimeout.
func open[S io.Closer](ctx context.Context, cancel context.CancelCauseFunc, id string, from func(context.Context, string) (S, error)) (S, error) {
	timer := time.AfterFunc(openTimeout, func() { cancel(errTooSlow) })
	stream, err := from(ctx, id)
	if !timer.Stop() && err == nil {
		_ = stream.Close() // too late: its context has ended
		err = errTooSlow
	}
	if err != nil && errors.Is(context.Cause(ctx), errTooSlow) {
		err = errTooSlow
	}
	return stream, err
}

// enter takes a place among the streams, or answers that there is none.
func (s *Server) enter(w http.ResponseWriter) bool {
	if s.streams.take() {
		return true
	}
	s.busy(w, fmt.Sprintf("The gateway is sending %d streams already, as many as it may; stop one and try again.", MaxStreams))
	return false
}

func (s *Server) busy(w http.ResponseWriter, sentence string) {
	w.Header().Set("Retry-After", "5")
	s.fail(w, http.StatusServiceUnavailable, sentence)
}

// failOpen answers why a channel or film could not be opened.
func (s *Server) failOpen(w http.ResponseWriter, r *http.Request, title string, err error) {
	switch {
	case r.Context().Err() != nil:
		return // nobody is there to read it
	case errors.Is(err, proxy.ErrNotFound):
		s.fail(w, http.StatusNotFound, fmt.Sprintf("%q is not in the catalog any more.", title))
	case errors.Is(err, proxy.ErrBusy):
		s.busy(w, "The gateway is fetching as many channels and films as it may; stop watching one and try again.")
	case errors.Is(err, errTooSlow):
		s.log.Warn().Str("title", title).Dur("waited", openTimeout).Msg("no peer has sent anything")
		s.fail(w, http.StatusGatewayTimeout, fmt.Sprintf("No peer has sent %q within %s; try again, or ask its publisher whether it is on.", title, openTimeout))
	default:
		s.log.Warn().Str("title", title).Err(err).Msg("can't be played")
		s.fail(w, http.StatusBadGateway, fmt.Sprintf("%q can't be played: %v.", title, err))
	}
}

// unlessGone returns err unless the client has gone, which is how every viewing ends.
func unlessGone(r *http.Request, err error) error {
	if r.Context().Err() != nil {
		return nil
	}
	return err
}
