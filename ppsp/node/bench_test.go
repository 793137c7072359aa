package node

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// flat is a store in one piece of memory, which allocates nothing.
type flat struct {
	size  uint64
	bytes []byte
}

func (m flat) WriteChunk(i uint64, b []byte) error {
	copy(m.bytes[i*m.size:], b)
	return nil
}

func (m flat) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	return m.AppendChunks(dst, chunk.One(i))
}

func (m flat) AppendChunks(dst []byte, r chunk.Range) ([]byte, error) {
	return append(dst, m.bytes[r.Start*m.size:min(r.End*m.size, uint64(len(m.bytes)))]...), nil
}

// maxAllocs is how often memory may be allocated for a chunk on its way from socket to socket,
// both ends together: never for each, but tables grow.
const maxAllocs = 0.03

// The way of a packet, from store to socket to store, allocates nothing.
func TestTransferAllocatesNothing(t *testing.T) {
	f := newFilm(t, 48<<20, 1024)
	for name, off := range map[string]bool{"helped by the kernel": false, "not helped": true} {
		c := Config{Listen: loopback, NoOffload: off}
		publisher := openWith(t, c)
		join(t, publisher, f.of(flat{1024, f.content}))
		to := flat{1024, make([]byte, len(f.content))}
		p := join(t, openWith(t, c), swarm.Config{Meta: f.meta, Store: to})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p.meet(t, publisher.Addr())
		if err := p.Want(nil, true); err != nil {
			t.Fatal(err)
		}
		p.await(t, swarm.EventComplete)
		runtime.ReadMemStats(&after)
		each := float64(after.Mallocs-before.Mallocs) / float64(f.tree.Chunks())
		t.Logf("%s: %.4f allocations for each chunk", name, each)
		if each > maxAllocs {
			t.Errorf("%s: %.4f allocations for each chunk, want at most %v", name, each, maxAllocs)
		}
		if !bytes.Equal(to.bytes, f.content) {
			t.Error("the copy is not the film")
		}
		p.stop()
	}
}

// BenchmarkTransfer moves a film of 16 MiB from socket to socket on loopback, every chunk
// verified. allocs/chunk counts both ends.
func BenchmarkTransfer(b *testing.B) {
	for _, c := range []struct {
		name string
		size uint32
	}{{"1KiB", 1 << 10}, {"8KiB", 8 << 10}, {"16KiB", 16 << 10}} {
		b.Run(c.name, func(b *testing.B) { benchmarkTransfer(b, c.size) })
	}
}

func benchmarkTransfer(b *testing.B, chunkSize uint32) {
	f := newFilm(b, 16<<20, chunkSize)
	publisher := open(b, loopback)
	join(b, publisher, f.seed())
	b.SetBytes(int64(len(f.content)))
	var before, after runtime.MemStats
	allocs := uint64(0)
	for b.Loop() {
		runtime.ReadMemStats(&before)
		config, _ := f.leech()
		p := join(b, open(b, loopback), config)
		p.meet(b, publisher.Addr())
		if err := p.Want(nil, true); err != nil {
			b.Fatal(err)
		}
		p.await(b, swarm.EventComplete)
		p.stop()
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
	}
	b.ReportMetric(float64(allocs)/float64(b.N)/float64(f.tree.Chunks()), "allocs/chunk")
}
