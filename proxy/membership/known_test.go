package membership

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
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

// rumour is a Finder that notes what it is told.
type rumour struct {
	public bool
	asked  chan ppsp.SwarmID
	knows  netip.AddrPort
}

func (r *rumour) Public() bool { return r.public }

func (r *rumour) Find(ctx context.Context, id ppsp.SwarmID, found func([]netip.AddrPort)) {
	r.asked <- id
	found([]netip.AddrPort{r.knows})
	<-ctx.Done()
}

// Who is found otherwise is met; swarms for members alone are not named to strangers.
func TestFinders(t *testing.T) {
	f := newFilm(t)
	publisher := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	authority, err := member.NewAuthority(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		public, members, named bool
	}{
		"open swarm, public":          {true, false, true},
		"open swarm, private":         {false, false, true},
		"swarm of members, private":   {false, true, true},
		"swarm of members, to nobody": {true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rumour{public: c.public, asked: make(chan ppsp.SwarmID, 1), knows: publisher.node.Addr()}
			link := f.link()
			if c.members {
				link.Authority = authority.Key().String()
			}
			p := start(t, setup{swarm: f.leech(), link: link, change: func(tr *Trackers) { tr.Finders = []Finder{r} }})
			if c.named {
				p.fetch(t)
			}
			p.stop()
			select {
			case id := <-r.asked:
				if !c.named || id != f.meta.SwarmID {
					t.Errorf("it was told of %s", id.Short())
				}
			default:
				if c.named {
					t.Error("it was not asked")
				}
			}
		})
	}
}
