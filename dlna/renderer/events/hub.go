// Package events subscribes to the events of devices and takes them in (UPnP Device
// Architecture 1.1, 4).
//
// Every subscription has a callback of its own with a random name, which the device alone is
// told. What comes to it must come from the device's address and fit the subscription, is
// bounded in size and in rate, and is handed on; all else is refused.
package events

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer/lastchange"
)

const (
	// maxCallbacks bounds the subscriptions that are open.
	maxCallbacks = 128
	// perSecond bounds the events of one subscription that are read.
	perSecond = 20
	// readTimeout is how long a device may take to send one.
	readTimeout = 5 * time.Second
)

// Hub is the handler of all callbacks. The zero value is ready. It may be used by many
// goroutines.
type Hub struct {
	mu        sync.Mutex
	callbacks map[string]*callback
}

// callback is where the events of one subscription go.
type callback struct {
	host   netip.Addr
	sid    string // empty until the device has told it
	take   func([]lastchange.Change)
	second time.Time
	spent  int
}

// open makes a callback for events from a host and returns its name, empty if there are too
// many. take is called by the goroutines of the HTTP server and must not wait.
func (h *Hub) open(host netip.Addr, take func([]lastchange.Change)) string {
	var token [16]byte
	_, _ = rand.Read(token[:]) // never fails
	name := hex.EncodeToString(token[:])
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.callbacks) >= maxCallbacks {
		return ""
	}
	if h.callbacks == nil {
		h.callbacks = make(map[string]*callback)
	}
	h.callbacks[name] = &callback{host: host.Unmap().WithZone(""), take: take}
	return name
}

// settle notes the name that the device gave the subscription.
func (h *Hub) settle(name, sid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.callbacks[name]; c != nil {
		c.sid = sid
	}
}

func (h *Hub) close(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.callbacks, name)
}

// Len returns how many callbacks are open.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.callbacks)
}

// ServeHTTP takes a NOTIFY. The last segment of the path names the callback.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != "NOTIFY" {
		w.Header().Set("Allow", "NOTIFY")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("NT") != "upnp:event" || r.Header.Get("NTS") != "upnp:propchange" {
		w.WriteHeader(http.StatusBadRequest) // UDA 1.1, 4.3.2
		return
	}
	take, status := h.admit(r)
	if take == nil {
		w.WriteHeader(status)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout)) // a connection without deadlines only waits longer
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, lastchange.MaxEvent))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	// The sender has done its part, whatever it wrote. Of a broken event what could be read counts.
	changes, _ := lastchange.Parse(body)
	take(changes)
	w.WriteHeader(http.StatusOK)
}

// admit finds the subscription of an event, or says by which status it is refused.
func (h *Hub) admit(r *http.Request) (take func([]lastchange.Change), status int) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.callbacks[name]
	// The initial event may overtake the answer that tells its SID (UDA 1.1, 4.1.2).
	if c == nil || err != nil || from.Addr().Unmap().WithZone("") != c.host || c.sid != "" && r.Header.Get("SID") != c.sid {
		return nil, http.StatusPreconditionFailed
	}
	if now := time.Now(); now.Sub(c.second) >= time.Second {
		c.second, c.spent = now, 0
	}
	if c.spent++; c.spent > perSecond {
		return nil, http.StatusServiceUnavailable
	}
	return c.take, http.StatusOK
}
