package mpegts

import (
	"bytes"
	"time"
)

const (
	// maxSegments bounds the list of segments; the oldest are forgotten.
	maxSegments = 1024
	// minSegment is the least length of a segment that a keyframe ends, in ticks of 90 kHz.
	minSegment = ptsRate * 9 / 10
	// longestTarget bounds the target duration: a stream whose keyframes are farther apart is cut
	// between them.
	longestTarget = 10 * ptsRate
	// segmentShare of the ring's bytes ends a segment whatever its time stamps say.
	segmentShare = 4
	// numberEpoch and numbersPerSecond make numbers of segments that do not fall back when a
	// channel is opened anew, and that fit 31 bits: "The Media Sequence Number … MUST NOT decrease or
	// wrap" (RFC 8216, 6.2.2).
	numberEpoch      = 1_600_000_000
	numbersPerSecond = 2
	// breakEpoch and secondsPerBreak do the same for discontinuities, and keep the numbers low: hls.js
	// has lists that are as long as they are high, and goes through them again and again.
	breakEpoch      = 1_767_225_600
	secondsPerBreak = 900
)

// segment is a part of the stream that begins where a frame does, with a keyframe wherever one
// comes in time.
type segment struct {
	start, end    uint64 // offsets in the ring
	at, length    int64  // ticks of 90 kHz, on the line
	discontinuity bool   // does not continue the segment before
	clean         bool   // begins with a keyframe
	tables        []byte // packets of PAT and PMT in front of it, unnumbered; shared, never changed
	pat, pmt      uint8  // counters up to which these are numbered
	date          time.Time
}

// segments cuts a stream into segments and lists those that are complete: each is a range of
// the ring, and nothing of the stream is copied.
type segments struct {
	ring     [maxSegments]segment
	first, n int
	removed  uint64 // complete ones that were forgotten
	breaks   uint64 // discontinuities among those

	open   segment // that grows
	opened bool
	broken bool // the next one does not continue the last
	tables []byte

	target  int64  // ticks, whole seconds; 0 until the first list was handed out
	base    uint64 // number of the first segment
	broke   uint64 // … and of the first discontinuity; before the first list, the least that this may be
	listed  uint64 // numbers below are in no list any more, counted without base
	largest int64  // the longest segment so far, in ticks
}

func (s *segments) at(i int) *segment { return &s.ring[(s.first+i)%maxSegments] }

// limit is the length that ends a segment where no keyframe does.
func (s *segments) limit() int64 {
	if s.target == 0 {
		return longestTarget
	}
	return s.target
}

// due says whether a frame at this time and place has to begin a segment, key or not.
func (s *segments) due(k *Keyframe, room int) bool {
	return s.opened && (k.at-s.open.at >= s.limit() || k.Offset-s.open.start >= uint64(room/segmentShare))
}

// cut ends the open segment at a frame and begins the next there.
func (s *segments) cut(k *Keyframe, clean bool, tables []byte) {
	s.finish(k.Offset, k.at)
	if !bytes.Equal(s.tables, tables) {
		s.tables = bytes.Clone(tables)
	}
	s.open = segment{start: k.Offset, at: k.at, discontinuity: s.broken && s.removed+uint64(s.n) > 0, clean: clean, tables: s.tables, pat: k.patCounter, pmt: k.pmtCounter}
	s.opened, s.broken = true, false
}

// keyframe cuts at a keyframe, unless the open segment is short.
func (s *segments) keyframe(k *Keyframe, tables []byte) {
	switch {
	case s.opened && s.open.start == k.Offset:
		s.open.clean = true // it was cut here already
	case !s.opened || k.at-s.open.at >= minSegment:
		s.cut(k, true, tables)
	}
}

// finish lists the open segment, unless it is empty.
func (s *segments) finish(end uint64, at int64) {
	if !s.opened {
		return
	}
	s.opened = false
	if end <= s.open.start {
		s.broken = s.broken || s.open.discontinuity
		return
	}
	s.open.end, s.open.length = end, max(at-s.open.at, 1)
	s.largest = max(s.largest, s.open.length)
	if s.n == maxSegments {
		s.forget()
	}
	s.n++
	*s.at(s.n - 1) = s.open
}

// interrupt ends the open segment: what comes next does not continue it.
func (s *segments) interrupt(end uint64, at int64) {
	s.finish(end, at)
	s.broken = true
}

// forget drops the oldest.
func (s *segments) forget() {
	if s.at(0).discontinuity {
		s.breaks++
	}
	*s.at(0) = segment{}
	s.first = (s.first + 1) % maxSegments
	s.n--
	s.removed++
}

// dropBefore forgets segments that do not lie whole behind an offset.
func (s *segments) dropBefore(offset uint64) {
	for s.n > 0 && s.at(0).start < offset {
		s.forget()
	}
	if s.opened && s.open.start < offset {
		s.opened, s.broken = false, true
	}
}

// find is a segment that is still there, by its number.
func (s *segments) find(number uint64) *segment {
	first := s.base + s.removed
	if s.target == 0 || number < first || number-first >= uint64(s.n) {
		return nil
	}
	return s.at(int(number - first))
}

// settle fixes what a playlist must not change, when the first is handed out.
func (s *segments) settle(now time.Time) {
	if s.target != 0 {
		return
	}
	s.target = min(max((s.largest+ptsRate/2)/ptsRate, 1)*ptsRate, longestTarget)
	s.base = uint64(max(now.Unix()-numberEpoch, 0)) * numbersPerSecond
	s.broke = max(s.broke, uint64(max(now.Unix()-breakEpoch, 0))/secondsPerBreak)
}

// date gives the segments their place in time: from the newest frame back, and from then on by
// what the stream's own clock says, until it is interrupted.
func (s *segments) date(now time.Time, newest int64) {
	for i := range s.n {
		switch g := s.at(i); {
		case !g.date.IsZero():
		case i == 0 || g.discontinuity:
			g.date = now.Add(-ptsDuration(newest - g.at))
		default:
			before := s.at(i - 1)
			g.date = before.date.Add(ptsDuration(before.length))
		}
	}
}

// window is how many of the oldest segments are not to be listed any more: the bytes of those
// that are listed take so much that each lives on for as long again after it has left the list.
func (s *segments) window(visible uint64, room int) int {
	from := s.n
	var length int64
	for from > 0 && (length < 3*s.target || visible-s.at(from-1).start <= uint64(room)*7/16) {
		from--
		length += s.at(from).length
	}
	s.listed = max(s.listed, s.removed+uint64(from))
	return int(s.listed - s.removed)
}

// numbered returns the tables as they stand in front of the segment: their counters connect with
// what its PIDs bring next.
func (g *segment) numbered() []byte {
	tables := bytes.Clone(g.tables)
	pat, pmt := g.pat, g.pmt
	for end := len(tables); end > 0; end -= PacketSize {
		p := Packet(tables[end-PacketSize : end])
		counter := &pmt
		if p.PID() == 0 {
			counter = &pat
		}
		p[3] = p[3]&0xf0 | *counter&0x0f
		*counter--
	}
	return tables
}
