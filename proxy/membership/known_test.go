package membership

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// memoryOf is a Known in memory.
type memoryOf struct {
	mu    sync.Mutex
	peers []netip.AddrPort
	fails bool
}

func (k *memoryOf) Peers(ppsp.SwarmID) ([]netip.AddrPort, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails {
		return nil, errors.New("the disk is gone")
	}
	return slices.Clone(k.peers), nil
}

func (k *memoryOf) KeepPeers(_ ppsp.SwarmID, addrs []netip.AddrPort) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails {
		return errors.New("the disk is gone")
	}
	k.peers = slices.Clone(addrs)
	return nil
}

// Peers that worked are met again without a tracker, and kept anew.
func TestKnownPeers(t *testing.T) {
	f := newFilm(t)
	publisher := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	at := publisher.node.Addr()
	known := &memoryOf{peers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), at}}
	receiver := start(t, setup{swarm: f.leech(), link: f.link(), change: func(tr *Trackers) { tr.Known = known }})
	receiver.fetch(t)
	until(t, "the publisher is kept and the other is not", func() bool {
		got, err := known.Peers(f.meta.SwarmID)
		return err == nil && slices.Equal(got, []netip.AddrPort{at})
	})
}

// A disk that fails stops nothing but the keeping.
func TestKnownPeersOnABadDisk(t *testing.T) {
	f := newFilm(t)
	publisher := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	link := f.link()
	link.Peers = []string{publisher.node.Addr().String()}
	receiver := start(t, setup{swarm: f.leech(), link: link, change: func(tr *Trackers) { tr.Known = &memoryOf{fails: true} }})
	receiver.fetch(t)
}

func TestAllIn(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:1")
	set := setOf([]netip.AddrPort{a})
	if !allIn(set, nil) || !allIn(set, []netip.AddrPort{a, a}) || allIn(set, []netip.AddrPort{a, b}) || allIn(nil, []netip.AddrPort{b}) {
		t.Error("allIn is wrong")
	}
}
