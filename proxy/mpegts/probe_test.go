package mpegts

import "testing"

// found is what a stream's packets told in all.
type found struct {
	frames, keyframes, starts, changes int
}

func look(s *probe, b []byte) (n found) {
	for _, p := range packetsOf(b) {
		f := s.packet(p)
		if f.frame {
			n.frames++
		}
		if f.starts {
			n.starts++
		}
		if f.changed {
			n.changes++
		}
		if f.verdict > plain || f.earlier > plain {
			n.keyframes++
		}
	}
	return n
}

func newProbe() *probe {
	s := new(probe)
	s.noStreams()
	return s
}

func TestProbeFollowsAProgramme(t *testing.T) {
	b := newBuilder()
	b.film(0, 3)
	s := newProbe()
	// The programme changes twice: first its PMT becomes known, then its streams.
	if got, want := look(s, b.Bytes()), (found{75, 3, 150, 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if !s.ready() || s.codec(Video) != "H.264" || s.codec(Audio) != "AAC" || s.pcrPID != testVideo || s.programme != 1 {
		t.Errorf("programme %d, clock on %#x, %q and %q", s.programme, s.pcrPID, s.codec(Video), s.codec(Audio))
	}
}

func TestProbeTakesSoundWhereThereIsNoPicture(t *testing.T) {
	b := newBuilder()
	b.radio()
	for i := range uint64(10) {
		b.unit(pes{pid: testAudio, pts: i * 1920, content: frame(nil, 90, 1)})
	}
	s := newProbe()
	if got, want := look(s, b.Bytes()), (found{10, 10, 10, 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if s.codec(Video) != "" {
		t.Errorf("video is %q", s.codec(Video))
	}
}

func TestProbePicksOneProgrammeOfSeveral(t *testing.T) {
	b := newBuilder()
	b.psi(0, patSection(2, testPMT, 3, testPMT))
	// Both tables lie on one PID.
	b.psi(testPMT, pmtSection(3, 0x300, testStream{kind: 0x02, pid: 0x300}))
	b.psi(testPMT, pmtSection(2, testVideo, testStream{kind: 0x24, pid: testVideo}))
	b.unit(pes{pid: 0x300, random: true, content: frame([]byte{0, 0, 1, 0xb3}, 100, 1)})
	b.unit(pes{pid: testVideo, content: frame([]byte{0, 0, 1, 38, 1}, 100, 1)})
	s := newProbe()
	if got, want := look(s, b.Bytes()), (found{1, 1, 1, 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if s.codec(Video) != "HEVC" {
		t.Errorf("video is %q", s.codec(Video))
	}
}

func TestProbeSeesChanges(t *testing.T) {
	b := newBuilder()
	b.film(0, 1)
	s := newProbe()
	look(s, b.Bytes())

	b.Reset()
	b.psi(testPMT, pmtSection(1, testVideo, testStream{kind: 0x1b, pid: testVideo}, testStream{kind: 0x81, pid: testAudio}))
	if got := look(s, b.Bytes()); got.changes != 0 || s.codec(Audio) != "AC-3" {
		t.Errorf("new sound: %d changes, sound is %q", got.changes, s.codec(Audio))
	}
	b.Reset()
	b.psi(testPMT, pmtSection(1, 0x200, testStream{kind: 0x1b, pid: 0x200}))
	if got := look(s, b.Bytes()); got.changes != 1 || s.reference().PID != 0x200 {
		t.Errorf("new picture: %d changes, reference on %#x", got.changes, s.reference().PID)
	}
	b.Reset()
	b.psi(0, patSection(9, 0x900))
	if got := look(s, b.Bytes()); got.changes != 1 || s.ready() || s.codec(Video) != "" {
		t.Errorf("new programme: %d changes, ready %v", got.changes, s.ready())
	}
	b.Reset()
	b.psi(0, patSection())
	if got := look(s, b.Bytes()); got.changes != 0 {
		t.Error("a PAT without programmes ends the one that is known")
	}
}

func TestProbeTakesNothingFromDamagedPackets(t *testing.T) {
	b := newBuilder()
	b.film(0, 1)
	for i := 1; i < b.Len(); i += PacketSize {
		b.Bytes()[i] |= 0x80
	}
	if got := look(newProbe(), b.Bytes()); got != (found{}) {
		t.Errorf("%+v", got)
	}
}

// A scrambled stream shows no slices: the flag alone tells.
func TestProbeScrambled(t *testing.T) {
	b := newBuilder()
	b.tables(0x1b)
	clear := b.Len()
	b.unit(pes{pid: testVideo, random: true, content: frame(idrFrame, 500, 1)})
	b.unit(pes{pid: testVideo, content: frame(plainFrame, 100, 1)})
	for i := clear + 3; i < b.Len(); i += PacketSize {
		b.Bytes()[i] |= 0x80
	}
	if got := look(newProbe(), b.Bytes()); got.frames != 2 || got.keyframes != 1 {
		t.Errorf("%+v, want 2 frames, 1 keyframe", got)
	}
}

// The streams may go while a frame is open.
func TestProbeLosesItsReference(t *testing.T) {
	b := newBuilder()
	b.tables(0x1b)
	b.unit(pes{pid: testVideo, content: make([]byte, 300)})
	b.psi(testPMT, pmtSection(1, testVideo, testStream{kind: 0x05, pid: testVideo}))
	b.unit(pes{pid: testVideo, content: make([]byte, 300)})
	b.psi(testPMT, pmtSection(1, testVideo))
	b.unit(pes{pid: testVideo, content: make([]byte, 300)})
	if got := look(newProbe(), b.Bytes()); got.frames != 1 || got.changes != 3 {
		t.Errorf("%+v, want 1 frame, 3 changes", got)
	}
}
