package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// eventPeriod is how often figures that change all the time are sent.
	eventPeriod = time.Second
	// eventGap bounds how often changes are sent at once.
	eventGap = 40 * time.Millisecond
	// eventSilence is after how long without news a comment is sent, so that neither
	// side takes the connection for dead.
	eventSilence = 15 * time.Second
	// stuckEvents ends a client that takes nothing for so long.
	stuckEvents = 10 * time.Second
)

// streamEvents serves /api/v1/events: server-sent events. "sessions" carries the body of
// /api/v1/sessions, at once when a state changes and once a second while figures do.
// "device" carries the body of /api/v1/device, "renderers" that of /api/v1/renderers where screens are looked for. "catalog" carries a number; when it changes,
// /api/v1/channels has news.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method == http.MethodHead {
		h.Set("Content-Type", "text/event-stream")
		return
	}
	if !s.events.take() {
		s.busy(w, fmt.Sprintf("%d pages are open on this gateway already, as many as it serves with news; close one.", MaxEventClients))
		return
	}
	defer s.events.give()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // reverse proxies would hold events back
	control := http.NewResponseController(w)
	// The end of the response has its time too; net/http lifts the limit after it.
	defer func() { _ = control.SetWriteDeadline(time.Now().Add(stuckEvents)) }()
	stream := eventStream{w: w, control: control, server: s}
	_ = stream.run(r.Context()) // ends when the client goes
}

type eventStream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	server   *Server
	sessions []byte // as last sent
	catalog  []byte // as last sent
	device   []byte // as last sent
	screens  []byte // renderers as last sent
	written  time.Time
}

func (e *eventStream) run(ctx context.Context) error {
	changes := e.server.config.Gateway.Subscribe(ctx)
	ticker := time.NewTicker(eventPeriod)
	defer ticker.Stop()
	for {
		if err := e.send(); err != nil {
			return err
		}
		if !pause(ctx, eventGap) {
			return context.Cause(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case _, open := <-changes:
			if !open {
				changes = nil
			}
		case <-ticker.C:
		}
	}
}

// send writes what has changed since the last time.
func (e *eventStream) send() error {
	sessions, err := json.Marshal(e.server.sessions())
	if err != nil {
		return err
	}
	device, err := json.Marshal(e.server.device())
	if err != nil {
		return err
	}
	screens, err := json.Marshal(e.server.renderers())
	if err != nil {
		return err
	}
	var b bytes.Buffer
	catalog := fmt.Append(nil, e.server.config.Gateway.Changes())
	e.event(&b, "device", &e.device, device)
	if e.server.config.Renderers != nil {
		e.event(&b, "renderers", &e.screens, screens)
	}
	e.event(&b, "catalog", &e.catalog, catalog)
	e.event(&b, "sessions", &e.sessions, sessions)
	if b.Len() == 0 && time.Since(e.written) >= eventSilence {
		b.WriteString(":\n\n")
	}
	if b.Len() == 0 {
		return nil
	}
	e.written = time.Now()
	_ = e.control.SetWriteDeadline(e.written.Add(stuckEvents)) // a connection without deadlines only waits longer
	if _, err := e.w.Write(b.Bytes()); err != nil {
		return err
	}
	return flush(e.control)
}

// event appends an event if its data differs from the last one's.
func (e *eventStream) event(b *bytes.Buffer, name string, last *[]byte, data []byte) {
	if bytes.Equal(*last, data) {
		return
	}
	*last = data
	fmt.Fprintf(b, "event: %s\ndata: %s\n\n", name, data)
}
