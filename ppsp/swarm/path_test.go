package swarm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// linked gives an engine a link that carries datagrams of so many bytes.
func linked(cfg Config, mtu int) Config {
	cfg.PathMTU = func(netip.AddrPort) int { return mtu }
	return cfg
}

// "A peer can use … probe packets containing actual messages, in particular, multiple DATA
// messages" (RFC 7574, 8.1): datagrams grow to what the way carries, and what it does not carry
// is tried a few times only.
func TestDatagramsFitTheWay(t *testing.T) {
	tests := []struct {
		name       string
		chunk      uint32
		link, way  int // bytes that they carry
		want       int // chunks in a datagram, in the end
		mostWasted int // datagrams that were too large
	}{
		{"Ethernet, chunks of 700", 700, 1472, 1472, 2, 0},
		{"the same behind PPPoE", 700, 1472, 1464, 2, probeTries},
		{"the same in a tunnel", 700, 1472, 1420, 1, 2 * probeTries},
		{"Ethernet, chunks of 1024", 1024, 1472, 1472, 1, 0},
		{"jumbo frames", 1024, 8972, 8972, 8, 0},
		{"jumbo frames up to a switch that has none", 1024, 8972, 1472, 1, probeTries},
		{"loopback", 1024, 65508, 65508, 15, 0},
		{"nothing known", 700, 0, 9000, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFilm(t, 3<<20, func(m *ppsp.Metadata) { m.ChunkSize = tt.chunk })
			l := fast(t, 1)
			wasted := 0
			l.tap = func(d flying) bool {
				if len(d.b) > tt.way {
					wasted++
				}
				return len(d.b) <= tt.way
			}
			asked, seed := 0, f.seed(f.all())
			seed.PathMTU = func(netip.AddrPort) int { asked++; return tt.link }
			a, b := l.host(seed), l.host(f.leech())
			b.want(true)
			b.meet(a)
			l.until(30*time.Second, "complete", b.s.Complete)
			f.check(t, b)
			if got := a.s.perDatagram(a.s.order[0].path.datagram()); got != tt.want {
				t.Errorf("%d chunks in a datagram, want %d", got, tt.want)
			}
			if wasted > tt.mostWasted {
				t.Errorf("%d datagrams were too large, want at most %d", wasted, tt.mostWasted)
			}
			if most := 1 + int(l.now/probeAgain); asked > most {
				t.Errorf("the system was asked %d times what the link carries, want at most %d", asked, most)
			}
			if wasted > 0 && l.now > 3e9 {
				t.Errorf("it took %d ms: what did not fit was taken for congestion", l.now/1e6)
			}
		})
	}
}

// Where the way changes to one that carries less, the transfer goes on.
func TestWayBecomesNarrow(t *testing.T) {
	f := newFilm(t, 6<<20, nil)
	l := fast(t, 1)
	way := 9000
	l.tap = func(d flying) bool { return len(d.b) <= way }
	a, b := l.host(linked(f.seed(f.all()), 8972)), l.host(f.leech())
	b.want(true)
	b.meet(a)
	l.until(10*time.Second, "half complete", func() bool { return b.s.have.Count() > f.chunks()/2 })
	if got := a.s.order[0].path.datagram(); got < 8000 {
		t.Fatalf("datagrams of %d bytes: the test tests nothing", got)
	}
	way = 1472
	l.until(20*time.Second, "complete", b.s.Complete)
	f.check(t, b)
	if got := a.s.order[0].path.datagram(); got > way {
		t.Errorf("datagrams of %d bytes still", got)
	}
}
