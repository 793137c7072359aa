package membership

import (
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// maxHeldRanges is how many ranges of chunks are looked at for a report: as many find room in it.
const maxHeldRanges = 64

// stats is what trackers are told of our part in the swarm (RFC 7846, 3.2.5). The upload
// that is free is that of the limit beyond what this swarm sent on average; without a limit it is not known, and
// told as 0.
func (m *Member) stats() tracker.StreamStats {
	st, err := m.swarm.Stats()
	if err != nil {
		return tracker.StreamStats{}
	}
	out := tracker.StreamStats{
		UploadedBytes: tracker.Number(st.Counters.BytesSent), DownloadedBytes: tracker.Number(st.Counters.BytesReceived),
		ChunksLate: tracker.Number(m.late.Load()),
	}
	if limit, age := m.cfg.Trackers.Upload, time.Since(m.began).Seconds(); limit > 0 && age > 0 {
		out.AvailableBandwidth = tracker.Number(max(0, limit-int64(8*float64(st.Counters.BytesSent)/age)))
	}
	if m.cfg.Trackers.Condition != nil {
		c := m.cfg.Trackers.Condition()
		out.Connection, out.Power = c.Connection, c.Power
	}
	for _, p := range st.Peers {
		if p.Established {
			out.ConcurrentLinks++
		}
	}
	if have, err := m.swarm.Have(); err == nil {
		out.ChunksHeld = held(&have)
	}
	return out
}

// about is what trackers that choose are told of us (RFC 7846, 3.2.2).
func (m *Member) about() tracker.PeerNum {
	n := tracker.PeerNum{
		ConcurrentLinks: tracker.Number(max(m.peers.Load(), 0)), OnlineTime: tracker.Number(time.Since(m.began) / time.Second),
		UploadBandwidth: tracker.Number(m.cfg.Trackers.Upload / 1000), Role: m.cfg.Trackers.Role,
	}
	if m.cfg.Trackers.NAT != nil {
		n.AbilityNAT = m.cfg.Trackers.NAT()
	}
	return n
}

// held writes the first ranges of a set as trackers are told them.
func held(have *chunk.Set) string {
	var ranges [][2]uint64
	for r := range have.Ranges() {
		if len(ranges) == maxHeldRanges {
			break
		}
		ranges = append(ranges, [2]uint64{r.Start, r.End - 1})
	}
	return tracker.HeldRanges(ranges...)
}
