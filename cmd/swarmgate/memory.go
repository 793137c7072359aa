package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryCheck is how often a gateway looks for memory that it needs no more.
	memoryCheck = 2 * time.Second
	// startChecks is after how many looks the start is over, also where there has been no rest since.
	startChecks = 3
	// quietAllocation is what a gateway at rest allocates between two looks at most, in bytes.
	quietAllocation = 1 << 20
	// worthReturning is how much is given back at least, since it costs a collection.
	worthReturning = 2 << 20
	// maxGarbage is about how much garbage may lie in memory until it is collected. The runtime lets lie as much as there
	// is in use, and most of that are the buffers of channels, which are never garbage and cost a collection nothing.
	maxGarbage = 8 << 20
	// The bounds of what garbage may be in a hundred parts of what is in use, for debug.SetGCPercent.
	leastPercent, mostPercent = 10, 100
)

// The metrics that tell what is held and not used (package runtime/metrics).
const (
	metricAllocated = "/gc/heap/allocs:bytes"
	metricFree      = "/memory/classes/heap/free:bytes"
	metricObjects   = "/memory/classes/heap/objects:bytes"
	metricLive      = "/gc/heap/live:bytes"
)

// garbagePercent is what to tell the runtime when so many bytes are in use.
func garbagePercent(used uint64) int {
	return int(min(max(100*maxGarbage/max(used, 1), leastPercent), mostPercent))
}

// returnMemory keeps the garbage small, and gives memory that a burst of work left back to the system, whenever the gateway
// is at rest, until ctx ends. By itself the runtime keeps what it may need again for minutes; on
// a router that memory is others'.
func returnMemory(ctx context.Context) {
	samples := []metrics.Sample{{Name: metricAllocated}, {Name: metricFree}, {Name: metricObjects}, {Name: metricLive}}
	tick := time.NewTicker(memoryCheck)
	defer tick.Stop()
	percent := mostPercent
	ours := os.Getenv("GOGC") == "" // who sets that decides himself
	if ours {
		outside := debug.SetGCPercent(percent)
		defer debug.SetGCPercent(outside)
	}
	var before uint64
	atRest := false
	for checks := 1; ; checks++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		if p := garbagePercent(samples[3].Value.Uint64()); ours && p != percent {
			percent = p
			debug.SetGCPercent(p)
		}
		allocated, free := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		garbage := samples[2].Value.Uint64() - min(samples[2].Value.Uint64(), samples[3].Value.Uint64())
		wasAtRest := atRest
		atRest = allocated-before < quietAllocation
		if atRest && free+garbage > worthReturning {
			debug.FreeOSMemory()
			metrics.Read(samples[:1])
			allocated = samples[0].Value.Uint64()
		}
		if atRest && !wasAtRest || checks == startChecks {
			returnProgram()
		}
		before = allocated
	}
}
