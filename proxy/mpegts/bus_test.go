package mpegts

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// drain reads what a bus holds for a reader, without waiting.
func drain(t *testing.T, r *Reader) []byte {
	t.Helper()
	var all []byte
	buf := make([]byte, ReadSize)
	for {
		r.bus.mu.Lock()
		ready := len(r.pending) > 0 || r.bus.closed || r.bus.index.n > 0 && (!r.joined || r.pos < r.bus.ring.visible)
		r.bus.mu.Unlock()
		if !ready {
			return all
		}
		n, err := r.Read(buf)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, buf[:n]...)
	}
}

// second is the part of a builder's film that begins with the tables before its n-th keyframe,
// and where behind them the keyframe itself begins.
func second(t *testing.T, film []byte, n int) (tables, keyframe int) {
	t.Helper()
	for i, p := range packetsOf(film) {
		if p.PID() != 0 {
			continue
		}
		if n == 0 {
			return i * PacketSize, (i + 2) * PacketSize
		}
		n--
	}
	t.Fatal("the film is too short")
	return 0, 0
}

func write(t *testing.T, b *Bus, p []byte) {
	t.Helper()
	if n, err := b.Write(p); n != len(p) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
	}
}

func film(seconds int) []byte {
	b := newBuilder()
	b.film(900_000, seconds)
	return b.Bytes()
}

func TestReaderBeginsWithTablesAndNewestKeyframe(t *testing.T) {
	f := film(4)
	b := NewBus(1 << 20)
	write(t, b, f)
	r := b.NewReader(t.Context())
	defer r.Close()
	tables, _ := second(t, f, 3)
	// The tables stand before the keyframe in the stream too, so that all is as it was there.
	if got := drain(t, r); !bytes.Equal(got, f[tables:]) {
		t.Errorf("%d bytes, want the %d from the newest keyframe on", len(got), len(f)-tables)
	}
	more := newBuilder()
	more.film(900_000+4*90_000, 1)
	write(t, b, more.Bytes())
	if got := drain(t, r); !bytes.Equal(got, more.Bytes()) {
		t.Errorf("%d bytes, want the %d that came", len(got), more.Len())
	}
}

// Whatever stands before the first keyframe is of no use to anybody.
func TestReaderWaitsForTheFirstKeyframe(t *testing.T) {
	f := film(2)
	tables, _ := second(t, f, 1)
	b := NewBus(1 << 20)
	first, _ := second(t, f, 0)
	start := first + 12*PacketSize // in the middle of the first second
	write(t, b, f[start:tables])
	r := b.NewReader(t.Context())
	defer r.Close()
	if got := drain(t, r); len(got) != 0 {
		t.Fatalf("%d bytes before a keyframe", len(got))
	}
	if i := b.Info(); i.Bytes != 0 || i.Keyframes != 0 {
		t.Errorf("%d bytes and %d keyframes are kept before a keyframe", i.Bytes, i.Keyframes)
	}
	write(t, b, f[tables:])
	if got := drain(t, r); !bytes.Equal(got, f[tables:]) {
		t.Errorf("%d bytes, want %d", len(got), len(f)-tables)
	}
}

func TestBusTakesBytesCutAnywhere(t *testing.T) {
	f := film(3)
	for _, size := range []int{1, 100, 188, 1000, 1316} {
		b := NewBus(1 << 20)
		r := b.NewReader(t.Context())
		for i := 0; i < len(f); i += size {
			write(t, b, f[i:min(i+size, len(f))])
		}
		b.Close()
		// The reader came first and so joins late, at the newest keyframe, when it reads.
		tables, _ := second(t, f, 2)
		if got := drain(t, r); !bytes.Equal(got, f[tables:]) {
			t.Errorf("in pieces of %d: %d bytes, want %d", size, len(got), len(f)-tables)
		}
		r.Close()
	}
}

func TestSlowReaderGoesOnAtTheNewestKeyframe(t *testing.T) {
	f := film(12)
	perSecond := len(f) / 12
	b := NewBus(3 * perSecond)
	write(t, b, f[:2*perSecond])
	r := b.NewReader(t.Context())
	defer r.Close()
	drain(t, r)
	write(t, b, f[2*perSecond:])
	tables, _ := second(t, f, 11)
	if got := drain(t, r); !bytes.Equal(got, f[tables:]) {
		t.Errorf("%d bytes, want the %d from the newest keyframe on", len(got), len(f)-tables)
	}
	if r.Rejoins() != 1 || b.Info().Rejoins != 1 {
		t.Errorf("the reader counts %d rejoins, the bus %d", r.Rejoins(), b.Info().Rejoins)
	}
}

// A group of pictures longer than the ring leaves nothing to join until the next keyframe.
func TestSlowReaderWaitsWhereNoKeyframeIsLeft(t *testing.T) {
	b := NewBus(minCapacity)
	s := newBuilder()
	s.film(0, 1)
	write(t, b, s.Bytes()[:20*PacketSize])
	r := b.NewReader(t.Context())
	defer r.Close()
	drain(t, r)
	s.Reset()
	for i := range uint64(100) {
		s.unit(pes{pid: testVideo, pts: 3600 * i, content: frame(plainFrame, 400, 1)})
	}
	write(t, b, s.Bytes())
	if got := drain(t, r); len(got) != 0 {
		t.Errorf("%d bytes without a keyframe", len(got))
	}
	s.Reset()
	s.film(4*90_000, 1)
	write(t, b, s.Bytes()[:30*PacketSize])
	if got := drain(t, r); !bytes.Equal(got, s.Bytes()[:30*PacketSize]) {
		t.Errorf("%d bytes from the next keyframe on", len(got))
	}
}

func TestReadsOfAnySize(t *testing.T) {
	f := film(2)
	tables, _ := second(t, f, 1)
	for _, size := range []int{1, 10, 187, 188, 189, 400, 5000} {
		b := NewBus(1 << 20)
		write(t, b, f)
		b.Close()
		r := b.NewReader(t.Context())
		var got []byte
		buf := make([]byte, size)
		for {
			n, err := r.Read(buf)
			if size >= PacketSize && n%PacketSize != 0 {
				t.Fatalf("a read of %d into %d bytes is not whole packets", n, size)
			}
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
		}
		if !bytes.Equal(got, f[tables:]) {
			t.Errorf("reads of %d: %d bytes, want %d", size, len(got), len(f)-tables)
		}
		r.Close()
	}
}

func TestSoundAloneIsJoinedAnywhere(t *testing.T) {
	s := newBuilder()
	s.radio()
	b := NewBus(1 << 20)
	var offsets []int
	for i := range uint64(100) {
		offsets = append(offsets, s.Len())
		s.unit(pes{pid: testAudio, pts: i * 1920, pcr: i*1920*300 + 1, content: frame(nil, 90, 1)})
	}
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	defer r.Close()
	got := drain(t, r)
	// 250 ms are 11 or 12 of these packets.
	if n := len(got)/PacketSize - 2; n < 1 || n > 12 || !bytes.Equal(got[2*PacketSize:], s.Bytes()[offsets[100-n]:]) {
		t.Errorf("%d packets of sound", n)
	}
	if i := b.Info(); i.Video != "" || i.Audio != "AAC" || i.Buffered < 2*time.Second || i.Buffered > 2200*time.Millisecond {
		t.Errorf("%+v", i)
	}
}

func TestPatienceWithStreamsThatHaveNoKeyframes(t *testing.T) {
	s := newBuilder()
	s.tables(0x1b)
	b := NewBus(1 << 20)
	at := func(i uint64) {
		s.unit(pes{pid: testVideo, pts: i * 3600, pcr: i*3600*300 + 1, content: frame(plainFrame, 100, byte(i))})
	}
	for i := range uint64(250) {
		at(i)
	}
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	defer r.Close()
	if got := drain(t, r); len(got) != 0 {
		t.Fatalf("%d bytes within 10 s", len(got))
	}
	for i := range uint64(5) {
		at(250 + i)
	}
	s.Next(s.Len() - 5*PacketSize)
	write(t, b, s.Bytes())
	if got := drain(t, r); len(got) < 5*PacketSize {
		t.Errorf("%d bytes after 10 s", len(got))
	}
	if k := b.AppendKeyframes(nil); len(k) == 0 || k[0].Clean {
		t.Errorf("keyframes %+v", k)
	}
}

func TestCleanKeyframesArePreferred(t *testing.T) {
	b := NewBus(1 << 20)
	s := newBuilder()
	add := func(seconds uint64, head []byte, random bool) {
		s.Reset()
		s.unit(pes{pid: testVideo, pts: seconds * 90_000, random: random, content: frame(head, 300, byte(seconds))})
		write(t, b, s.Bytes())
	}
	joined := func() byte {
		r := b.NewReader(t.Context())
		defer r.Close()
		got := drain(t, r)
		return got[3*PacketSize-1] &^ 0x80 // the fill of the first frame's first packet
	}
	s.tables(0x1b)
	write(t, b, bytes.Clone(s.Bytes()))
	s.Reset()
	s.unit(pes{pid: 0x1ffe, content: make([]byte, 400)}) // for the rhythm
	write(t, b, s.Bytes())
	add(1, idrFrame, true)
	add(2, plainFrame, true)
	add(3, plainFrame, true)
	if got := joined(); got != 1 {
		t.Errorf("joined at %d s, want the clean start at 1 s", got)
	}
	add(7, plainFrame, true)
	if got := joined(); got != 7 {
		t.Errorf("joined at %d s, want 7 s: the clean start is old", got)
	}
}

func TestChangeOfProgrammeStartsAnew(t *testing.T) {
	f := film(2)
	b := NewBus(1 << 20)
	write(t, b, f)
	r := b.NewReader(t.Context())
	defer r.Close()
	drain(t, r)
	s := newBuilder()
	s.counters[0], s.counters[testPMT] = 9, 9
	s.psi(0, patSection(2, 0x400))
	s.psi(0x400, pmtSection(2, 0x401, testStream{kind: 0x24, pid: 0x401}))
	s.unit(pes{pid: 0x401, pts: 900_000 + 2*90_000, content: frame([]byte{0, 0, 1, 2, 1}, 500, 1)})
	keyframe := s.Len()
	s.unit(pes{pid: 0x401, pts: 900_000 + 2*90_000 + 3600, content: frame([]byte{0, 0, 1, 38, 1}, 500, 2)})
	write(t, b, s.Bytes())
	if got := drain(t, r); !bytes.Equal(got[2*PacketSize:], s.Bytes()[keyframe:]) {
		t.Errorf("%d bytes of the new programme", len(got))
	}
	if i := b.Info(); i.Video != "HEVC" || i.Audio != "" {
		t.Errorf("%+v", i)
	}
	if n := len(b.AppendKeyframes(nil)); n != 1 {
		t.Errorf("%d keyframes, want that of the new programme alone", n)
	}
}

func TestInfo(t *testing.T) {
	s := newBuilder()
	s.film(ptsModulus-5*90_000, 20) // over the wrap
	b := NewBus(1 << 20)
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	i := b.Info()
	rate := int64(s.Len()) * 8 / 20
	if i.Video != "H.264" || i.Audio != "AAC" || i.Keyframes != 20 || i.KeyInterval != time.Second ||
		i.Buffered != 19*time.Second+960*time.Millisecond || i.Readers != 1 || i.Bytes != s.Len() || i.Losses != 0 {
		t.Errorf("%+v", i)
	}
	if i.Bitrate < rate*98/100 || i.Bitrate > rate*102/100 {
		t.Errorf("%d bits/s, want about %d", i.Bitrate, rate)
	}
	keys := b.AppendKeyframes(nil)
	for n, k := range keys {
		_, keyframe := second(t, s.Bytes(), n)
		if k.Time-keys[0].Time != time.Duration(n)*time.Second || k.Offset != uint64(keyframe) || !k.Clean {
			t.Errorf("keyframe %d: %+v", n, k)
		}
	}
	r.Close()
	r.Close()
	if n := b.Info().Readers; n != 0 {
		t.Errorf("%d readers after the last closed", n)
	}
}

func TestIndexHoldsWhatTheRingHolds(t *testing.T) {
	f := film(20)
	b := NewBus(len(f) / 4)
	write(t, b, f)
	keys := b.AppendKeyframes(nil)
	if len(keys) != 5 && len(keys) != 4 {
		t.Errorf("%d keyframes in a ring of 5 s", len(keys))
	}
	if i := b.Info(); i.Bytes != len(f)/4/PacketSize*PacketSize || i.Keyframes != 20 {
		t.Errorf("%+v", i)
	}
}

// A reader may begin earlier, as far as the ring reaches back.
func TestReaderBeginsAtAnEarlierKeyframe(t *testing.T) {
	stream := film(30)
	b := NewBus(len(stream) * 2 / 3)
	if _, _, ok := b.Span(); ok {
		t.Error("an empty bus has a past")
	}
	write(t, b, stream)
	from, to, ok := b.Span()
	if !ok || to < 28*time.Second || to > 29*time.Second || from < 9*time.Second || from > 15*time.Second {
		t.Fatalf("from %v to %v, %v", from, to, ok)
	}
	for at, want := range map[time.Duration]time.Duration{20*time.Second + 300*time.Millisecond: 20 * time.Second, 0: from, time.Hour: to, to: to, from: from} {
		r, begins := b.NewReaderAt(t.Context(), at)
		if begins != want {
			t.Errorf("%v begins at %v, want %v", at, begins, want)
		}
		got := make([]byte, ReadSize)
		n, err := r.Read(got)
		tables, keyframe := second(t, stream, int(want/time.Second))
		if err != nil || n < 3*PacketSize || !bytes.Equal(got[2*PacketSize:3*PacketSize], stream[keyframe:keyframe+PacketSize]) {
			t.Errorf("%v: %v; not the keyframe behind the tables at %d", at, err, tables)
		}
		r.Close()
	}
}
