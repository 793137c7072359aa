package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// Items come out by time, and those of one time in the order of their ties.
func TestHeap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var h heap[int]
	var want []timed[int]
	check := func() {
		slices.SortFunc(want, func(a, b timed[int]) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.tie, b.tie)) })
		if h.next() != want[0].at {
			t.Fatalf("next is at %d, want %d", h.next(), want[0].at)
		}
		if e := h.pop(); e != want[0] {
			t.Fatalf("popped %v, want %v", e, want[0])
		}
		want = want[1:]
	}
	for n := range 3000 {
		e := timed[int]{random.Int64N(50), uint64(n), n}
		h.push(e)
		want = append(want, e)
		if random.IntN(3) == 0 {
			check()
		}
	}
	for len(want) > 0 {
		check()
	}
	if h.next() != never {
		t.Error("an empty heap has a next item")
	}
}

// wires is a network of two hosts without engines.
type wires struct {
	*network
	a, b *host
}

func newWires(a, b Link) *wires {
	w := &wires{network: newNetwork(a.Delay + b.Delay)}
	w.a = &host{link: a, random: rand.New(rand.NewPCG(1, 1))}
	w.b = &host{link: b, random: rand.New(rand.NewPCG(1, 2))}
	w.add(w.a)
	w.add(w.b)
	return w
}

// arrivals returns when what was sent to h at time 0 comes in, without anyone taking it out.
func (w *wires) arrivals(h *host) []int64 {
	for _, s := range w.shards {
		for _, out := range s.out[w.turn] {
			for _, m := range out {
				m.to.inbox.push(m.timed)
			}
		}
	}
	for h.inbox.next() != never {
		h.arrive(h.inbox.pop())
	}
	var at []int64
	for _, e := range h.coming {
		at = append(at, e.at)
	}
	return at
}

func (w *wires) lost() uint64 {
	n := uint64(0)
	for _, s := range w.shards {
		n += s.lost
	}
	return n
}

const overhead = ipHeader + udpHeader

// A datagram takes its time on the uplink, on the way, and on the downlink; a second waits.
func TestLinkTimes(t *testing.T) {
	w := newWires(Link{Up: 8e6, Down: 1e6, Delay: 10e6, Queue: 1e9}, Link{Up: 1e6, Down: 4e6, Delay: 5e6, Queue: 1e9})
	b := make([]byte, 1000-overhead) // 1 ms up, 2 ms down
	w.a.send(0, port, w.b.addr(), b)
	w.a.send(0, port, w.b.addr(), b)
	if got, want := w.arrivals(w.b), []int64{18e6, 20e6}; !slices.Equal(got, want) {
		t.Errorf("arrived at %v, want %v", got, want)
	}
	if w.a.sentBytes != 2000 || w.lost() != 0 {
		t.Errorf("%d bytes, %d lost", w.a.sentBytes, w.lost())
	}
	w.a.send(0, port, addrOf(9, port), b)
	if w.lost() != 1 {
		t.Error("a datagram to nobody is not lost")
	}
}

// Queues are bounded at both ends.
func TestLinkQueues(t *testing.T) {
	b := make([]byte, 1000-overhead)
	up := newWires(Link{Up: 8e6, Down: 1e9, Queue: 10e6}, Link{Up: 1e9, Down: 1e9, Queue: 10e6})
	for range 100 {
		up.a.send(0, port, up.b.addr(), b)
	}
	if n := len(up.arrivals(up.b)); n != 11 || up.lost() != 89 {
		t.Errorf("%d of 100 left a queue of 10 ms, want 11; %d lost", n, up.lost())
	}
	down := newWires(Link{Up: 1e12, Down: 1e9, Queue: 10e6}, Link{Up: 1e9, Down: 8e6, Queue: 10e6})
	for range 100 {
		down.a.send(0, port, down.b.addr(), b)
	}
	if n := len(down.arrivals(down.b)); n != 11 || down.lost() != 89 {
		t.Errorf("%d of 100 came out of a queue of 10 ms, want 11; %d lost", n, down.lost())
	}
}

// Loss is that of both ends together, and of a datagram in several packets that of each.
func TestLinkLoss(t *testing.T) {
	link := func(loss float64) Link { return Link{Up: 1e15, Down: 1e15, Loss: loss, Queue: 1e18} }
	for size, want := range map[int]float64{100: 0.05, 4000: 1 - 0.95*0.95*0.95} {
		w := newWires(link(0.02), link(0.03))
		for range 20_000 {
			w.a.send(0, port, w.b.addr(), make([]byte, size))
		}
		if share := float64(w.lost()) / 20_000; share < 0.9*want || share > 1.1*want {
			t.Errorf("of datagrams of %d bytes %.4f are lost, want %.4f", size, share, want)
		}
	}
}

// Packets are no longer than an Ethernet frame allows.
func TestPackets(t *testing.T) {
	for n, want := range map[int][2]int{0: {1, 28}, 1472: {1, 1500}, 1473: {2, 1521}, 5264: {4, 5264 + 8 + 80}} {
		if count, bytes := packets(n); count != want[0] || bytes != want[1] {
			t.Errorf("a datagram of %d bytes travels in %d packets of %d bytes, want %v", n, count, bytes, want)
		}
	}
}

// With jitter datagrams overtake each other, and some come twice.
func TestLinkDisorder(t *testing.T) {
	w := newWires(Link{Up: 1e9, Down: 1e9, Delay: 5e6, Jitter: 10e6, Duplicate: 0.1, Queue: 1e9}, Link{Up: 1e9, Down: 1e9, Delay: 5e6, Queue: 1e9})
	for k := range 1000 {
		w.a.send(0, port, w.b.addr(), []byte{byte(k >> 8), byte(k)})
	}
	got := w.arrivals(w.b)
	if len(got) < 1060 || len(got) > 1140 {
		t.Errorf("%d of 1000 arrived, want about 1100", len(got))
	}
	turned := 0
	for k := 1; k < len(w.b.coming); k++ {
		if slices.Compare(w.b.coming[k].v.bytes, w.b.coming[k-1].v.bytes) < 0 {
			turned++
		}
	}
	if turned < 300 {
		t.Errorf("%d of 1000 were overtaken", turned)
	}
}

// Who gets in through which NAT (RFC 4787, 5).
func TestNATs(t *testing.T) {
	friend, other := addrOf(5, 7000), addrOf(6, 7000)
	for _, tt := range []struct {
		kind                                 NAT
		friend, otherPort, stranger, mapping bool // are let in; the port is another
	}{
		{OpenNAT, true, true, true, false},
		{FullConeNAT, true, true, true, false},
		{AddressFilterNAT, true, true, false, false},
		{PortFilterNAT, true, false, false, false},
		{SymmetricNAT, true, false, false, true},
	} {
		n := nat{kind: tt.kind}
		if tt.kind != OpenNAT && n.in(0, friend, 7000) {
			t.Errorf("NAT %d lets in before anything went out", tt.kind)
		}
		seen := n.out(1e9, 7000, friend)
		if (seen != 7000) != tt.mapping || n.out(1.5e9, 7000, friend) != seen {
			t.Errorf("NAT %d: port 7000 is seen as %d", tt.kind, seen)
		}
		if n.in(2e9, friend, seen) != tt.friend || n.in(2e9, addrOf(5, 7001), seen) != tt.otherPort || n.in(2e9, other, seen) != tt.stranger {
			t.Errorf("NAT %d: friend %v, its other port %v, stranger %v", tt.kind, n.in(2e9, friend, seen), n.in(2e9, addrOf(5, 7001), seen), n.in(2e9, other, seen))
		}
		if tt.kind != OpenNAT && n.in(2e9+natTimeout, friend, seen) {
			t.Errorf("NAT %d never forgets", tt.kind)
		}
		if tt.kind == SymmetricNAT && n.out(2e9, 7000, other) == seen {
			t.Error("a symmetric NAT uses a port twice")
		}
	}
}

// The tracker names others, the seeder first, and forgets who left.
func TestTracker(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	tr := tracker{seeder: &host{index: 0}}
	var all []*host
	for k := range 50 {
		all = append(all, &host{index: k + 1})
		tr.enter(all[k])
	}
	for _, h := range all[20:] {
		tr.leave(h)
		tr.leave(h)
	}
	got := tr.sample(random, all[3])
	if len(got) != 20 || got[0] != addrOf(0, port) || slices.Contains(got, all[3].addr()) || slices.Contains(got, all[30].addr()) {
		t.Errorf("the list is %v", got)
	}
	slices.SortFunc(got, func(a, b addrPort) int { return a.Compare(b) })
	if len(slices.Compact(got)) != 20 {
		t.Error("the list repeats itself")
	}
}
