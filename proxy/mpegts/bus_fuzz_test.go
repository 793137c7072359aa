package mpegts

import (
	"bytes"
	"context"
	"slices"
	"testing"
)

// model is what a reader that never falls behind may see of any bytes: the packets that a
// framer finds, in their order, with whole runs left out and tables put in. Time stamps, which
// may be moved, are blank.
func model(b []byte, size int) map[string]int {
	all := map[string]int{}
	var f Framer
	for piece := range slices.Chunk(b, size) {
		f.Feed(piece, func(p Packet) { all[string(blank(p))]++ })
	}
	return all
}

// blank is a packet without its time stamps.
func blank(p Packet) Packet {
	p = slices.Clone(p)
	if _, ok := p.PCR(); ok {
		p.setPCR(0)
	}
	if payload := p.Payload(); p.UnitStart() {
		if h, _ := parsePES(payload); h.hasPTS {
			setTimestamp(payload[h.ptsAt:], 0)
			if h.dtsAt > 0 {
				setTimestamp(payload[h.dtsAt:], 0)
			}
		}
	}
	return p
}

// Hostile bytes: no panic, no more memory than the capacity, and what comes out is packets
// that went in, or tables.
func FuzzBus(f *testing.F) {
	s := newBuilder()
	s.film(ptsModulus-90_000, 2)
	f.Add(s.Bytes(), uint16(1315), uint8(3))
	f.Add(bytes.Repeat(packetOf(0x47, 0x40, 0, 0x10, 0, 0, 0xb0, 0x0d), 10), uint16(100), uint8(0))
	r := newBuilder()
	r.radio()
	r.unit(pes{pid: testAudio, pts: 5, random: true, pcr: 7, content: make([]byte, 900)})
	f.Add(r.Bytes(), uint16(7), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, size uint16, gap uint8) {
		if len(data) > 1<<16 {
			return
		}
		b := NewBus(1 << 17)
		reader := b.NewReader(context.Background())
		defer reader.Close()
		n := 0
		for piece := range slices.Chunk(data, int(size)+1) {
			if n++; gap > 0 && n%int(gap) == 0 {
				b.Discontinuity()
			}
			if _, err := b.Write(piece); err != nil {
				t.Fatal(err)
			}
			b.checkSanity(t)
		}
		got := drain(t, reader)
		if len(got)%PacketSize != 0 {
			t.Fatalf("%d bytes are not whole packets", len(got))
		}
		if gap > 0 || len(got) == 0 {
			return
		}
		known := model(data, int(size)+1)
		for _, p := range packetsOf(got) {
			key := string(blank(p))
			if known[key]--; known[key] < 0 && p.PID() != 0 && p.PID() != b.probe.pmtPID {
				t.Fatalf("a packet of PID %#x came out that did not go in", p.PID())
			}
		}
	})
}

// checkSanity holds the ring's order.
func (b *Bus) checkSanity(t *testing.T) {
	t.Helper()
	r := &b.ring
	if r.visible > r.end || r.end > r.reached || r.hidden() > len(r.data) || len(r.data) != 1<<17/PacketSize*PacketSize {
		t.Fatalf("visible %d, end %d, reached %d, ring of %d", r.visible, r.end, r.reached, len(r.data))
	}
	if !b.seeking && r.visible != r.end {
		t.Fatalf("%d bytes are held back for no keyframe", r.hidden())
	}
	last := uint64(0)
	for i := range b.index.n {
		k := b.index.at(i)
		if k.Offset < last || k.Offset < r.tail() || k.Offset >= r.visible {
			t.Fatalf("keyframe %d at %d, the ring holds %d to %d", i, k.Offset, r.tail(), r.visible)
		}
		last = k.Offset
	}
	if rate := b.meter.rate(); rate < 0 {
		t.Fatalf("%d bits/s", rate)
	}
}

func TestIndexForgetsTheOldest(t *testing.T) {
	var x index
	if x.newest() != nil {
		t.Error("an empty index has a newest keyframe")
	}
	for i := range uint64(maxKeyframes + 10) {
		x.add(Keyframe{Offset: i, Clean: true, at: int64(i)})
	}
	if x.n != maxKeyframes || x.at(0).Offset != 10 || x.newest().Offset != maxKeyframes+9 {
		t.Errorf("%d keyframes from %d to %d", x.n, x.at(0).Offset, x.newest().Offset)
	}
	x.dropBefore(500)
	if x.at(0).Offset != 500 || x.n != maxKeyframes+10-500 {
		t.Errorf("%d keyframes from %d", x.n, x.at(0).Offset)
	}
	x.dropBefore(1 << 40)
	if x.n != 0 {
		t.Errorf("%d keyframes beyond all", x.n)
	}
}

func TestMeter(t *testing.T) {
	var m meter
	p := packetOf(0x47, 1, 0, 0x20, 183, 0x10, 0, 0, 0, 0, 0x7e, 0)
	other := packetOf(0x47, 2, 0, 0x10)
	second := func(pcr uint64) {
		p.setPCR(pcr % PCRModulus)
		m.count(p, testVideo)
		for range 9 {
			m.count(other, testVideo)
		}
	}
	if m.rate() != 0 {
		t.Error("a rate of nothing")
	}
	start := uint64(PCRModulus - 30*PCRRate)
	for i := range uint64(60) { // over the wrap
		second(start + i*PCRRate)
	}
	if got := m.rate(); got != 10*PacketSize*8 {
		t.Errorf("%d bits/s, want %d", got, 10*PacketSize*8)
	}
	second(7 * 3600 * PCRRate) // the clock is set
	if got := m.rate(); got != 0 {
		t.Errorf("%d bits/s over a jump of the clock", got)
	}
	second(7*3600*PCRRate + PCRRate/2)
	if got := m.rate(); got != 2*10*PacketSize*8 {
		t.Errorf("%d bits/s after the jump, want %d", got, 2*10*PacketSize*8)
	}
	m.forget()
	if got := m.rate(); got != 0 {
		t.Errorf("%d bits/s of what is forgotten", got)
	}
}
