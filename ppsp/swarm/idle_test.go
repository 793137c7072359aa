package swarm

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"

	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// maxIdleChannel is what an idle channel may take, in bytes of the heap: ten thousand of them
// have to fit in 64 MB, with what the node and the garbage collector need beside.
const maxIdleChannel = 3 << 10

// A peer that is connected and does nothing takes little memory: sets, tables and queues come
// with what is put into them.
func TestIdleChannelsAreSmall(t *testing.T) {
	const swarms, each = 8, 100
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	for name, cfg := range map[string]func() Config{
		"seeder": func() Config { return f.seed(f.all()) },
		"home":   func() Config { return newLab(t, 1).stream(32, nil).home(64) },
	} {
		engines := make([]*Swarm, swarms)
		for k := range engines {
			var err error
			if engines[k], err = New(l.config(cfg())); err != nil {
				t.Fatal(err)
			}
		}
		before := heap()
		for _, s := range engines {
			for k := range each {
				idle(t, s, k)
			}
		}
		took := int(heap()-before) / (swarms * each)
		t.Logf("%s: %d bytes a channel, %d of them the struct", name, took, unsafe.Sizeof(channel{}))
		if took > maxIdleChannel {
			t.Errorf("%s: an idle channel takes %d bytes, want at most %d", name, took, maxIdleChannel)
		}
		runtime.KeepAlive(engines)
	}
}

// idle opens a channel as a peer would, and lets the engine send what it has to say.
func idle(t *testing.T, s *Swarm, k int) {
	t.Helper()
	scratch := make([]byte, 0, 2048)
	drain := func() {
		for {
			b, _, ok := s.AppendDatagram(1, scratch)
			if !ok {
				return
			}
			_ = b
		}
	}
	from := addr(k + 1)
	s.HandleDatagram(1, from, initiating(greeting(s.meta, rand.Uint32()|1)))
	drain()
	c := s.order[len(s.order)-1]
	s.HandleDatagram(1, from, wire.AppendChannel(nil, c.id))
	drain()
	if c.state != stateOpen {
		t.Fatalf("channel %d is in state %d", k, c.state)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
