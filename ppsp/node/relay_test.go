package node

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// relay stands between one peer and the node behind it, and loses what drop names: the
// k-th datagram, counted from 0, up to the node or down from it.
type relay struct {
	front, back *net.UDPConn
	drop        func(up bool, k int) bool
	mu          sync.Mutex
	peer        netip.AddrPort
}

// newRelay returns a relay to a node, by the address at which peers reach it.
func newRelay(t *testing.T, to netip.AddrPort, drop func(up bool, k int) bool) netip.AddrPort {
	t.Helper()
	r := &relay{drop: drop}
	for _, conn := range []**net.UDPConn{&r.front, &r.back} {
		var err error
		if *conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	group.Go(func() {
		pass(r.front, r.back, func(k int, from netip.AddrPort) (netip.AddrPort, bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.peer = from
			return to, !drop(true, k)
		})
	})
	group.Go(func() {
		pass(r.back, r.front, func(k int, _ netip.AddrPort) (netip.AddrPort, bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.peer, !drop(false, k)
		})
	})
	t.Cleanup(func() { _ = r.front.Close(); _ = r.back.Close(); group.Wait() })
	addr, _ := r.front.LocalAddr().(*net.UDPAddr)
	return addr.AddrPort()
}

// pass sends on by out what comes by in, until in is closed.
func pass(in, out *net.UDPConn, route func(k int, from netip.AddrPort) (netip.AddrPort, bool)) {
	b := make([]byte, 64<<10)
	for k := 0; ; k++ {
		n, from, err := in.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if to, ok := route(k, from); ok {
			_, _ = out.WriteToUDPAddrPort(b[:n], to) // the other end may be gone
		}
	}
}

// Whatever datagrams at the beginning are lost, both ends are connected soon, although
// there is nothing yet to ask for.
func TestLostHandshakes(t *testing.T) {
	for name, drop := range map[string]func(up bool, k int) bool{
		"nothing":                  func(bool, int) bool { return false },
		"the HANDSHAKE":            func(up bool, k int) bool { return up && k == 0 },
		"two of them":              func(up bool, k int) bool { return up && k < 2 },
		"the answer":               func(up bool, k int) bool { return !up && k == 0 },
		"every first":              func(_ bool, k int) bool { return k == 0 },
		"the third datagram":       func(up bool, k int) bool { return up && k == 1 },
		"the third and the fourth": func(up bool, k int) bool { return up && (k == 1 || k == 2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := newChannel(t, open(t, loopback), 1316, 2)
			p := join(t, open(t, loopback), swarm.Config{Meta: source.meta, Store: &memory{}, Window: 4096, Behind: 64})
			p.meet(t, newRelay(t, source.node.Addr(), drop))
			p.await(t, swarm.EventPeerUp)
			source.await(t, swarm.EventPeerUp)
			source.send(t, 0, 2)
			p.await(t, swarm.EventPlay)
		})
	}
}

// One datagram in fifty is lost each way: the film comes all the same.
func TestLossyWay(t *testing.T) {
	f := newFilm(t, 300_000, 1024)
	publisher := open(t, loopback)
	join(t, publisher, f.seed())
	config, content := f.leech()
	p := join(t, open(t, loopback), config)
	p.meet(t, newRelay(t, publisher.Addr(), func(up bool, k int) bool { return k%50 == 7 }))
	p.fetch(t, f, content)
	st, err := p.Stats()
	if err != nil || st.Counters.ChunksReceived != 293 {
		t.Errorf("%d chunks received, error %v; want 293", st.Counters.ChunksReceived, err)
	}
}
