package tracker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
)

// lab is a tracker that can be switched off and on, exchanged, and watched, in virtual time.
type lab struct {
	t     *testing.T
	begin time.Time

	mu     sync.Mutex
	server *Server // nil: connections are refused
	hangs  bool    // requests get no answer
	log    []string
}

func newLab(t *testing.T) *lab {
	return &lab{t: t, begin: time.Now(), server: NewServer(ServerConfig{})}
}

func (l *lab) set(change func(*lab)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

var errRefused = errors.New("connect: connection refused")

// RoundTrip notes who asks what, and at which second.
func (l *lab) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	request, err := DecodeRequest(body)
	if err != nil {
		l.t.Errorf("request %s: %v", body, err)
	}
	what := string(request.Type)
	if c := request.Connect; c != nil {
		what = fmt.Sprintf("%s %s", c.Actions[0].Action, c.Actions[0].Mode)
		for _, a := range c.Addresses {
			what += " " + a.AddrPort.String()
		}
	}
	l.mu.Lock()
	server, hangs := l.server, l.hangs
	l.log = append(l.log, fmt.Sprintf("%.2f %s %s", time.Since(l.begin).Seconds(), request.PeerID[:2], what))
	l.mu.Unlock()
	switch {
	case hangs:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case server == nil:
		return nil, errRefused
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return wire{server, "198.51.100.1:4000"}.RoundTrip(r)
}

// said returns what the peer asked for since the last call, without the times.
func (l *lab) said(peer byte) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, line := range l.log {
		f := strings.SplitN(line, " ", 3)
		if f[1] == fmt.Sprintf("%02x", peer) {
			out = append(out, f[2])
		}
	}
	l.log = nil
	return out
}

// listed returns who is in the swarm according to the tracker.
func (l *lab) listed() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	status, err := l.server.config.Registry.Status(l.t.Context(), time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, s := range status.Swarms {
		for _, m := range s.Members {
			out = append(out, fmt.Sprintf("%s %s %s", m.PeerID[:2], m.Mode, m.Addresses[0].AddrPort))
		}
	}
	return out
}

// node is an announcer whose circumstances a test can change.
type node struct {
	*Announcer
	mu     sync.Mutex
	mode   Mode
	addrs  []Address
	wanted int
	met    []string
	stop   context.CancelFunc
	ended  chan error
}

func (l *lab) start(peer byte, mode Mode, wanted int, change func(*AnnouncerConfig)) *node {
	n := &node{mode: mode, wanted: wanted, addrs: []Address{{AddrPort: addrPort(int(peer)), Type: Host}}, ended: make(chan error, 1)}
	locked := func(f func()) { n.mu.Lock(); defer n.mu.Unlock(); f() }
	c := AnnouncerConfig{
		Tiers:     [][]*Client{{NewClient(ClientConfig{URL: trackerURL, PeerID: ppsp.PeerID{peer}, HTTP: &http.Client{Transport: l}})}},
		Swarm:     swarmA,
		Mode:      func() (m Mode) { locked(func() { m = n.mode }); return },
		Addresses: func() (a []Address) { locked(func() { a = n.addrs }); return },
		Wanted:    func() (w int) { locked(func() { w = n.wanted }); return },
		Peers: func(peers []Peer) {
			locked(func() {
				for _, p := range peers {
					n.met = append(n.met, p.ID[:2])
				}
			})
		},
		Logger: zerolog.Nop(),
	}
	if change != nil {
		change(&c)
	}
	n.Announcer = NewAnnouncer(c)
	ctx, cancel := context.WithCancel(l.t.Context())
	n.stop = cancel
	go func() { n.ended <- n.Run(ctx) }()
	synctest.Wait()
	return n
}

func (n *node) set(change func(*node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

func (n *node) hasMet(peer string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.met, peer)
}

// end stops the announcer and checks how long that took.
func (n *node) end(t *testing.T) {
	t.Helper()
	n.stop()
	began := time.Now()
	if err := <-n.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > leaveTimeout {
		t.Errorf("Run took %v to end", took)
	}
}

func wantLog(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("requests:\n got %q\nwant %q", got, want)
	}
}
