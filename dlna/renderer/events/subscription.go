package events

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer/lastchange"
)

const (
	// asked is the duration that a subscription is asked for. Devices may give another.
	asked = 5 * time.Minute
	// Bounds of what is taken of a device's answer.
	shortest = 30 * time.Second
	longest  = time.Hour
	maxSID   = 256 // bytes
)

var errNoSID = errors.New("the answer to SUBSCRIBE has no SID")

// errFull says that there are as many subscriptions as may be.
var errFull = errors.New("too many subscriptions are open")

// Subscription is one that a device has granted.
type Subscription struct {
	hub    *Hub
	client *http.Client
	events *url.URL
	name   string // of the callback
	sid    string
	// Until is when it ends unless it is renewed.
	Until time.Time
}

// Subscribe asks a device for the events of a service. callback is the URL of the hub with a
// slash at its end, by an address that the device reaches. take gets the events; it is called by
// several goroutines and must not wait.
func (h *Hub) Subscribe(ctx context.Context, client *http.Client, events *url.URL, callback string, take func([]lastchange.Change)) (*Subscription, error) {
	host, err := netip.ParseAddr(events.Hostname())
	if err != nil {
		return nil, err
	}
	s := &Subscription{hub: h, client: client, events: events, name: h.open(host, take)}
	if s.name == "" {
		return nil, errFull
	}
	answer, err := s.ask(ctx, "SUBSCRIBE", [][2]string{
		{"CALLBACK", "<" + callback + s.name + ">"},
		{"NT", "upnp:event"},
		{"TIMEOUT", fmt.Sprintf("Second-%d", asked/time.Second)},
	})
	if err != nil {
		h.close(s.name)
		return nil, err
	}
	s.sid = answer.Get("SID")
	if s.sid == "" || len(s.sid) > maxSID {
		h.close(s.name)
		return nil, errNoSID
	}
	h.settle(s.name, s.sid)
	s.Until = time.Now().Add(granted(answer.Get("TIMEOUT")))
	return s, nil
}

// Renew prolongs the subscription. After an error it is over; Close it and subscribe anew.
func (s *Subscription) Renew(ctx context.Context) error {
	answer, err := s.ask(ctx, "SUBSCRIBE", [][2]string{
		{"SID", s.sid},
		{"TIMEOUT", fmt.Sprintf("Second-%d", asked/time.Second)},
	})
	if err != nil {
		return err
	}
	s.Until = time.Now().Add(granted(answer.Get("TIMEOUT")))
	return nil
}

// Close takes no more events.
func (s *Subscription) Close() { s.hub.close(s.name) }

// Cancel closes the subscription and tells the device.
func (s *Subscription) Cancel(ctx context.Context) {
	s.Close()
	_, _ = s.ask(ctx, "UNSUBSCRIBE", [][2]string{{"SID", s.sid}}) // it ends by itself too
}

func (s *Subscription) ask(ctx context.Context, method string, headers [][2]string) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.events.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		r.Header[h[0]] = []string{h[1]} // in capitals, as in the standard
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s", method, s.events, answer.Status)
	}
	return answer.Header, nil
}

// granted reads the TIMEOUT that a device gives ("Second-300", "Second-infinite").
func granted(header string) time.Duration {
	seconds, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(header)), "second-")
	if !ok {
		return asked
	}
	if seconds == "infinite" {
		return longest
	}
	n, err := strconv.ParseUint(seconds, 10, 31)
	if err != nil {
		return asked
	}
	return min(max(time.Duration(n)*time.Second, shortest), longest)
}
