package mpegts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// listOf is the playlist of a bus that has segments.
func listOf(t *testing.T, b *Bus, now time.Time) Playlist {
	t.Helper()
	p, err := b.Playlist(t.Context(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func segmentBytes(t *testing.T, b *Bus, number uint64) []byte {
	t.Helper()
	r, err := b.OpenSegment(number)
	if err != nil {
		t.Fatalf("segment %d: %v", number, err)
	}
	all, err := io.ReadAll(r)
	if err != nil || int64(len(all)) != r.Size() {
		t.Fatalf("segment %d: %d of %d bytes, %v", number, len(all), r.Size(), err)
	}
	return all
}

// obeys holds the rules of RFC 8216 for what a server changes of a playlist.
func obeys(t *testing.T, before, after Playlist) {
	t.Helper()
	// "The EXTINF duration of each Media Segment in the Playlist file, when rounded to the nearest
	// integer, MUST be less than or equal to the target duration" (4.3.3.1).
	var length time.Duration
	for _, s := range after.Segments {
		length += s.Duration
		if s.Duration <= 0 || time.Duration(math.Round(s.Duration.Seconds()))*time.Second > after.Target {
			t.Fatalf("segment %d takes %v, the target is %v", s.Number, s.Duration, after.Target)
		}
	}
	for i := 1; i < len(after.Segments); i++ {
		if after.Segments[i].Number != after.Segments[i-1].Number+1 {
			t.Fatalf("segment %d follows on %d", after.Segments[i].Number, after.Segments[i-1].Number)
		}
	}
	if before.Target == 0 {
		return
	}
	// "The value of the EXT-X-TARGETDURATION tag in the Media Playlist MUST NOT change" (6.2.1).
	if after.Target != before.Target {
		t.Fatalf("the target was %v and is %v", before.Target, after.Target)
	}
	// "Its value MUST be incremented by 1 for every Media Segment that is removed from the Playlist
	// file; it MUST NOT decrease or wrap" (6.2.2).
	if after.Segments[0].Number < before.Segments[0].Number {
		t.Fatalf("the first segment was %d and is %d", before.Segments[0].Number, after.Segments[0].Number)
	}
	removed := after.Segments[0].Number - before.Segments[0].Number
	// "The server MUST NOT remove a Media Segment from a Playlist file without an EXT-X-ENDLIST tag if
	// that would produce a Playlist whose duration is less than three times the target duration" (6.2.2).
	if removed > 0 && length < 3*after.Target {
		t.Fatalf("after a removal %v are left, the target is %v", length, after.Target)
	}
	// "the Discontinuity Sequence Numbers of the segments still in the Media Playlist remain
	// unchanged" (6.2.2), as all else of theirs (6.2.1).
	number := func(p Playlist, i int) uint64 {
		n := p.Discontinuities
		for j := range i + 1 {
			if p.Segments[j].Discontinuity {
				n++
			}
		}
		return n
	}
	for i, s := range after.Segments {
		j := i + int(removed)
		if j >= len(before.Segments) {
			break
		}
		if s != before.Segments[j] {
			t.Fatalf("segment was %+v and is %+v", before.Segments[j], s)
		}
		if a, b := number(after, i), number(before, j); a != b {
			t.Fatalf("discontinuity sequence number of segment %d was %d and is %d", s.Number, b, a)
		}
	}
}

func TestSegmentsAreTheStreamInPieces(t *testing.T) {
	f := film(6)
	b := NewBus(1 << 20)
	write(t, b, f)
	p := listOf(t, b, noon)
	if len(p.Segments) != 5 || p.Target != time.Second {
		t.Fatalf("%d segments, target %v", len(p.Segments), p.Target)
	}
	obeys(t, Playlist{}, p)
	var all []byte
	for i, s := range p.Segments {
		if s.Duration != time.Second || s.Discontinuity || !s.Clean {
			t.Errorf("segment %d: %+v", i, s)
		}
		got := segmentBytes(t, b, s.Number)
		// "Transport Stream Segments … each … MUST contain a PAT and a PMT" (RFC 8216, 3.2).
		first := packetsOf(got)
		if first[0].PID() != 0 || first[1].PID() != testPMT || first[2].PID() != testVideo || !first[2].UnitStart() {
			t.Errorf("segment %d begins with PIDs %d, %d, %d", i, first[0].PID(), first[1].PID(), first[2].PID())
		}
		all = append(all, got[2*PacketSize:]...)
	}
	_, from := second(t, f, 0)
	_, to := second(t, f, 5)
	if !bytes.Equal(all, f[from:to]) {
		t.Errorf("the segments have %d bytes together, want the %d of the stream", len(all), to-from)
	}
	// The newest frame came in now, the first 6 s and a frame before.
	if want := noon.Add(-6*time.Second + 40*time.Millisecond); !p.Segments[0].Date.Equal(want) {
		t.Errorf("the first segment is of %v, want %v", p.Segments[0].Date, want)
	}
	if again := listOf(t, b, noon.Add(time.Hour)); !slices.Equal(again.Segments, p.Segments) {
		t.Errorf("later the list is %+v", again)
	}
}

// The counters of the tables that are put in front connect with those of the stream.
func TestSegmentTablesAreNumberedOn(t *testing.T) {
	b := NewBus(1 << 20)
	f := film(20)
	write(t, b, f)
	p := listOf(t, b, noon)
	for i, s := range p.Segments {
		got := packetsOf(segmentBytes(t, b, s.Number))
		at, _ := second(t, f, i)
		pat := packetsOf(f)[at/PacketSize].Counter()
		if got[0].Counter() != pat || got[1].Counter() != pat {
			t.Fatalf("segment %d: tables have counters %d and %d, the stream's are %d", i, got[0].Counter(), got[1].Counter(), pat)
		}
	}
}

func TestPlaylistWaitsForTheFirstSegment(t *testing.T) {
	b := NewBus(1 << 20)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := b.Playlist(ctx, time.Now); err == nil || err.Error() != "enough" {
		t.Errorf("error %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := b.Playlist(t.Context(), time.Now)
		done <- err
	}()
	write(t, b, film(2))
	if err := <-done; err != nil {
		t.Error(err)
	}
	b = NewBus(1 << 20)
	b.Close()
	if _, err := b.Playlist(t.Context(), time.Now); !errors.Is(err, io.EOF) {
		t.Errorf("closed: %v", err)
	}
}

// A ring that is written over and over: the list moves on by the rules, and what has left it is
// still there for as long as the list is.
func TestPlaylistMovesOn(t *testing.T) {
	const second = 37 * 1024 // bytes of the film, about
	b := NewBus(20 * second)
	source := newBuilder()
	type gone struct{ number, until uint64 }
	var before Playlist
	var left []gone // segments that have left the list, and until which second they have to be there
	for i := range 120 {
		source.Reset()
		source.film(900_000+uint64(i)*90_000, 1)
		write(t, b, source.Bytes())
		if i < 2 {
			continue
		}
		p := listOf(t, b, noon.Add(time.Duration(i)*time.Second))
		obeys(t, before, p)
		for n := before.firstNumber(); before.Target > 0 && n < p.Segments[0].Number; n++ {
			left = append(left, gone{n, uint64(i + 1 + len(before.Segments))})
		}
		// "the corresponding Media Segment MUST remain available to clients for a period of time equal
		// to the duration of the segment plus the duration of the longest Playlist file distributed by
		// the server containing that segment" (RFC 8216, 6.2.2).
		for _, g := range left {
			if uint64(i) <= g.until {
				segmentBytes(t, b, g.number)
			}
		}
		for _, s := range p.Segments {
			segmentBytes(t, b, s.Number)
		}
		before = p
	}
	if len(left) < 90 || len(before.Segments) < 5 {
		t.Errorf("%d segments have left the list, which has %d", len(left), len(before.Segments))
	}
	if _, err := b.OpenSegment(left[0].number); !errors.Is(err, ErrGone) {
		t.Errorf("a segment of long ago: %v", err)
	}
	for _, n := range []uint64{0, before.firstNumber() + 1000, math.MaxUint64} {
		if _, err := b.OpenSegment(n); !errors.Is(err, ErrGone) {
			t.Errorf("segment %d: %v", n, err)
		}
	}
}

func (p Playlist) firstNumber() uint64 {
	if len(p.Segments) == 0 {
		return 0
	}
	return p.Segments[0].Number
}

// A reader of a segment over which the ring goes fails, and gives no bytes of another part.
func TestSegmentThatIsOverwritten(t *testing.T) {
	b := NewBus(200 * 1024)
	write(t, b, film(4))
	p := listOf(t, b, noon)
	r, err := b.OpenSegment(p.firstNumber())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 1000); err != nil {
		t.Fatal(err)
	}
	more := newBuilder()
	more.film(900_000+4*90_000, 20)
	write(t, b, more.Bytes())
	if n, err := r.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrGone) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Bytes that are missing end a segment; the next has the mark. So does another programme, whose
// segments have its own tables while those before keep theirs.
func TestSegmentsAtBreaks(t *testing.T) {
	for name, disturb := range map[string]func(*Bus, *builder){
		"gap": func(b *Bus, s *builder) {
			b.Discontinuity()
			s.film(900_000+5*90_000, 3)
		},
		"another programme": func(_ *Bus, s *builder) {
			other := newBuilder()
			other.psi(0, patSection(2, testPMT+1))
			other.psi(testPMT+1, pmtSection(2, testVideo+8, testStream{kind: 0x1b, pid: testVideo + 8}))
			for i := range 75 {
				head := plainFrame
				if i%25 == 0 {
					head = idrFrame
				}
				other.unit(pes{pid: testVideo + 8, pts: 900_000 + 3*90_000 + uint64(i)*3600, content: frame(head, 300, 1)})
			}
			s.Write(other.Bytes())
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBus(1 << 20)
			write(t, b, film(3))
			before := listOf(t, b, noon)
			s := newBuilder()
			disturb(b, s)
			write(t, b, s.Bytes())
			p := listOf(t, b, noon.Add(10*time.Second))
			obeys(t, before, p)
			var marks []int
			for i, one := range p.Segments {
				if one.Discontinuity {
					marks = append(marks, i)
				}
			}
			if !slices.Equal(marks, []int{3}) {
				t.Fatalf("discontinuities at %v of %d", marks, len(p.Segments))
			}
			early, late := segmentBytes(t, b, p.Segments[2].Number), segmentBytes(t, b, p.Segments[3].Number)
			if pid := packetsOf(early)[1].PID(); pid != testPMT {
				t.Errorf("the tables of an early segment are those of PID %#x", pid)
			}
			if pid := packetsOf(late)[1].PID(); name != "gap" && pid != testPMT+1 {
				t.Errorf("the tables of a late segment are those of PID %#x", pid)
			}
			// "it SHOULD apply an EXT-X-PROGRAM-DATE-TIME tag to every segment that has an
			// EXT-X-DISCONTINUITY tag" (RFC 8216, 6.2.1): its date is anew by the clock on the wall.
			if d := p.Segments[3].Date.Sub(p.Segments[2].Date); d < 5*time.Second {
				t.Errorf("the segment behind the gap is %v later", d)
			}
		})
	}
}

// Keyframes that are farther apart than the target was when it was fixed don't make longer
// segments: those are cut between.
func TestSegmentsWithoutKeyframe(t *testing.T) {
	b := NewBus(1 << 20)
	s := newBuilder()
	s.film(900_000, 3)
	write(t, b, s.Bytes())
	before := listOf(t, b, noon)
	s.Reset()
	for i := range 250 {
		s.unit(pes{pid: testVideo, pts: 900_000 + 3*90_000 + uint64(i)*3600, content: frame(plainFrame, 300, 1)})
	}
	write(t, b, s.Bytes())
	p := listOf(t, b, noon.Add(10*time.Second))
	obeys(t, before, p)
	if n := len(p.Segments); n != 12 || p.Segments[n-1].Clean || !p.Segments[0].Clean {
		t.Errorf("%d segments, %+v", n, p.Segments)
	}
}

// Time stamps wrap every 26.5 hours: the lengths of segments don't show it.
func TestSegmentsWhereTimeStampsWrap(t *testing.T) {
	b := NewBus(1 << 20)
	s := newBuilder()
	s.film(ptsModulus-3*90_000-1800, 7)
	write(t, b, s.Bytes())
	p := listOf(t, b, noon)
	obeys(t, Playlist{}, p)
	for i, one := range p.Segments {
		if one.Duration != time.Second || one.Discontinuity {
			t.Errorf("segment %d: %+v", i, one)
		}
	}
	if len(p.Segments) != 6 {
		t.Errorf("%d segments", len(p.Segments))
	}
}

// A stream whose stamps stand still is cut by its bytes.
func TestSegmentsWhereTimeStandsStill(t *testing.T) {
	b := NewBus(400 * PacketSize)
	s := newBuilder()
	s.tables(0x1b)
	for range 600 {
		s.unit(pes{pid: testVideo, pts: 900_000, content: frame(idrFrame, 300, 1)})
	}
	write(t, b, s.Bytes())
	p := listOf(t, b, noon)
	obeys(t, Playlist{}, p)
	for _, one := range p.Segments {
		if n := len(segmentBytes(t, b, one.Number)); n > 110*PacketSize {
			t.Errorf("a segment has %d bytes of a ring of %d", n, 400*PacketSize)
		}
	}
}

// Sound alone has segments too.
func TestSegmentsOfSound(t *testing.T) {
	b := NewBus(1 << 20)
	s := newBuilder()
	s.radio()
	for i := range 500 {
		s.unit(pes{pid: testAudio, pts: 900_000 + uint64(i)*1920, content: frame(nil, 200, 1)})
	}
	write(t, b, s.Bytes())
	p := listOf(t, b, noon)
	obeys(t, Playlist{}, p)
	if len(p.Segments) < 8 {
		t.Errorf("%d segments of 10.7 s", len(p.Segments))
	}
}

// "It MUST NOT decrease": not even when the gateway opens the channel anew, some time later.
func TestNumbersGrowOverBuses(t *testing.T) {
	last, breaks := uint64(0), uint64(0)
	for i := range 3 {
		b := NewBus(1 << 20)
		b.NumberBreaks(breaks)
		write(t, b, film(30))
		p := listOf(t, b, noon.Add(time.Duration(i)*30*time.Second))
		if p.firstNumber() <= last || p.Discontinuities < breaks {
			t.Errorf("bus %d begins with segment %d behind %d, and break %d behind %d", i, p.firstNumber(), last, p.Discontinuities, breaks)
		}
		if last = p.Segments[len(p.Segments)-1].Number; last > math.MaxInt32 {
			t.Errorf("number %d does not fit 31 bits", last)
		}
		// hls.js keeps arrays with one place for each number.
		if p.Discontinuities > 1_000_000 {
			t.Errorf("discontinuities begin with %d", p.Discontinuities)
		}
		b.NumberBreaks(1 << 40) // too late
		s := newBuilder()
		for n := range uint64(5) {
			b.Discontinuity()
			s.Reset()
			s.film(1_900_000+n*900_000, 3)
			write(t, b, s.Bytes())
		}
		p = listOf(t, b, noon)
		marks := p.Discontinuities
		for _, one := range p.Segments {
			if one.Discontinuity {
				marks++
			}
		}
		if before := breaks; marks+1 != b.Breaks() || marks < before+5 {
			t.Errorf("bus %d: break %d was the last, Breaks tells %d", i, marks, b.Breaks())
		}
		breaks = b.Breaks()
	}
}

func TestSegmentReaderSeeks(t *testing.T) {
	b := NewBus(1 << 20)
	write(t, b, film(3))
	number := listOf(t, b, noon).firstNumber()
	want := segmentBytes(t, b, number)
	r, err := b.OpenSegment(number)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 1, PacketSize, 2*PacketSize - 1, 2*PacketSize + 77, int64(len(want))} {
		if got, err := r.Seek(at, io.SeekStart); got != at || err != nil {
			t.Fatalf("seek to %d: %d, %v", at, got, err)
		}
		if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, want[at:]) {
			t.Errorf("from %d: %d bytes, %v", at, len(rest), err)
		}
	}
	if end, err := r.Seek(-5, io.SeekEnd); err != nil || end != int64(len(want))-5 {
		t.Errorf("from the end: %d, %v", end, err)
	}
	if on, err := r.Seek(2, io.SeekCurrent); err != nil || on != int64(len(want))-3 {
		t.Errorf("on: %d, %v", on, err)
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("a place before the beginning is taken")
	}
}
