package tracker

import (
	"math"
	"strconv"
	"strings"
)

// part is what a seat says of its peer's part in the swarm: its mode, and its StreamStats with
// counters up to 2^48-1 and small numbers up to 65,535.
type part struct {
	held                            uint32 // chunks
	links, late                     uint16
	uploaded, downloaded, bandwidth [6]byte
	told                            bool // there are statistics
	seeder                          bool
}

func pack48(n Number) (b [6]byte) {
	v := uint64(min(max(n, 0), 1<<48-1))
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return b
}

func unpack48(b [6]byte) (n Number) {
	for i := range b {
		n |= Number(b[i]) << (8 * i)
	}
	return n
}

func (t *part) set(s *StreamStats) {
	held, _ := countHeld(s.ChunksHeld)
	*t = part{
		uploaded: pack48(s.UploadedBytes), downloaded: pack48(s.DownloadedBytes), bandwidth: pack48(s.AvailableBandwidth),
		links: uint16(min(s.ConcurrentLinks, math.MaxUint16)), late: uint16(min(s.ChunksLate, math.MaxUint16)),
		held: uint32(min(held, math.MaxUint32)), told: true, seeder: t.seeder,
	}
}

// get returns what set was given, but for what is kept of the peer, nil for nothing.
func (t *part) get(swarmID string) *StreamStats {
	if !t.told {
		return nil
	}
	return &StreamStats{
		SwarmID: swarmID, UploadedBytes: unpack48(t.uploaded), DownloadedBytes: unpack48(t.downloaded),
		AvailableBandwidth: unpack48(t.bandwidth), ConcurrentLinks: Number(t.links), ChunksLate: Number(t.late),
	}
}

// MaxHeld bounds the ranges in a report, bytes: it is sent often, and a rough picture does.
const MaxHeld = 256

// HeldRanges writes the ranges of chunks that a peer holds, each of a first and a last chunk,
// in the form of StreamStats.ChunksHeld: decimal, "first-last" or a single number, separated by
// commas. Ranges that find no room in MaxHeld bytes are left out.
func HeldRanges(ranges ...[2]uint64) string {
	var b []byte
	for _, r := range ranges {
		at := len(b)
		if at > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, r[0], 10)
		if r[1] != r[0] {
			b = strconv.AppendUint(append(b, '-'), r[1], 10)
		}
		if len(b) > MaxHeld {
			return string(b[:at])
		}
	}
	return string(b)
}

// countHeld returns how many chunks the ranges hold, at most MaxInt64.
func countHeld(s string) (n Number, ok bool) {
	if s == "" {
		return 0, true
	}
	if len(s) > MaxHeld {
		return 0, false
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 62)
		to, err2 := strconv.ParseUint(last, 10, 62)
		if err1 != nil || err2 != nil || to < from {
			return 0, false
		}
		if n += Number(to - from + 1); n < 0 {
			n = math.MaxInt64
		}
	}
	return n, true
}
