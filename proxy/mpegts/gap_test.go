package mpegts

import (
	"bytes"
	"testing"
)

func TestGapIsBridgedAtTheNextKeyframe(t *testing.T) {
	f := film(3)
	b := NewBus(1 << 20)
	r := b.NewReader(t.Context())
	defer r.Close()
	cut, _ := second(t, f, 1)
	cut -= 20 * PacketSize
	write(t, b, f[:cut])
	before := drain(t, r)
	if !bytes.Equal(before, f[:cut]) {
		t.Fatalf("%d bytes before the gap, want %d", len(before), cut)
	}
	b.Discontinuity()
	resume, _ := second(t, f, 1)
	resume += 10 * PacketSize // the keyframe of second 1 is lost, too
	write(t, b, f[resume:])
	tables, _ := second(t, f, 2)
	if got := drain(t, r); !bytes.Equal(got, f[tables:]) {
		t.Errorf("%d bytes after the gap, want the %d from the next keyframe on", len(got), len(f)-tables)
	}
	if r.Rejoins() != 0 {
		t.Error("a gap is not the reader's fault")
	}
}

// Where the tables come seldom, a gap still has them before the keyframe.
func TestGapBringsTheTables(t *testing.T) {
	s := newBuilder()
	s.film(0, 1)
	b := NewBus(1 << 20)
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	defer r.Close()
	drain(t, r)
	b.Discontinuity()
	s.Reset()
	s.unit(pes{pid: testVideo, pts: 90_000, content: frame(idrFrame, 2000, 1)})
	write(t, b, s.Bytes())
	got := packetsOf(drain(t, r))
	if len(got) != 2+s.Len()/PacketSize || got[0].PID() != 0 || got[1].PID() != testPMT || got[2].PID() != testVideo {
		t.Errorf("%d packets after the gap", len(got))
	}
}

func TestDiscontinuityDropsHalfAPacket(t *testing.T) {
	f := film(2)
	b := NewBus(1 << 20)
	write(t, b, f[:30*PacketSize+50])
	b.Discontinuity()
	tables, _ := second(t, f, 1)
	write(t, b, f[tables:])
	r := b.NewReader(t.Context())
	defer r.Close()
	if got := drain(t, r); !bytes.Equal(got, f[tables:]) {
		t.Errorf("%d bytes, want %d", len(got), len(f)-tables)
	}
	if n := b.Info().Losses; n != 0 {
		t.Errorf("%d losses of rhythm", n)
	}
}

// What is lost must not count as time in which nothing was sent.
func TestGapDoesNotSpoilTheRate(t *testing.T) {
	f := film(12)
	b := NewBus(1 << 20)
	lost, _ := second(t, f, 6)
	found, _ := second(t, f, 10)
	write(t, b, f[:lost])
	b.Discontinuity()
	write(t, b, f[found:])
	if got, want := b.Info().Bitrate, int64(len(f))*8/12; got < want*95/100 || got > want*105/100 {
		t.Errorf("%d bits/s, want about %d", got, want)
	}
}

// A frame without a slice is judged by its flag when the next one begins.
func TestKeyframeByItsFlagAlone(t *testing.T) {
	s := newBuilder()
	s.tables(0x1b)
	flagged := s.Len()
	s.unit(pes{pid: testVideo, pts: 0, random: true, content: make([]byte, 500)})
	s.unit(pes{pid: testVideo, pts: 3600, content: make([]byte, 500)})
	s.unit(pes{pid: testVideo, pts: 7200, content: make([]byte, 500)})
	b := NewBus(1 << 20)
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	defer r.Close()
	if got := drain(t, r); !bytes.Equal(got[2*PacketSize:], s.Bytes()[flagged:]) {
		t.Errorf("%d bytes, want %d", len(got), s.Len())
	}
}

// A frame that is not judged and other streams beside it cannot fill the ring out of sight.
func TestHiddenPartIsBounded(t *testing.T) {
	b := NewBus(100 * PacketSize)
	s := newBuilder()
	s.tables(0x1b)
	s.unit(pes{pid: testVideo, random: true, content: make([]byte, 300)})
	for range 300 {
		s.unit(pes{pid: testAudio, content: make([]byte, 90)})
	}
	for rest := s.Bytes(); len(rest) > 0; rest = rest[PacketSize:] {
		write(t, b, rest[:PacketSize])
		if n := b.ring.hidden(); n > 51*PacketSize {
			t.Fatalf("%d bytes are stored out of sight", n)
		}
	}
	s.Reset()
	s.film(0, 1)
	write(t, b, s.Bytes()[:30*PacketSize])
	r := b.NewReader(t.Context())
	defer r.Close()
	if got := drain(t, r); len(got) != 30*PacketSize {
		t.Errorf("%d bytes with the next keyframe", len(got))
	}
}

// What a discarded frame has overwritten is lost to a slow reader; it must not see the frame.
func TestDiscardedFrameIsNeverSeen(t *testing.T) {
	f := film(8)
	_, keyframe := second(t, f, 0)
	b := NewBus(len(f) - keyframe) // the first keyframe is the oldest packet
	write(t, b, f)
	r := &Reader{bus: b, joined: true, pos: b.index.at(0).Offset + 10*PacketSize}
	b.Discontinuity()
	s := newBuilder()
	s.unit(pes{pid: testVideo, pts: 9_000_000, content: make([]byte, 3000)})
	for range 5 {
		s.unit(pes{pid: testVideo, pts: 9_000_000, content: frame(plainFrame, 1000, 'X')})
	}
	write(t, b, s.Bytes())
	tables, _ := second(t, f, 7)
	if got := drain(t, r); !bytes.Equal(got, f[tables:]) || r.rejoins != 1 {
		t.Errorf("%d bytes and %d rejoins, want the %d from the newest keyframe on", len(got), r.rejoins, len(f)-tables)
	}
}

// Patience is with the wait after a gap, not with the time before it.
func TestGapIsNotBridgedByAnyFrame(t *testing.T) {
	b := NewBus(1 << 20)
	write(t, b, film(15))
	r := b.NewReader(t.Context())
	defer r.Close()
	drain(t, r)
	b.Discontinuity()
	s := newBuilder()
	for i := range uint64(20) {
		pts := 16*90_000 + i*3600
		s.unit(pes{pid: testVideo, pts: pts, pcr: pts * 300, content: frame(plainFrame, 300, 'X')})
	}
	write(t, b, s.Bytes())
	if got := drain(t, r); len(got) != 0 {
		t.Errorf("%d bytes without a keyframe", len(got))
	}
}
