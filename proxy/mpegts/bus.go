package mpegts

import (
	"io"
	"sync"
	"time"
)

const (
	// minCapacity keeps a Bus usable however small it is asked to be.
	minCapacity = 64 * PacketSize
	// patience is how long, by the stream's clock, a keyframe is waited for before any frame
	// is taken for one.
	patience = 10 * PCRRate
)

// Bus is the ring of one channel: one writer's bytes for any number of readers, each of which
// begins at a keyframe. Where the publisher's clock begins anew, the stream's goes on. Its memory
// is its capacity and a fixed amount beside. All methods are safe for concurrent use.
type Bus struct {
	mu     sync.Mutex
	moved  sync.Cond // visible has grown, or a reader or the bus has ended
	closed bool

	framer Framer
	take   func(Packet) // b.packet, bound once
	probe  probe
	meter  meter
	index  index
	ring   ring

	events events

	segments segments
	tables   [maxTables]byte // scratch

	times  timeline
	line   line
	newest int64 // latest presentation time of the reference, on the line

	seeking   bool     // nothing is handed out until a keyframe
	open      bool     // the newest frame is stored and not yet judged
	candidate Keyframe // that frame

	keyframes uint64
	origin    int64 // time of the first keyframe, on the line
	rejoins   uint64
	readers   int
}

// NewBus makes a bus whose ring holds capacity bytes, rounded down to whole packets; 64
// packets at least. A ring should hold several seconds: a reader that falls behind it misses
// what it held.
func NewBus(capacity int) *Bus {
	capacity = max(capacity, minCapacity)
	b := &Bus{seeking: true, times: newTimeline(), ring: ring{data: make([]byte, capacity-capacity%PacketSize)}}
	b.probe.noStreams()
	b.moved.L = &b.mu
	b.take = b.packet
	return b
}

// Write takes the next bytes of the channel, cut anywhere. It never waits for readers; after
// Close it fails with io.ErrClosedPipe.
func (b *Bus) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, io.ErrClosedPipe
	}
	before := b.ring.visible
	b.framer.Feed(p, b.take)
	b.index.dropBefore(b.ring.tail())
	b.segments.dropBefore(b.ring.tail())
	if b.ring.visible != before {
		b.moved.Broadcast()
	}
	return len(p), nil
}

// Discontinuity says that the next Write does not continue the last: bytes are missing
// between them. Readers go on at the next keyframe, with the tables before it.
func (b *Bus) Discontinuity() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.framer.Reset()
	b.meter.forget()
	b.seek()
}

// Close ends the channel. Readers get what is stored, then io.EOF.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.moved.Broadcast()
}

// packet takes the next packet. While a keyframe is sought, frames are stored out of sight
// until their first slice tells what they are.
func (b *Bus) packet(p Packet) {
	p = b.times.join(p, &b.probe)
	f := b.probe.packet(p)
	b.meter.count(p, b.probe.pcrPID)
	if p.PID() == pidEIT && !p.Damaged() {
		b.events.packet(p, b.probe.programme)
	}
	if f.changed {
		b.events.forget()
		b.index.clear()
		b.times.change()
		b.seek()
	}
	b.judge(f.earlier)
	if b.seeking && f.starts && b.meter.waiting > patience {
		f.frame, f.verdict = true, recovery
	}
	if f.frame {
		b.begin(f.header)
	}
	if b.seeking && !b.open {
		return
	}
	b.ring.store(p)
	if !b.seeking {
		b.ring.show()
	} else if b.ring.hidden() > len(b.ring.data)/2 {
		b.judge(plain)
	}
	b.judge(f.verdict)
}

// seek holds back everything up to the next keyframe.
func (b *Bus) seek() {
	b.ring.discard()
	b.segments.interrupt(b.ring.visible, b.newest)
	b.seeking, b.open = true, false
	b.meter.waiting = 0
}

// begin opens a frame, which the next packet stored begins.
func (b *Bus) begin(header pesHeader) {
	if b.seeking {
		b.ring.discard()
		b.storeTables()
	}
	if header.hasPTS {
		b.newest = max(b.newest, b.line.extend(header.pts))
	}
	b.open = true
	b.candidate = Keyframe{
		Offset: b.ring.end, Time: ptsDuration(b.line.at), at: b.line.at,
		patCounter: b.probe.patCounter, pmtCounter: b.probe.pmtCounter,
	}
	if !b.seeking && b.segments.due(&b.candidate, len(b.ring.data)) {
		b.segments.cut(&b.candidate, false, b.appendTables(b.tables[:0], 0, 0))
	}
}

// storeTables puts the tables in front of a frame that readers may have to go on with after
// a gap.
func (b *Bus) storeTables() {
	var memory [maxTables]byte
	tables := b.appendTables(memory[:0], b.probe.patCounter, b.probe.pmtCounter)
	for len(tables) > 0 {
		b.ring.store(tables[:PacketSize])
		tables = tables[PacketSize:]
	}
}

// judge closes the open frame by what its beginning told.
func (b *Bus) judge(v verdict) {
	if v == undecided || !b.open {
		return
	}
	b.open = false
	if v == plain {
		if b.seeking {
			b.ring.discard()
		}
		return
	}
	b.candidate.Clean = v == clean
	if !b.seeking && b.index.n > 0 && b.probe.reference().Kind == Audio &&
		b.candidate.at-b.index.at(b.index.n-1).at < audioSpacing {
		return
	}
	if b.keyframes++; b.keyframes == 1 {
		b.origin = b.candidate.at
	}
	b.index.add(b.candidate)
	b.segments.keyframe(&b.candidate, b.appendTables(b.tables[:0], 0, 0))
	b.seeking = false
	b.ring.show()
}

// maxTables is the room that PAT and PMT take as packets.
const maxTables = 2 * ((maxSection + PacketSize) / (PacketSize - 4)) * PacketSize

// appendTables adds the packets of the tables in force, numbered up to the given counters.
func (b *Bus) appendTables(dst []byte, patCounter, pmtCounter uint8) []byte {
	if !b.probe.ready() {
		return dst
	}
	dst = appendSection(dst, 0, patCounter, b.probe.pat.bytes())
	return appendSection(dst, b.probe.pmtPID, pmtCounter, b.probe.pmt.bytes())
}

// Info is what is known of a channel at a moment.
type Info struct {
	Video, Audio string        // codecs of the first streams, "H.264", "AAC", …; empty for none or unknown
	Bitrate      int64         // bits per second over the last 16 s at most, by the stream's clock; 0 unknown
	Keyframes    uint64        // found since the beginning
	KeyInterval  time.Duration // between the newest two keyframes; 0 unknown
	Buffered     time.Duration // from the oldest keyframe that is stored to the newest frame
	Bytes        int           // stored
	Readers      int           // open now
	Rejoins      uint64        // how often readers fell behind the ring and lost a part
	Losses       uint64        // how often the rhythm of the packets was lost
}

// Info tells what is known of the channel now.
func (b *Bus) Info() Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := Info{
		Video: b.probe.codec(Video), Audio: b.probe.codec(Audio), Bitrate: b.meter.rate(),
		Keyframes: b.keyframes, Bytes: int(b.ring.visible - min(b.ring.tail(), b.ring.visible)),
		Readers: b.readers, Rejoins: b.rejoins, Losses: b.framer.Losses(),
	}
	if n := b.index.n; n > 0 {
		i.Buffered = ptsDuration(b.newest - b.index.at(0).at)
		if n > 1 {
			i.KeyInterval = ptsDuration(b.index.at(n-1).at - b.index.at(n-2).at)
		}
	}
	return i
}

// OnAir is what the stream itself tells to be on and to follow (ETSI EN 300 468, EIT); those without a title are not known.
func (b *Bus) OnAir() (present, following Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events.onAt[0], b.events.onAt[1]
}

// Reference is the stream by whose frames the channel is entered: the first of its pictures, else of
// its sounds; the zero Stream before the tables are known.
func (b *Bus) Reference() Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.probe.reference()
}

// AppendKeyframes adds the keyframes that the ring still holds, oldest first.
func (b *Bus) AppendKeyframes(dst []Keyframe) []Keyframe {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.index.n {
		dst = append(dst, *b.index.at(i))
	}
	return dst
}
