package tracker

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"
)

// A peer in one swarm takes no more than the budget leaves to the tables: the README has what
// the whole process takes.
func TestBytesOfAPeer(t *testing.T) {
	const peers, swarms = 49_000, 500
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := NewMemory(MemoryConfig{MaxPeersOfAnAddress: peers})
	for i := range peers {
		m := Member{ID: fmt.Sprintf("%032x", uint64(i)*0x9E3779B9), Mode: Leech, Addresses: []Address{ppspp(address("198.51.100.7:4000", Reflexive, 100))}, Source: address("198.51.100.7:4000", Reflexive, 0)}
		if err := r.Join(t.Context(), at(0), fmt.Sprint(i%swarms), m); err != nil {
			t.Fatal(err)
		}
		if err := r.Report(t.Context(), at(0), m.ID, StreamStats{SwarmID: fmt.Sprint(i % swarms), UploadedBytes: 1e9}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / peers
	t.Logf("%.0f bytes: member %d, seat %d", each, unsafe.Sizeof(member{}), unsafe.Sizeof(seat{}))
	if each > 150 {
		t.Errorf("a peer takes %.0f bytes", each)
	}
	runtime.KeepAlive(r)
}
