package mpegts

import (
	"bytes"
	"slices"
	"testing"
)

// stamps are the decoding times of each PID as they come, with those of the clock under NullPID.
func stamps(t *testing.T, stream []byte) map[uint16][]uint64 {
	t.Helper()
	all := map[uint16][]uint64{}
	for _, p := range packetsOf(stream) {
		if pcr, ok := p.PCR(); ok {
			all[NullPID] = append(all[NullPID], pcr/300)
		}
		if !p.UnitStart() {
			continue
		}
		if h, _ := parsePES(p.Payload()); h.hasPTS {
			all[p.PID()] = append(all[p.PID()], h.dts)
		}
	}
	return all
}

// goesOn expects that time goes on in each PID, by steps of at most so many ticks.
func goesOn(t *testing.T, stream []byte, most int64) {
	t.Helper()
	for pid, all := range stamps(t, stream) {
		for i := 1; i < len(all); i++ {
			if step := elapsed(all[i-1], all[i], ptsModulus); step <= 0 || step > most {
				t.Fatalf("PID %#x: stamp %d is %d ticks behind the last", pid, i, step)
			}
		}
	}
}

// played is what a reader who is there from the beginning gets of streams that follow each other.
func played(t *testing.T, streams ...[]byte) []byte {
	t.Helper()
	b := NewBus(4 << 20)
	r := b.NewReader(t.Context())
	defer r.Close()
	var got []byte
	for _, s := range streams {
		for p := range slices.Chunk(s, PacketSize) {
			write(t, b, p)
			got = append(got, drain(t, r)...)
		}
	}
	return got
}

// from is a film of some seconds whose stamps begin at a time.
func from(ticks uint64, seconds int) []byte {
	b := newBuilder()
	b.film(ticks, seconds)
	return b.Bytes()
}

func TestClockThatBeginsAnewGoesOn(t *testing.T) {
	const start = 900_000
	for name, again := range map[string]uint64{
		"back by half a second": start + 75*3600 - 45_000,
		"back by two seconds":   start + 90_000,
		"back to the start":     start,
		"back by hours":         ptsModulus - 4*3600*90_000,
		"on by a minute":        start + 63*90_000,
		"on by half a day":      start + ptsModulus/2 - 5*90_000,
	} {
		t.Run(name, func(t *testing.T) {
			got := played(t, from(start, 3), from(again, 3), from(again, 2))
			goesOn(t, got, 2*joinStep)
			all := stamps(t, got)
			video, audio, clock := all[testVideo], all[testAudio], all[NullPID]
			if len(video) != 8*25 || len(audio) != len(video) || len(clock) != len(video) {
				t.Fatalf("%d pictures, %d sounds, %d clocks", len(video), len(audio), len(clock))
			}
			for i := range video {
				if video[i] != audio[i] || elapsed(clock[i], video[i], ptsModulus) != 9000 {
					t.Fatalf("frame %d: picture at %d, sound at %d, clock at %d", i, video[i], audio[i], clock[i])
				}
			}
		})
	}
}

// Which packet is the first behind the jump must not matter.
func TestClockThatBeginsAnewAnywhere(t *testing.T) {
	before, after := from(8_000_000, 2), from(90_000, 3)
	for cut := range 12 {
		got := played(t, before, after[cut*PacketSize:])
		goesOn(t, got, ptsRate/2)
	}
}

func TestClockThatGoesOnIsLeftAlone(t *testing.T) {
	reordered := newBuilder()
	reordered.tables(0x1b)
	for i := range uint64(50) { // no DTS, and each second frame before the one it follows
		reordered.unit(pes{pid: testVideo, pts: 90_000 + (i^1)*3600, pcr: (80_000 + i*3600) * 300, random: i == 0, content: frame(idrFrame, 300, byte(i))})
	}
	sparse := newBuilder()
	sparse.psi(0, patSection(1, testPMT))
	sparse.psi(testPMT, pmtSection(1, testVideo, testStream{kind: 0x1b, pid: testVideo}, testStream{kind: 6, pid: 0x102}))
	for i := range uint64(30) { // subtitles that come seldom, and before their time
		sparse.unit(pes{pid: testVideo, pts: (10 + i) * 90_000, pcr: (9 + i) * PCRRate, content: frame(idrFrame, 300, byte(i))})
		if i%14 == 0 {
			sparse.unit(pes{pid: 0x102, pts: (10+i)*90_000 + 20*90_000, content: frame(nil, 90, byte(i))})
		}
	}
	apart := newBuilder()
	apart.tables(0x1b)
	for i := range uint64(100) { // sound that a bad multiplexer sends 15 s early
		apart.unit(pes{pid: testVideo, pts: 90_000 + i*3600, pcr: (80_000 + i*3600) * 300, content: frame(idrFrame, 300, byte(i))})
		apart.unit(pes{pid: testAudio, pts: 90_000 + i*3600 + 15*90_000, content: frame(nil, 90, byte(i))})
	}
	for name, stream := range map[string][]byte{
		"wrap":       from(ptsModulus-2*90_000, 5),
		"small gaps": slices.Concat(from(0, 2), from(11*90_000, 2)),
		"reordered":  reordered.Bytes(),
		"sparse":     sparse.Bytes(),
		"far apart":  apart.Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			got := played(t, stream)
			if !bytes.HasSuffix(stream, got) || len(got) < len(stream)*9/10 {
				t.Errorf("%d bytes of %d came, or not as they were", len(got), len(stream))
			}
		})
	}
}

// What is neither seen nor heard is moved with the rest.
func TestSubtitlesMoveWithTheClock(t *testing.T) {
	s := newBuilder()
	s.psi(0, patSection(1, testPMT))
	s.psi(testPMT, pmtSection(1, testVideo, testStream{kind: 0x1b, pid: testVideo}, testStream{kind: 6, pid: 0x102}))
	for _, at := range []uint64{50 * 90_000, 51 * 90_000, 1 * 90_000, 2 * 90_000} {
		s.unit(pes{pid: testVideo, pts: at, pcr: (at - 9000) * 300, content: frame(idrFrame, 300, 1)})
		s.unit(pes{pid: 0x102, pts: at + 30_000, content: frame(nil, 90, 1)})
	}
	all := stamps(t, played(t, s.Bytes()))
	for i, at := range all[0x102] {
		if d := elapsed(all[testVideo][i], at, ptsModulus); d != 30_000 {
			t.Errorf("subtitle %d is %d ticks behind its picture", i, d)
		}
	}
	if len(all[0x102]) != 4 {
		t.Errorf("%d subtitles", len(all[0x102]))
	}
}

// Another programme, with other PIDs and a clock of its own, goes on behind the last.
func TestAnotherProgrammeGoesOn(t *testing.T) {
	s := newBuilder()
	s.psi(0, patSection(2, 0x400))
	s.psi(0x400, pmtSection(2, 0x401, testStream{kind: 0x1b, pid: 0x401}))
	for i := range uint64(5) {
		s.unit(pes{pid: 0x401, pts: 50_000 + i*3600, pcr: (41_000 + i*3600) * 300, random: true, content: frame(idrFrame, 300, byte(i))})
	}
	all := stamps(t, played(t, from(900_000, 1), s.Bytes()))
	last, next := all[testVideo][24], all[0x401]
	if len(next) != 5 || elapsed(last, next[0], ptsModulus) != joinStep || elapsed(next[0], next[4], ptsModulus) != 4*3600 {
		t.Errorf("after %d come %d", last, next)
	}
}

// A programme that names its PIDs again and again needs no more memory.
func TestTimelineForgets(t *testing.T) {
	l := newTimeline()
	for pid := range uint16(1000) {
		*l.stamp(pid) = int64(pid)
	}
	for pid := uint16(1000 - maxStreams); pid < 1000; pid++ {
		if got := *l.stamp(pid); got != int64(pid) {
			t.Fatalf("PID %d: %d", pid, got)
		}
	}
	if *l.stamp(0) != noClock {
		t.Error("the first PID is still known")
	}
}
