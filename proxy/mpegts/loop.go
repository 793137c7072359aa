package mpegts

import (
	"context"
	"fmt"
	"time"
)

const (
	// batchPackets is the fewest packets that are handed out at once: what one chunk holds.
	batchPackets = 7
	// maxBatch bounds the packets that are handed out at once.
	maxBatch = ReadSize / PacketSize
	// maxBehind is how late a packet may be before the loop goes on at the next keyframe.
	maxBehind = 2 * time.Second
	// lookUp is how long the loop sleeps at most before it looks at the clock again, which
	// may have been set.
	lookUp = time.Second
)

// Loop plays a clip for ever in real time, in step with the clock on the wall: at unix time t
// it is at t mod Duration, and each packet it hands out is the same function of t, time stamps
// and counters included. Two loops of one clip give the same bytes, and one that is started
// again goes on as if it had never stopped.
//
// The PTS of a frame is the unix time at which the frame is due, in ticks of 90 kHz mod 2^33;
// the PCR runs ahead of PTS and DTS as it did in the clip. It is safe for concurrent use.
type Loop struct{ clip *clip }

// NewLoop prepares a clip: a transport stream of up to 256 MiB with video, whose sound is as
// long as its picture. The clip is not kept.
func NewLoop(data []byte) (*Loop, error) {
	c, err := readClip(data)
	if err != nil {
		return nil, fmt.Errorf("loop a clip: %w", err)
	}
	return &Loop{c}, nil
}

// Duration is the length of one round.
func (l *Loop) Duration() time.Duration { return ptsDuration(l.clip.duration) }

// place is a packet of the endless stream.
type place struct {
	round int64 // since 1970
	slot  int
}

// next is the place behind p.
func (l *Loop) next(p place) place {
	if p.slot++; p.slot == len(l.clip.slots) {
		p.slot = 0
		p.round++
	}
	return p
}

// due is when the packet at p is to be handed out.
func (l *Loop) due(p place) time.Time {
	start := p.round * l.clip.duration // ticks of 90 kHz since 1970
	ticks := start%ptsRate*300 + l.clip.slots[p.slot].due
	return time.Unix(start/ptsRate, 0).Add(PCRDuration(ticks))
}

// keyframe is the first place not due before t at which a stream can begin.
func (l *Loop) keyframe(t time.Time) place {
	ticks := t.Unix()*ptsRate + int64(t.Nanosecond())*9/100_000
	p := place{round: ticks/l.clip.duration - 1}
	for ; ; p.round++ {
		for _, p.slot = range l.clip.keys {
			if !l.due(p).Before(t) {
				return p
			}
		}
	}
}

// appendPacket adds the packet at p.
func (l *Loop) appendPacket(dst []byte, p place) []byte {
	c := l.clip
	dst = append(dst, c.packets[p.slot*PacketSize:(p.slot+1)*PacketSize]...)
	packet := Packet(dst[len(dst)-PacketSize:])
	s := &c.slots[p.slot]
	count := p.round*c.payloads[packet.PID()] + s.rank
	if !s.hasPayload {
		count--
	}
	packet[3] = packet[3]&0xf0 | byte(count&0x0f)
	if a := packet.adaptation(); a != nil {
		a[0] &^= 0x80 // no discontinuity: the rounds join
	}
	start := p.round * c.duration
	if s.hasPCR {
		packet.setPCR(uint64(wrap(wrap(start, ptsModulus)*300+s.pcr, PCRModulus)))
	}
	if s.ptsAt > 0 {
		setTimestamp(packet[s.ptsAt:], uint64(wrap(start+s.pts, ptsModulus)))
	}
	if s.dtsAt > 0 {
		setTimestamp(packet[s.dtsAt:], uint64(wrap(start+s.dts, ptsModulus)))
	}
	return dst
}

func wrap(ticks, modulus int64) int64 { return (ticks%modulus + modulus) % modulus }

// Run hands out the stream from the next keyframe on, as its packets fall due, in batches of
// seven whole packets at least. The bytes are valid during the call of emit. It returns when
// ctx ends or emit fails, with that error. When it falls behind by more than two seconds, or
// the clock is set, it goes on at the next keyframe. now is the clock, time.Now outside tests.
func (l *Loop) Run(ctx context.Context, now func() time.Time, emit func(packets []byte) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	buf := make([]byte, 0, maxBatch*PacketSize)
	last := now().Round(0) // the wall's clock, not the monotonic one
	at := l.keyframe(last)
	for {
		wait := l.due(l.ahead(at, batchPackets-1)).Sub(now())
		timer.Reset(min(max(wait, 0), lookUp))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		t := now().Round(0)
		if t.Sub(l.due(at)) > maxBehind || last.Sub(t) > maxBehind {
			at = l.keyframe(t)
		}
		last = t
		if buf, at = l.batch(buf[:0], at, t); len(buf) == 0 {
			continue
		}
		if err := emit(buf); err != nil {
			return err
		}
	}
}

// ahead is the place n packets behind p.
func (l *Loop) ahead(p place, n int) place {
	for range n {
		p = l.next(p)
	}
	return p
}

// batch adds the packets from p on that are due at t, none if there are too few, and returns
// the place behind them.
func (l *Loop) batch(dst []byte, p place, t time.Time) ([]byte, place) {
	if l.due(l.ahead(p, batchPackets-1)).After(t) {
		return dst, p
	}
	for len(dst) < maxBatch*PacketSize && !l.due(p).After(t) {
		dst = l.appendPacket(dst, p)
		p = l.next(p)
	}
	return dst, p
}
