package mpegts

import "bytes"

// maxUnit bounds one frame (audio: one PES packet) that Units puts together, in bytes.
const maxUnit = 4 << 20

// Unit is a frame of the first video stream of a programme, or what one PES packet of its first
// audio stream holds.
type Unit struct {
	Stream Stream
	Time   int64  // PTS in ticks of 90 kHz, on a line that does not wrap and that sound and picture share
	Data   []byte // the receiver's own
}

// Units takes a stream apart into units, for those who need more than whole packets. A unit that
// is damaged or longer than 4 MiB is left out. It has memory for one unit of each kind, and is to
// be used by one goroutine. Make it with NewUnits.
type Units struct {
	framer Framer
	probe  probe
	line   line
	parts  [2]part // video, audio
	lost   uint64
	unit   func(Unit)
}

// part is a unit that grows.
type part struct {
	open    bool
	counter uint8
	time    int64
	want    int // bytes in all, 0 where the packet does not say
	data    []byte
}

// NewUnits makes Units that hand what they find to unit.
func NewUnits(unit func(Unit)) *Units {
	u := &Units{unit: unit}
	u.probe.noStreams()
	return u
}

// Feed takes the next bytes of the stream.
func (u *Units) Feed(b []byte) { u.framer.Feed(b, u.packet) }

// Streams are the first stream of picture and the first of sound, zero ones where there is none;
// false before the tables are known.
func (u *Units) Streams() (video, audio Stream, ok bool) {
	if i := u.probe.first(Video); i >= 0 {
		video = u.probe.streams[i]
	}
	if i := u.probe.first(Audio); i >= 0 {
		audio = u.probe.streams[i]
	}
	return video, audio, u.probe.ready()
}

// Lost counts the units that were left out.
func (u *Units) Lost() uint64 { return u.lost }

func (u *Units) packet(p Packet) {
	if p.Damaged() {
		return
	}
	if f := u.probe.packet(p); f.table {
		if f.changed {
			u.parts = [2]part{}
		}
		return
	}
	video, audio, _ := u.Streams()
	for i, stream := range [...]Stream{video, audio} {
		if stream.Kind != Other && stream.PID == p.PID() {
			u.add(&u.parts[i], stream, p)
		}
	}
}

// add takes a packet of a stream that is followed.
func (u *Units) add(s *part, stream Stream, p Packet) {
	payload := p.Payload()
	if len(payload) == 0 {
		return
	}
	follows := p.Counter() == (s.counter+1)&0x0f
	again := s.open && p.Counter() == s.counter
	s.counter = p.Counter()
	if p.UnitStart() {
		if s.open && !follows { // its end may be missing
			s.open = false
			u.lost++
		}
		u.end(s, stream)
		u.begin(s, payload)
	} else if s.open && !again {
		if !follows {
			s.open = false
			u.lost++
			return
		}
		s.data = append(s.data, payload...)
	}
	switch {
	case !s.open:
	case len(s.data) > maxUnit:
		s.open, s.data = false, nil
		u.lost++
	case s.want > 0 && len(s.data) >= s.want:
		s.data = s.data[:s.want]
		u.end(s, stream)
	}
}

func (u *Units) begin(s *part, payload []byte) {
	header, ok := parsePES(payload)
	if !ok || !header.hasPTS || header.size > len(payload) {
		u.lost++
		return
	}
	s.open, s.time, s.want = true, u.line.extend(header.pts), 0
	if length := int(payload[4])<<8 | int(payload[5]); length > 0 {
		s.want = max(6+length-header.size, 0)
	}
	s.data = append(s.data[:0], payload[header.size:]...)
}

// end hands out the unit that is open.
func (u *Units) end(s *part, stream Stream) {
	if s.open && len(s.data) > 0 {
		u.unit(Unit{stream, s.time, bytes.Clone(s.data)})
	}
	s.open = false
}
