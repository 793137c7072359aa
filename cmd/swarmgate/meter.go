package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"
)

// meter tells what this process uses.
type meter struct {
	cpu     time.Duration
	allocs  uint64
	profile string // prefix of files, empty for none
}

// startMeter begins to count; with a folder also to write profiles there.
func startMeter(folder, name string) (*meter, error) {
	m := &meter{}
	if folder != "" {
		m.profile = filepath.Join(folder, name)
		f, err := os.Create(m.profile + ".cpu")
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	m.allocs = mem.Mallocs
	var err error
	m.cpu, err = ownProcessorTime()
	return m, err
}

// tell prints the "used" line.
func (m *meter) tell(out *printer, chunks uint64, took time.Duration) error {
	cpu, err := ownProcessorTime()
	if err != nil {
		return err
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	if m.profile != "" {
		pprof.StopCPUProfile()
		f, err := os.Create(m.profile + ".mem")
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
			return err
		}
	}
	_, peak, err := residentMemory(os.Getpid())
	if err != nil {
		return err
	}
	out.event("used", map[string]any{
		"cpu": (cpu - m.cpu).Seconds(), "rss": peak, "seconds": took.Seconds(), "allocs": float64(mem.Mallocs-m.allocs) / float64(max(chunks, 1)),
	})
	return nil
}

// byteCount is a flag such as 1GB, 64MiB or 4096.
type byteCount int64

// units of byteCount, the longest names first.
var units = []struct {
	name string
	n    int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// UnmarshalText reads the flag.
func (n *byteCount) UnmarshalText(b []byte) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(string(b), u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || v < 0 || v > maxBenchSize/u.n {
			break
		}
		*n = byteCount(v * u.n)
		return nil
	}
	return fmt.Errorf(`%q is no size; write as "1GB", "64MiB" or "4096", up to 1 TB`, b)
}

// maxBenchSize bounds a film that is made for a measurement, bytes.
const maxBenchSize = 1e12
