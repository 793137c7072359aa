package node

import (
	"runtime"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

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
