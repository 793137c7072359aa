package timeseek

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// transport is a transport stream with a keyframe each second: the demo's channel, as it is
// for so long.
func transport(tb testing.TB, length time.Duration) []byte {
	tb.Helper()
	clip, err := os.ReadFile("../../cmd/swarmgate/media/channel.ts")
	if err != nil {
		tb.Fatal(err)
	}
	loop, err := mpegts.NewLoop(clip)
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	play := func() {
		ctx, cancel := context.WithTimeout(context.Background(), length)
		defer cancel()
		_ = loop.Run(ctx, time.Now, func(b []byte) error { out.Write(b); return nil }) // ends with ctx
	}
	if t, ok := tb.(*testing.T); ok {
		synctest.Test(t, func(*testing.T) { play() })
	} else {
		out.Write(clip)
	}
	return out.Bytes()
}

// counted tells how much of a film was read.
type counted struct {
	*bytes.Reader
	read int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read += int64(n)
	return n, err
}

// keyframes lists all, by reading the whole.
func keyframes(t *testing.T, film []byte) (all []Place) {
	t.Helper()
	var first *mpegts.FilmKeyframe
	for from := int64(0); ; {
		k, err := mpegts.NextKeyframe(bytes.NewReader(film[from:]), from, int64(len(film)))
		if errors.Is(err, mpegts.ErrNoKeyframe) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = &k
		}
		all = append(all, Place{Offset: k.Offset, Time: k.Since(*first), frame: k.Frame})
		from = k.Frame + mpegts.PacketSize
	}
}

// What Find returns is the keyframe that reading all of the film finds, for any time.
func TestFindIsTheLastKeyframeBefore(t *testing.T) {
	const length = 3 * time.Minute
	film := transport(t, length)
	all := keyframes(t, film)
	if len(all) < 170 || len(all) > 181 {
		t.Fatalf("%d keyframes in %v", len(all), length)
	}
	var kept Index
	for at := time.Duration(0); at < length+5*time.Second; at += 1700 * time.Millisecond {
		i, exact := slices.BinarySearchFunc(all, at, func(p Place, at time.Duration) int { return int(p.Time - at) })
		if !exact {
			i--
		}
		var fresh Index
		for name, x := range map[string]*Index{"fresh": &fresh, "kept": &kept} {
			r := &counted{Reader: bytes.NewReader(film)}
			p, err := x.Find(r, int64(len(film)), length, at)
			if err != nil || p != all[i] {
				t.Errorf("%s, %v: %+v, %v; want %+v", name, at, p, err, all[i])
			}
			if r.read > int64(len(film))/3 {
				t.Errorf("%s, %v: %d of %d bytes read", name, at, r.read, len(film))
			}
			if at > length/2 && name == "kept" && r.read > 1<<20 {
				t.Errorf("%v: %d bytes read of a film that is known", at, r.read)
			}
		}
		if b := film[all[i].Offset:]; b[0] != 0x47 || b[1]&0x1f != 0 || b[2] != 0 {
			t.Fatalf("%v: no PAT at the place", at)
		}
	}
}

// A duration that is wrong, as a stranger's link may tell, leads to the same places.
func TestFindWithAWrongDuration(t *testing.T) {
	film := transport(t, time.Minute)
	all := keyframes(t, film)
	for _, duration := range []time.Duration{time.Millisecond, 10 * time.Second, time.Hour, 900 * time.Hour} {
		var x Index
		if p, err := x.Find(bytes.NewReader(film), int64(len(film)), duration, 40500*time.Millisecond); err != nil || p != all[40] {
			t.Errorf("%v: %+v, %v; want %+v", duration, p, err, all[40])
		}
	}
}

func TestFindInWhatIsNone(t *testing.T) {
	film := transport(t, 10*time.Second)
	for name, b := range map[string][]byte{
		"nothing": {}, "zeros": make([]byte, 1<<20), "text": bytes.Repeat([]byte("GGGG no stream "), 5000), "one packet": film[:188], "half a packet": film[:100],
	} {
		var x Index
		if p, err := x.Find(bytes.NewReader(b), int64(len(b)), time.Minute, 30*time.Second); !errors.Is(err, ErrNoPlace) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	broken := errors.New("no peer sends")
	var x Index
	if _, err := x.Find(failing{broken}, 1000, time.Minute, time.Second); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)       { return 0, f.err }
func (f failing) Seek(int64, int) (int64, error) { return 0, nil }

// A film whose clock begins anew can't be entered by time behind that, and costs bounded work.
func TestFindWhereTheClockBeginsAnew(t *testing.T) {
	one := transport(t, 20*time.Second)
	film := slices.Concat(one, one, one, one)
	var x Index
	r := &counted{Reader: bytes.NewReader(film)}
	if _, err := x.Find(r, int64(len(film)), 80*time.Second, 70*time.Second); err != nil && !errors.Is(err, ErrNoPlace) {
		t.Errorf("error %v", err)
	}
	if r.read > 3*int64(len(film)) {
		t.Errorf("%d bytes read of %d", r.read, len(film))
	}
}

// barren is a film without keyframes behind the first second: packets of sound, gigabytes of them.
type barren struct {
	begin    []byte
	rest     []byte // over and over
	size, at int64
	read     int64
}

func (b *barren) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), b.size-b.at))
	if n == 0 {
		return 0, io.EOF
	}
	if b.at < int64(len(b.begin)) {
		n = copy(p[:n], b.begin[b.at:])
	} else {
		n = copy(p[:n], b.rest[b.at%mpegts.PacketSize:])
	}
	b.at += int64(n)
	b.read += int64(n)
	return n, nil
}

func (b *barren) Seek(at int64, _ int) (int64, error) {
	b.at = at
	return at, nil
}

// What a search reads comes from other homes: it is bounded, whatever the film is like.
func TestFindSpendsLittle(t *testing.T) {
	begin := transport(t, 2*time.Second)
	rest := bytes.Repeat(append([]byte("\x47\x1f\xff\x10"), bytes.Repeat([]byte{0xff}, mpegts.PacketSize-4)...), 200)
	for _, c := range []struct {
		at   time.Duration
		want error
	}{{20 * time.Second, nil}, {50 * time.Minute, ErrNoPlace}} {
		film := &barren{begin: begin, rest: rest, size: 4 << 30 / mpegts.PacketSize * mpegts.PacketSize}
		var x Index
		p, err := x.Find(film, film.size, time.Hour, c.at)
		if !errors.Is(err, c.want) || err == nil && p.Time > c.at {
			t.Errorf("%v: %+v, %v", c.at, p, err)
		}
		if film.read > budget {
			t.Errorf("%v: %d bytes read", c.at, film.read)
		}
	}
}

// Whatever bytes a film has: a place lies in it, and reading is bounded.
func FuzzFind(f *testing.F) {
	film := transport(f, 0)
	f.Add(film[:188*60], int64(500), int64(2000))
	f.Add(film[:188*20], int64(1<<40), int64(1))
	f.Add([]byte("GGGG"), int64(5), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, at, duration int64) {
		var x Index
		r := &counted{Reader: bytes.NewReader(b)}
		p, err := x.Find(r, int64(len(b)), time.Duration(duration)*time.Millisecond, max(time.Duration(at), 0))
		if err == nil && (p.Offset < 0 || p.Offset >= int64(len(b)) || p.frame < p.Offset) {
			t.Fatalf("%+v in %d bytes", p, len(b))
		}
		if err != nil && !errors.Is(err, ErrNoPlace) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if r.read > int64(2*looks+2)*int64(len(b)) {
			t.Fatalf("%d bytes read of %d", r.read, len(b))
		}
	})
}
