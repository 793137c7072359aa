package sim

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// Events come out by time, and those of one time in the order in which they went in.
func TestSchedule(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var s schedule
	var want []event
	check := func() {
		slices.SortStableFunc(want, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		if at, ok := s.next(); !ok || at != want[0].at {
			t.Fatalf("next is at %d, %v, want %d", at, ok, want[0].at)
		}
		if e := s.pop(); e.at != want[0].at || e.seq != want[0].seq {
			t.Fatalf("event %d at %d, want %d at %d", e.seq, e.at, want[0].seq, want[0].at)
		}
		want = want[1:]
	}
	for n := range uint64(3000) {
		e := event{at: random.Int64N(50)}
		s.push(e)
		e.seq = n
		want = append(want, e)
		if random.IntN(3) == 0 {
			check()
		}
	}
	for len(want) > 0 {
		check()
	}
	if _, ok := s.next(); ok {
		t.Error("an empty schedule has a next event")
	}
}

// arrivals runs a network of two hosts without engines and notes what arrives when.
type arrivals struct {
	network
	a, b *host
	at   []int64
	size []int
}

func newArrivals(link Link, other Link) *arrivals {
	w := &arrivals{}
	w.random = rand.New(rand.NewPCG(1, 1))
	w.a = &host{addr: netip.MustParseAddrPort("10.0.0.1:7"), link: link}
	w.b = &host{addr: netip.MustParseAddrPort("10.0.0.2:7"), link: other}
	w.byAddr = map[netip.AddrPort]*host{w.a.addr: w.a, w.b.addr: w.b}
	return w
}

// run takes datagrams out where the engine would get them.
func (w *arrivals) run(until int64) {
	for {
		if at, ok := w.next(); !ok || at > until {
			return
		}
		e := w.pop()
		w.now = e.at
		switch e.kind {
		case eventDownlink:
			w.arrive(e)
		case eventArrive:
			w.at, w.size = append(w.at, e.at), append(w.size, len(e.datagram))
			w.recycle(e.datagram)
		}
	}
}

// A datagram takes its time on the uplink, on the way, and on the downlink; a second waits.
func TestLinkTimes(t *testing.T) {
	w := newArrivals(Link{Up: 8e6, Down: 1e6, Delay: 10e6, Queue: 1e9}, Link{Up: 1e6, Down: 4e6, Delay: 5e6, Queue: 1e9})
	b := make([]byte, 1000-headers) // 1 ms up, 2 ms down
	w.send(w.a, w.b.addr, b)
	w.send(w.a, w.b.addr, b)
	w.run(1e9)
	if want := []int64{18e6, 20e6}; !slices.Equal(w.at, want) {
		t.Errorf("arrived at %v, want %v", w.at, want)
	}
	if w.a.sentBytes != 2000 || w.sent != 2 || w.lost != 0 {
		t.Errorf("%d bytes, %d datagrams, %d lost", w.a.sentBytes, w.sent, w.lost)
	}
	w.send(w.a, netip.MustParseAddrPort("10.0.0.9:7"), b)
	if w.lost != 1 {
		t.Error("a datagram to nobody is not lost")
	}
}

// Queues are bounded at both ends.
func TestLinkQueues(t *testing.T) {
	b := make([]byte, 1000-headers)
	up := newArrivals(Link{Up: 8e6, Down: 1e9, Queue: 10e6}, Link{Up: 1e9, Down: 1e9, Queue: 10e6})
	for range 100 {
		up.send(up.a, up.b.addr, b)
	}
	up.run(1e9)
	if len(up.at) != 11 || up.lost != 89 {
		t.Errorf("%d of 100 left a queue of 10 ms, want 11; %d lost", len(up.at), up.lost)
	}
	down := newArrivals(Link{Up: 1e12, Down: 1e9, Queue: 10e6}, Link{Up: 1e9, Down: 8e6, Queue: 10e6})
	for range 100 {
		down.send(down.a, down.b.addr, b)
	}
	down.run(1e9)
	if len(down.at) != 11 || down.lost != 89 {
		t.Errorf("%d of 100 came out of a queue of 10 ms, want 11; %d lost", len(down.at), down.lost)
	}
}

// Loss is that of both ends together.
func TestLinkLoss(t *testing.T) {
	w := newArrivals(Link{Up: 1e12, Down: 1e12, Loss: 0.02, Queue: 1e9}, Link{Up: 1e12, Down: 1e12, Loss: 0.03, Queue: 1e9})
	for range 20_000 {
		w.send(w.a, w.b.addr, []byte{1, 2, 3, 4})
	}
	w.run(1e18)
	if w.lost < 850 || w.lost > 1150 || len(w.at) != 20_000-int(w.lost) {
		t.Errorf("%d of 20000 lost, want about 1000; %d arrived", w.lost, len(w.at))
	}
	if len(w.free) > 20_000 {
		t.Errorf("%d buffers", len(w.free))
	}
}
