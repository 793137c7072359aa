package tracker

import (
	"context"
	"math/bits"
	"time"
)

// condition is what of a report makes trackers choose otherwise: a change of it is told at once.
type condition struct {
	connection, power string
	linked            bool // to any peer
	late              bool // chunks come too late
	held              int  // magnitude of what we hold
}

func conditionOf(s *StreamStats) condition {
	held, _ := countHeld(s.ChunksHeld)
	return condition{s.Connection, s.Power, s.ConcurrentLinks > 0, s.ChunksLate > 0, bits.Len64(uint64(held)) / 4}
}

// Bounds of the time between reports.
const (
	minReportInterval = time.Second      // what a tracker can make us do
	maxReportInterval = 10 * time.Minute // of a tracker that remembers for hours
	minChangeInterval = 5 * time.Second  // before a change is told
)

// changed tells whether our condition is another than the tracker was told.
func (a *Announcer) changed(m *membership, now time.Time) bool {
	if a.config.Stats == nil || now.Sub(m.reportedAt) < minChangeInterval {
		return false
	}
	s := a.config.Stats()
	return conditionOf(&s) != m.told
}

// report tells the tracker how the swarm fares (STAT_REPORT), or only that we are there.
func (a *Announcer) report(ctx context.Context, m *membership) error {
	var stats []StreamStats
	if a.config.Stats != nil {
		s := a.config.Stats()
		s.SwarmID = a.config.Swarm.String()
		stats = []StreamStats{s}
	}
	answer, err := m.client.StatReport(ctx, stats...)
	if err != nil {
		return err
	}
	if swarm, _ := answer.Of(a.config.Swarm); swarm.Failed {
		return &Error{Code: ForbiddenAction}
	}
	if len(stats) > 0 {
		m.told = conditionOf(&stats[0])
	}
	a.reported(m, answer)
	return nil
}

// reported sets the time of the next report: three fit into the track timer, so that one
// may get lost.
func (a *Announcer) reported(m *membership, answer *Answer) {
	if answer.TrackTimeout > 0 {
		m.timeout = answer.TrackTimeout
	}
	interval := a.config.ReportInterval
	if m.timeout > 0 {
		third := min(max(m.timeout/3, minReportInterval), maxReportInterval)
		if interval <= 0 || third < interval {
			interval = third
		}
	} else if interval <= 0 {
		interval = DefaultReportInterval
	}
	m.reportedAt = time.Now()
	m.nextReport = m.reportedAt.Add(jitter(interval))
}

// about is a peer_num with what we tell of ourselves.
func (a *Announcer) about(wanted int) *PeerNum {
	var n PeerNum
	if a.config.About != nil {
		n = a.config.About()
	}
	n.PeerCount = Number(wanted)
	return &n
}
