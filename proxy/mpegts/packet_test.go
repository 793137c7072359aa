package mpegts

import (
	"bytes"
	"testing"
)

// packetOf is a packet with the given beginning, the rest 0xff.
func packetOf(head ...byte) Packet {
	return append(head, bytes.Repeat([]byte{0xff}, PacketSize-len(head))...)
}

func TestPacketHeader(t *testing.T) {
	p := packetOf(0x47, 0x41, 0x23, 0x1a)
	if p.PID() != 0x123 || !p.UnitStart() || p.Counter() != 10 || !p.HasPayload() || p.Damaged() {
		t.Errorf("read as PID %#x, start %v, counter %d, payload %v, damaged %v",
			p.PID(), p.UnitStart(), p.Counter(), p.HasPayload(), p.Damaged())
	}
	if n := len(p.Payload()); n != 184 {
		t.Errorf("payload of %d bytes, want 184", n)
	}
	if p := packetOf(0x47, 0x9f, 0xff, 0x10); p.PID() != NullPID || !p.Damaged() || p.UnitStart() {
		t.Errorf("null packet read as PID %#x, damaged %v, start %v", p.PID(), p.Damaged(), p.UnitStart())
	}
}

func TestPayloadBehindAdaptationField(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Packet
		want int
	}{
		{"none", packetOf(0x47, 0, 1, 0x00), 0},
		{"adaptation field alone", packetOf(0x47, 0, 1, 0x20, 183), 0},
		{"empty adaptation field", packetOf(0x47, 0, 1, 0x30, 0), 183},
		{"one byte left", packetOf(0x47, 0, 1, 0x30, 182), 1},
		{"nothing left", packetOf(0x47, 0, 1, 0x30, 183), 0},
		{"longer than the packet", packetOf(0x47, 0, 1, 0x30, 255), 0},
		{"scrambled", packetOf(0x47, 0, 1, 0x90), 0},
	} {
		if got := len(c.p.Payload()); got != c.want {
			t.Errorf("%s: payload of %d bytes, want %d", c.name, got, c.want)
		}
	}
}

func TestFlags(t *testing.T) {
	p := packetOf(0x47, 0, 1, 0x30, 7, 0x50)
	if !p.RandomAccess() || p.Discontinuity() {
		t.Errorf("flags 0x50 read as random access %v, discontinuity %v", p.RandomAccess(), p.Discontinuity())
	}
	p = packetOf(0x47, 0, 1, 0x30, 7, 0x80)
	if p.RandomAccess() || !p.Discontinuity() {
		t.Errorf("flags 0x80 read as random access %v, discontinuity %v", p.RandomAccess(), p.Discontinuity())
	}
	if p := packetOf(0x47, 0, 1, 0x30, 0, 0xff); p.RandomAccess() || p.Discontinuity() {
		t.Error("flags read from an empty adaptation field")
	}
}

// ISO/IEC 13818-1, 2.4.3.5: "PCR(i) = PCR_base(i) x 300 + PCR_ext(i)".
func TestPCRVector(t *testing.T) {
	// Base 0x1_8000_0001, extension 299.
	p := packetOf(0x47, 0, 1, 0x20, 183, 0x10, 0xc0, 0, 0, 0, 0xff, 0x2b)
	if got, ok := p.PCR(); !ok || got != 0x180000001*300+299 {
		t.Errorf("PCR %d, %v; want %d", got, ok, uint64(0x180000001*300+299))
	}
}

func TestPCRRoundTrip(t *testing.T) {
	for _, want := range []uint64{0, 1, 299, 300, 1<<33*300 - 1, 27_000_000, 0x123456789 * 300} {
		want %= PCRModulus
		p := packetOf(0x47, 0, 1, 0x20, 183, 0x10, 0, 0, 0, 0, 0x7e, 0)
		p.setPCR(want)
		if got, ok := p.PCR(); !ok || got != want {
			t.Errorf("PCR %d came back as %d, %v", want, got, ok)
		}
	}
	for _, p := range []Packet{
		packetOf(0x47, 0, 1, 0x30, 6, 0x10), // no room for six bytes
		packetOf(0x47, 0, 1, 0x30, 7, 0x40),
		packetOf(0x47, 0, 1, 0x10, 7, 0x10),
	} {
		if got, ok := p.PCR(); ok {
			t.Errorf("PCR %d read from % x", got, p[:8])
		}
	}
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte(packetOf(0x47, 0x41, 0, 0x30, 7, 0x50, 1, 2, 3, 4, 5, 6)))
	f.Add([]byte(packetOf(0x47, 0x41, 0, 0x30, 255)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < PacketSize {
			return
		}
		p := Packet(b[:PacketSize])
		if n := len(p.Payload()); n > 184 {
			t.Fatalf("payload of %d bytes", n)
		}
		if pcr, ok := p.PCR(); ok && pcr >= PCRModulus {
			t.Fatalf("PCR %d is beyond its range", pcr)
		}
		if h, ok := parsePES(p.Payload()); ok && (h.pts >= ptsModulus || h.dts >= ptsModulus) {
			t.Fatalf("PTS %d, DTS %d are beyond their range", h.pts, h.dts)
		}
	})
}
