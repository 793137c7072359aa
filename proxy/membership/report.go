package membership

import (
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// maxHeldRanges is how many ranges of chunks are looked at for a report: as many find room in it.
const maxHeldRanges = 64

// stats is what trackers are told of our part in the swarm (RFC 7846, 3.2.5). What upload is
// still free is not known, so that it is told as 0.
func (m *Member) stats() tracker.StreamStats {
	st, err := m.swarm.Stats()
	if err != nil {
		return tracker.StreamStats{}
	}
	out := tracker.StreamStats{
		UploadedBytes: tracker.Number(st.Counters.BytesSent), DownloadedBytes: tracker.Number(st.Counters.BytesReceived),
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
