package mpegts

import (
	"errors"
	"fmt"
	"slices"
)

// maxClip bounds the clips that a Loop takes, in bytes; it keeps about half as much beside.
const maxClip = 256 << 20

// clip is a stream prepared for being looped: its tables stand in front of each keyframe and
// nowhere else, and it is known where in each packet time stands.
type clip struct {
	packets  []byte
	slots    []slot
	keys     []int            // slots at which to begin: the first of tables before each keyframe
	tables   int              // slots that the tables take
	payloads map[uint16]int64 // packets with payload of each PID in one round
	duration int64            // of one round, ticks of 90 kHz

	probe     probe
	keyframes []int  // packets of the source with which keyframes begin
	origin    uint64 // PTS of the first keyframe: what times in slots are relative to
}

// slot is what must be known of a packet to move it in time.
type slot struct {
	due        int64 // ticks of 27 MHz after the first keyframe
	rank       int64 // packets with payload of this PID before this one
	pcr        int64 // ticks of 27 MHz
	pts, dts   int64 // ticks of 90 kHz
	hasPCR     bool
	hasPayload bool
	ptsAt      uint8 // where in the packet it stands, 0 where it has none
	dtsAt      uint8
}

// readClip prepares a clip. Its errors say what is wrong with it and what to do.
func readClip(data []byte) (*clip, error) {
	if len(data) > maxClip {
		return nil, fmt.Errorf("the clip has %d bytes, the limit is %d: shorten it", len(data), maxClip)
	}
	c := &clip{payloads: map[uint16]int64{}}
	c.probe.noStreams()
	if err := c.findKeyframes(data); err != nil {
		return nil, err
	}
	var times []int64
	var framer Framer
	var failed error
	n := 0
	framer.Feed(data, func(p Packet) {
		if failed == nil {
			times, failed = c.packet(n, p, times)
		}
		n++
	})
	if failed != nil {
		return nil, failed
	}
	if err := c.measure(times); err != nil {
		return nil, err
	}
	return c, c.schedule()
}

// findKeyframes goes through the clip once for its tables, its keyframes and its origin.
func (c *clip) findKeyframes(data []byte) error {
	var framer Framer
	n, begun := 0, 0
	var header pesHeader
	judge := func(v verdict) {
		if v <= plain || !header.hasPTS {
			return
		}
		if len(c.keyframes) == 0 {
			c.origin = header.pts
		}
		c.keyframes = append(c.keyframes, begun)
	}
	framer.Feed(data, func(p Packet) {
		f := c.probe.packet(p)
		judge(f.earlier)
		if f.frame {
			begun, header = n, f.header
		}
		judge(f.verdict)
		n++
	})
	switch {
	case n == 0:
		return errors.New("the clip is no MPEG transport stream: make one with ffmpeg -i CLIP -c copy -f mpegts")
	case c.probe.reference().Kind != Video:
		return errors.New("the clip's tables name no video stream")
	case len(c.keyframes) == 0:
		return errors.New("the clip has no keyframe")
	}
	return nil
}

// packet adds packet n of the source, and the tables before a keyframe.
func (c *clip) packet(n int, p Packet, times []int64) ([]int64, error) {
	pid := p.PID()
	if pid == 0 || pid == c.probe.pmtPID || pid == NullPID {
		return times, nil
	}
	if _, found := slices.BinarySearch(c.keyframes, n); found {
		c.addTables()
	}
	var s slot
	if pcr, ok := p.PCR(); ok && pid == c.probe.pcrPID {
		s.pcr, s.hasPCR = elapsed(c.origin*300, pcr, PCRModulus), true
	}
	if p.UnitStart() {
		if err := c.stamp(n, p, &s); err != nil {
			return times, err
		}
		if s.ptsAt > 0 && pid == c.probe.reference().PID {
			times = append(times, s.pts)
		}
	}
	c.add(p, s)
	return times, nil
}

func (c *clip) addTables() {
	c.keys = append(c.keys, len(c.slots))
	tables := appendSection(nil, 0, 0, c.probe.pat.bytes())
	tables = appendSection(tables, c.probe.pmtPID, 0, c.probe.pmt.bytes())
	c.tables = len(tables) / PacketSize
	for ; len(tables) > 0; tables = tables[PacketSize:] {
		c.add(tables[:PacketSize], slot{})
	}
}

func (c *clip) add(p Packet, s slot) {
	pid := p.PID()
	s.rank, s.hasPayload = c.payloads[pid], p.HasPayload()
	if s.hasPayload {
		c.payloads[pid]++
	}
	c.packets = append(c.packets, p...)
	c.slots = append(c.slots, s)
}

// stamp finds the time stamps of the PES packet that begins in p.
func (c *clip) stamp(n int, p Packet, s *slot) error {
	payload := p.Payload()
	h, ok := parsePES(payload)
	if !ok {
		return nil
	}
	if h.size > len(payload) {
		return fmt.Errorf("packet %d of the clip holds only a part of a PES header: repack it with ffmpeg -i CLIP -c copy -f mpegts", n)
	}
	if !h.hasPTS {
		return nil
	}
	start := PacketSize - len(payload)
	s.pts, s.ptsAt = elapsed(c.origin, h.pts, ptsModulus), uint8(start+h.ptsAt)
	if h.dtsAt > 0 {
		s.dts, s.dtsAt = elapsed(c.origin, h.dts, ptsModulus), uint8(start+h.dtsAt)
	}
	return nil
}

// measure finds how long one round is: from the first keyframe to the end of the last frame,
// which is shown as long as most are.
func (c *clip) measure(times []int64) error {
	slices.Sort(times)
	var steps []int64
	for i, t := range times[:len(times)-1] {
		if step := times[i+1] - t; step > 0 {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return errors.New("the clip has a single frame: it needs two at least")
	}
	slices.Sort(steps)
	c.duration = times[len(times)-1] + steps[len(steps)/2]
	if c.duration < ptsRate {
		return errors.New("the clip is shorter than a second")
	}
	if steps[len(steps)-1] > maxStep {
		return errors.New("the clip's time stamps jump: repack it with ffmpeg -i CLIP -c copy -f mpegts")
	}
	return nil
}

// schedule gives each packet its time: that of the clock where it shows it, evenly between.
func (c *clip) schedule() error {
	last := -1
	for i := range c.slots {
		s := &c.slots[i]
		if !s.hasPCR {
			continue
		}
		if last < 0 {
			c.spread(0, i, s.pcr, s.pcr)
		} else {
			before := c.slots[last].pcr
			if s.pcr < before || s.pcr-before > maxPCRStep {
				return fmt.Errorf("the clip's clock jumps at packet %d: repack it with ffmpeg -i CLIP -c copy -f mpegts", i)
			}
			c.spread(last, i, before, s.pcr)
		}
		last = i
	}
	if last < 0 {
		return errors.New("the clip has no clock (PCR): repack it with ffmpeg -i CLIP -c copy -f mpegts")
	}
	keyframe := c.keys[0] + c.tables
	begin := c.slots[last].pcr
	if keyframe < last {
		begin = c.slots[keyframe].due
	}
	end := begin + c.duration*300
	c.spread(last, len(c.slots), c.slots[last].pcr, max(end, c.slots[last].pcr))
	for _, key := range c.keys {
		for i := range c.tables {
			c.slots[key+i].due = c.slots[key+c.tables].due
		}
	}
	for i := range c.slots {
		c.slots[i].due = min(max(c.slots[i].due, begin), end) - begin
	}
	return nil
}

// spread gives the slots from one up to another times that grow evenly.
func (c *clip) spread(from, to int, begin, end int64) {
	for i := from; i < to; i++ {
		c.slots[i].due = begin + (end-begin)*int64(i-from)/int64(to-from)
	}
}
