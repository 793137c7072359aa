package nat

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"
)

// outsider is a STUN server with two addresses. What it sends from the other one arrives while the router lets it.
type outsider struct {
	t        *testing.T
	handle   func(b []byte, from netip.AddrPort)
	deaf     atomic.Bool // the router
	stubborn bool        // it answers from its first address always
}

const outsideServer, outsideOther = "198.51.100.1:3478", "198.51.100.2:3479"

func (o *outsider) send(b []byte, to netip.AddrPort) error {
	m := &stun.Message{Raw: b}
	if err := m.Decode(); err != nil || to.String() != outsideServer {
		o.t.Errorf("sent to %s: %v", to, err)
		return nil
	}
	from := addr(outsideServer)
	if m.Contains(stun.AttrChangeRequest) && !o.stubborn {
		if from = addr(outsideOther); o.deaf.Load() {
			return nil
		}
	}
	answer := stun.MustBuild(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: []byte{203, 0, 113, 11}, Port: 6881},
		&stun.OtherAddress{IP: []byte{198, 51, 100, 2}, Port: 3479})
	o.handle(answer.Raw, from)
	return nil
}

// A mapping through which strangers came is withdrawn when they come no more, and announced again when they do.
func TestDeadMapping(t *testing.T) {
	const mapped = "mapped 203.0.113.11:6881"
	for name, c := range map[string]struct {
		deafAt, stubborn bool // from the beginning; the server does not do what is asked for
		withdrawn        bool
	}{
		"dies":                     {withdrawn: true},
		"never was seen to work":   {deafAt: true},
		"a server that can't tell": {stubborn: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outsider{t: t, stubborn: c.stubborn}
				tr := newTraversal(t, Config{STUN: []string{outsideServer}, Send: o.send})
				o.handle = tr.HandleSTUN
				o.deaf.Store(c.deafAt)
				g := newSimGateway()
				tr.discover = g.found
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); _ = tr.Run(ctx) }()
				holds := func() bool { return slices.Contains(texts(tr.Findings()), mapped) }
				time.Sleep(2 * time.Minute)
				if !holds() {
					t.Fatalf("findings %q: %s", texts(tr.Findings()), tr.Status())
				}
				o.deaf.Store(true)
				time.Sleep(2 * time.Minute)
				if holds() == c.withdrawn {
					t.Errorf("two minutes after its death: findings %q: %s", texts(tr.Findings()), tr.Status())
				}
				o.deaf.Store(false)
				time.Sleep(mappingRetryMax + time.Minute)
				if !holds() {
					t.Errorf("after its return: findings %q: %s", texts(tr.Findings()), tr.Status())
				}
				cancel()
				<-done
				if left := g.ports(); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		})
	}
}

// A server that ceases to play the stranger does not cost a home its mapping for good.
func TestServerThatCeasesToTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outsider{t: t}
		tr := newTraversal(t, Config{STUN: []string{outsideServer}, Send: o.send})
		o.handle = tr.HandleSTUN
		g := newSimGateway()
		tr.discover = g.found
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = tr.Run(ctx) }()
		time.Sleep(2 * time.Minute) // strangers are seen to arrive
		o.deaf.Store(true)
		time.Sleep(maxDeaths * (mappingRetryMax + 4*time.Minute))
		for range 60 {
			if got := texts(tr.Findings()); !slices.Contains(got, "mapped 203.0.113.11:6881") {
				t.Fatalf("findings %q: %s", got, tr.Status())
			}
			time.Sleep(time.Minute)
		}
		cancel()
		<-done
	})
}
