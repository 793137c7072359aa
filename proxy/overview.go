package proxy

import (
	"sync"
	"time"
)

// Samples of an Overview.
const (
	SamplePeriod = 5 * time.Second
	MaxSamples   = 120 // ten minutes
)

// Sample is what went on at a moment, of all sessions together.
type Sample struct {
	At      time.Time
	DownBps int64 // bits per second
	UpBps   int64 // bits per second
	Peers   int
	BufferS float64 // of the session that has least
}

// Overview is what the gateway has done since it started.
type Overview struct {
	Since    time.Time
	Received uint64   // bytes from peers, measured once a second
	Sent     uint64   // bytes to peers
	Samples  []Sample // one each SamplePeriod, oldest first, at most MaxSamples
}

// record is the Overview while it grows.
type record struct {
	mu sync.Mutex
	Overview
}

// add counts bytes.
func (r *record) add(received, sent uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Received += received
	r.Sent += sent
}

// sample notes what goes on, unless that has just been noted.
func (r *record) sample(now time.Time, sessions []Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.Samples); n > 0 && now.Sub(r.Samples[n-1].At) < SamplePeriod-SamplePeriod/10 {
		return
	}
	one := Sample{At: now}
	for i, s := range sessions {
		one.DownBps += s.DownBps
		one.UpBps += s.UpBps
		one.Peers += s.Peers
		if i == 0 || s.BufferS < one.BufferS {
			one.BufferS = s.BufferS
		}
	}
	if len(r.Samples) == MaxSamples {
		copy(r.Samples, r.Samples[1:])
		r.Samples = r.Samples[:MaxSamples-1]
	}
	r.Samples = append(r.Samples, one)
}

// Overview returns what the gateway has done since it started.
func (g *Gateway) Overview() Overview {
	g.record.mu.Lock()
	defer g.record.mu.Unlock()
	all := g.record.Overview
	all.Samples = append([]Sample(nil), all.Samples...)
	return all
}
