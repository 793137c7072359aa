package operator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Bounds of events.
const (
	maxListeners    = 32
	maxLatest       = 100
	maxBacklog      = 256 // events that a listener may be behind
	eventsASecond   = 50  // of peers; more are left out, and counted
	activityPeriod  = 2 * time.Second
	listenerTimeout = 10 * time.Second // to take what it is sent
)

// Event is something that happened.
type Event struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // joined, left, refused, banned, unbanned
	Who     string    `json:"who"`
	Swarm   string    `json:"swarm,omitempty"`
	Words   string    `json:"words,omitempty"`
	LeftOut int       `json:"left_out,omitempty"` // events before this one that were too many
}

// hub passes events on to who listens. The zero value is ready.
type hub struct {
	mu        sync.Mutex
	recent    []Event
	listeners []chan Event
	second    int64
	told      int
	leftOut   int
}

// peer tells what a peer did.
func (h *hub) peer(now time.Time, r *tracker.Request, from netip.Addr, code tracker.ErrorCode) {
	who := r.PeerID
	if who == "" {
		who = from.String()
	}
	switch {
	case code != tracker.NoError:
		h.tell(Event{At: now, Kind: "refused", Who: who, Words: code.String()}, true)
	case r.Connect != nil:
		for _, a := range r.Connect.Actions {
			kind := "joined"
			if a.Action == tracker.ActionLeave {
				kind = "left"
			}
			h.tell(Event{At: now, Kind: kind, Who: who, Swarm: a.SwarmID}, true)
		}
	}
}

func (h *hub) tell(e Event, bounded bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if second := e.At.Unix(); second != h.second {
		h.second, h.told = second, 0
	}
	if bounded && h.told >= eventsASecond {
		h.leftOut++
		return
	}
	h.told++
	e.At, e.LeftOut, h.leftOut = e.At.UTC(), h.leftOut, 0
	if len(h.recent) == maxLatest {
		h.recent = slices.Delete(h.recent, 0, 1)
	}
	h.recent = append(h.recent, e)
	for _, l := range h.listeners {
		select {
		case l <- e:
		default: // it is too slow, and can ask for what it missed
		}
	}
}

func (h *hub) latest() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Event{}, h.recent...)
}

// listen returns a channel of events, nil when too many listen.
func (h *hub) listen() chan Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listeners) >= maxListeners {
		return nil
	}
	l := make(chan Event, maxBacklog)
	h.listeners = append(h.listeners, l)
	return l
}

func (h *hub) leave(l chan Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners = slices.DeleteFunc(h.listeners, func(o chan Event) bool { return o == l })
}

// events serves server-sent events: "activity" every two seconds, and the others as they happen.
func (d *Desk) events(w http.ResponseWriter, r *http.Request) {
	l := d.hub.listen()
	if l == nil {
		fail(w, http.StatusServiceUnavailable, "Too many programs listen to events already.")
		return
	}
	defer d.hub.leave(l)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // reverse proxies would hold events back
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // nothing more is to be read, for as long as it listens
	send := func(name string, v any) bool {
		b, err := json.Marshal(v)
		if err != nil {
			return false
		}
		_ = control.SetWriteDeadline(time.Now().Add(listenerTimeout)) // a connection without deadlines only waits longer
		if _, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, b); err == nil {
			err = control.Flush()
		}
		return err == nil
	}
	ticker := time.NewTicker(activityPeriod)
	defer ticker.Stop()
	for ok := send("activity", d.active()); ok; {
		select {
		case <-r.Context().Done():
			return
		case e := <-l:
			ok = send(e.Kind, e)
		case <-ticker.C:
			ok = send("activity", d.active())
		}
	}
}
