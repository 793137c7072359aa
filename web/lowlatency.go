package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/swarmgate/swarmgate/proxy"
)

// lowLatencyList is the name of a channel's list in Low-Latency HLS, beside index.m3u8.
const lowLatencyList = "ll.m3u8"

// lowLatency serves /live/{id}/ll.m3u8, and the lists and parts beside it, which have "_" in their
// names. Where the channel's coding does not allow fragmented MP4, players are sent on to index.m3u8.
func (s *Server) lowLatency(w http.ResponseWriter, r *http.Request, item proxy.Item) {
	h := w.Header()
	if r.Method == http.MethodHead {
		h.Set("Content-Type", playlistType) // no swarm is joined for it
		return
	}
	if !s.enter(w) {
		return
	}
	defer s.streams.give()
	ctx, cancel := context.WithTimeoutCause(r.Context(), openTimeout, errTooSlow)
	defer cancel()
	handler, err := s.config.Gateway.LowLatency(ctx, item.ID, player(r))
	if why, never := errors.AsType[proxy.NoFragmentsError](err); never {
		if r.PathValue("part") == lowLatencyList {
			h.Set("Location", "index.m3u8")
			s.fail(w, http.StatusTemporaryRedirect, asSentence(why.Error()+"; index.m3u8 has it as a transport stream"))
			return
		}
		s.fail(w, http.StatusNotFound, asSentence(why.Error()))
		return
	}
	if err != nil {
		if errors.Is(context.Cause(ctx), errTooSlow) {
			err = errTooSlow
		}
		s.failOpen(w, r, item.Title, err)
		return
	}
	answered := &answeredWriter{timedWriter: timedWriter{w, http.NewResponseController(w)}}
	handler.ServeHTTP(answered, r)
	if !answered.yes {
		s.fail(w, http.StatusNotFound, "This part of the channel is no longer kept; load "+lowLatencyList+" again.")
	}
}

// answeredWriter notes whether anything was answered.
type answeredWriter struct {
	timedWriter
	yes bool
}

// WriteHeader notes it.
func (w *answeredWriter) WriteHeader(status int) {
	w.yes = true
	w.ResponseWriter.WriteHeader(status)
}

// Write notes it.
func (w *answeredWriter) Write(b []byte) (int, error) {
	w.yes = true
	return w.timedWriter.Write(b)
}

// noLowLatency is the sentence that says why a channel can't be had so, and nothing where it can.
func noLowLatency(why string) string {
	if why == "" {
		return ""
	}
	return asSentence(proxy.NoFragmentsError{Why: why}.Error())
}
