package timeseek

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

func film(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile("../../cmd/swarmgate/media/film.mp4")
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sample is one sample with all that its track says of it.
type sample struct {
	bytes       string
	duration    uint32
	composition int32
	sync        bool
}

// samples reads all samples of all tracks of a movie file.
func samples(t *testing.T, b []byte) (tracks [][]sample) {
	t.Helper()
	file, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, trak := range file.Moov.Traks {
		s := trak.Mdia.Minf.Stbl
		offsets := chunkOffsets(s)
		var list []sample
		for n := uint32(1); n <= s.Stsz.SampleNumber; n++ {
			chunk, first, err := s.Stsc.ChunkNrFromSampleNr(int(n))
			if err != nil {
				t.Fatal(err)
			}
			at := offsets[chunk-1]
			for m := first; m < int(n); m++ {
				at += uint64(s.Stsz.GetSampleSize(m))
			}
			one := sample{bytes: string(b[at : at+uint64(s.Stsz.GetSampleSize(int(n)))]), duration: s.Stts.GetDur(n)}
			if s.Ctts != nil {
				one.composition = s.Ctts.GetCompositionTimeOffset(n)
			}
			one.sync = s.Stss == nil || slices.Contains(s.Stss.SampleNumber, n)
			list = append(list, one)
		}
		tracks = append(tracks, list)
	}
	return tracks
}

// A cut movie has the samples of the film from a keyframe on, with the same bytes, lengths
// and order, and none before.
func TestCutMovieKeepsEverySampleBehind(t *testing.T) {
	original := film(t)
	want := samples(t, original)
	for _, at := range []time.Duration{0, time.Millisecond, 5 * time.Second, 12500 * time.Millisecond, 23900 * time.Millisecond, time.Hour} {
		m, err := CutMovie(bytes.NewReader(original), int64(len(original)), at)
		if err != nil {
			t.Fatal(err)
		}
		if m.Time > at || m.Time < at-10*time.Second && at < 24*time.Second {
			t.Errorf("%v: begins at %v", at, m.Time)
		}
		cut := append(bytes.Clone(m.Head), original[m.From:m.To]...)
		if int64(len(cut)) != m.Length() {
			t.Errorf("%v: length %d, told %d", at, len(cut), m.Length())
		}
		got := samples(t, cut)
		for i := range want {
			gone := len(want[i]) - len(got[i])
			if gone < 0 || len(got[i]) == 0 || !slices.Equal(got[i], want[i][gone:]) {
				t.Errorf("%v, track %d: %d of %d samples, which are not the last ones of the film", at, i, len(got[i]), len(want[i]))
			}
			if !got[i][0].sync {
				t.Errorf("%v, track %d: begins at no keyframe", at, i)
			}
			var before uint64
			for _, s := range want[i][:max(gone, 0)] {
				before += uint64(s.duration)
			}
			file, _ := mp4.DecodeFile(bytes.NewReader(original))
			scale := float64(file.Moov.Traks[i].Mdia.Mdhd.Timescale)
			if d := float64(before)/scale - m.Time.Seconds(); d > 0.05 || d < -0.05 {
				t.Errorf("%v, track %d: begins %.3f s beside the others", at, i, d)
			}
		}
	}
}

// Films that were put together have several descriptions of their samples, in turns.
func TestCutMovieKeepsDescriptions(t *testing.T) {
	original := film(t)
	descriptions := func(b []byte) (ids []uint32) {
		file, err := mp4.DecodeFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		s := file.Moov.Traks[0].Mdia.Minf.Stbl
		entry := 0
		for c := range chunkOffsets(s) {
			for entry+1 < len(s.Stsc.Entries) && s.Stsc.Entries[entry+1].FirstChunk <= uint32(c+1) {
				entry++
			}
			for range s.Stsc.Entries[entry].SamplesPerChunk {
				ids = append(ids, s.Stsc.GetSampleDescriptionID(entry+1))
			}
		}
		return ids[:s.Stsz.SampleNumber]
	}
	// One entry for each chunk, and another description every third of them.
	file, err := mp4.DecodeFile(bytes.NewReader(original))
	if err != nil {
		t.Fatal(err)
	}
	s := file.Moov.Traks[0].Mdia.Minf.Stbl
	before, entry := file.Moov.Size(), 0
	old := *s.Stsc
	*s.Stsc = mp4.StscBox{}
	for c := range chunkOffsets(s) {
		for entry+1 < len(old.Entries) && old.Entries[entry+1].FirstChunk <= uint32(c+1) {
			entry++
		}
		if err := s.Stsc.AddEntry(uint32(c+1), old.Entries[entry].SamplesPerChunk, uint32(1+c/3%2)); err != nil {
			t.Fatal(err)
		}
	}
	for _, trak := range file.Moov.Traks {
		if err := shift(trak.Mdia.Minf.Stbl, int64(file.Moov.Size()-before)); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := file.Encode(&out); err != nil {
		t.Fatal(err)
	}
	if n := len(chunkOffsets(s)); n < 9 {
		t.Fatalf("%d chunks are too few for this test", n)
	}
	want := descriptions(out.Bytes())
	for _, at := range []time.Duration{5 * time.Second, 12500 * time.Millisecond, 23 * time.Second} {
		m, err := CutMovie(bytes.NewReader(out.Bytes()), int64(out.Len()), at)
		if err != nil {
			t.Fatal(err)
		}
		got := descriptions(append(bytes.Clone(m.Head), out.Bytes()[m.From:m.To]...))
		if len(got) == 0 || len(got) > len(want) || !slices.Equal(got, want[len(want)-len(got):]) {
			t.Errorf("%v: %v\nof %v", at, got, want)
		}
	}
}

func TestCutMovieRefuses(t *testing.T) {
	good := film(t)
	moof := append([]byte{0, 0, 0, 8, 'm', 'o', 'o', 'f'}, good...)
	huge := append(binary.BigEndian.AppendUint32(nil, 1), "moov\xff\xff\xff\xff\xff\xff\xff\xff"...)
	for name, b := range map[string][]byte{
		"nothing": {}, "text": []byte("this is no movie at all"), "fragments": moof, "a box that ends nowhere": huge,
		"boxes without end": bytes.Repeat([]byte{0, 0, 0, 8, 'f', 'r', 'e', 'e'}, 1000),
		"no content":        good[:bytes.Index(good, []byte("mdat"))-4],
	} {
		if m, err := CutMovie(bytes.NewReader(b), int64(len(b)), time.Second); !errors.Is(err, ErrNoPlace) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// Tables may say anything: the answer is a movie whose parts lie in the film, or a refusal.
func FuzzCutMovie(f *testing.F) {
	good := film(f)
	at := bytes.Index(good, []byte("mdat")) - 4
	head := good[:min(at+4096, len(good))]
	short := bytes.Clone(head)
	binary.BigEndian.PutUint32(short[at:], uint32(len(short)-at))
	f.Add(short, uint16(5000))
	f.Add(short[:200], uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, ms uint16) {
		m, err := CutMovie(bytes.NewReader(b), int64(len(b)), time.Duration(ms)*time.Millisecond)
		if err != nil {
			return
		}
		if m.From < 0 || m.From >= m.To || m.To > int64(len(b)) || len(m.Head) > 2*len(b)+1024 {
			t.Fatalf("%d to %d of %d bytes behind %d", m.From, m.To, len(b), len(m.Head))
		}
	})
}

// Boxes in boxes in boxes would fill the stack of who follows them, which nothing recovers from.
func TestDeepMovie(t *testing.T) {
	const deep = 300_000
	moov := make([]byte, 0, 8*deep)
	for n := range deep {
		moov = binary.BigEndian.AppendUint32(moov, uint32(8*(deep-n)))
		moov = append(moov, "trak"...)
	}
	copy(moov[4:], "moov")
	film := append(append([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"), moov...), "\x00\x00\x00\x0cmdatdata"...)
	if _, err := CutMovie(bytes.NewReader(film), int64(len(film)), time.Second); !errors.Is(err, ErrNoPlace) || !strings.Contains(err.Error(), "too many boxes") {
		t.Errorf("error %v", err)
	}
}
