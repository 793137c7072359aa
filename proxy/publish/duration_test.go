package publish

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// cat joins what is given: strings, bytes, and numbers in network order.
func cat(parts ...any) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			b.WriteString(v)
		case int:
			_ = binary.Write(&b, binary.BigEndian, uint32(v)) // a buffer takes everything
		default:
			_ = binary.Write(&b, binary.BigEndian, v)
		}
	}
	return b.Bytes()
}

// boxed is a box as ISO/IEC 14496-12, 4.2 has it.
func boxed(kind string, parts ...any) []byte {
	body := cat(parts...)
	return cat(8+len(body), kind, body)
}

const version1 = 1 << 24

var (
	ftyp    = boxed("ftyp", "isom", 0, "isom")
	zeros80 = make([]byte, 80)
	zeros60 = make([]byte, 60)
)

func mvhd(scale, units int) []byte { return boxed("mvhd", 0, 0, 0, scale, units, zeros80) }

func trak(id, scale int) []byte {
	return boxed("trak", boxed("tkhd", 7, 0, 0, id, 0, 0, zeros60), boxed("mdia", boxed("mdhd", 0, 0, 0, scale, 0, 0)))
}

func trex(id, sample int) []byte { return boxed("trex", 0, id, 1, sample, 0, 0) }

func mehd(units int) []byte { return boxed("mehd", 0, units) }

// moof is a fragment of one track: n samples that say nothing of their length.
func moof(id, start, n int) []byte {
	return boxed("moof", boxed("mfhd", 0, 1), boxed("traf",
		boxed("tfhd", 0x20000, id), boxed("tfdt", version1, uint64(start)), boxed("trun", 0, n)))
}

func mdat(n int) []byte { return boxed("mdat", make([]byte, n)) }

var movies = []struct {
	name string
	file []byte
	want time.Duration
}{
	{"index in front", cat(ftyp, boxed("moov", mvhd(1000, 24040)), mdat(100)), 24040 * time.Millisecond},
	{"index behind", cat(ftyp, mdat(100), boxed("moov", mvhd(90000, 90000*3600))), time.Hour},
	{"rounded to milliseconds", cat(boxed("moov", mvhd(30000, 1001))), 33 * time.Millisecond},
	{"64 bits", cat(boxed("moov", boxed("mvhd", version1, uint64(0), uint64(0), 10_000_000, uint64(54_000_000_000), zeros80))), 90 * time.Minute},
	{"content of more than 4 GB", cat(ftyp, 1, "mdat", uint64(16+5), "12345", boxed("moov", mvhd(1, 2))), 2 * time.Second},
	{"unknown boxes between", cat(boxed("wide"), boxed("uuid", "anything"), boxed("moov", boxed("iods", 1), mvhd(1, 2), boxed("udta", "x"))), 2 * time.Second},

	// ISO/IEC 14496-12, 8.8.2: "The Movie Extends Header is optional, and provides the
	// overall duration, including fragments, of a fragmented movie."
	{"fragments, total told", cat(boxed("moov", mvhd(1000, 2000), boxed("mvex", mehd(60000), trex(1, 1))), moof(1, 0, 1), mdat(9)), time.Minute},
	{"fragments, counted", cat(boxed("moov", mvhd(1000, 0), trak(1, 25), trak(2, 48000), boxed("mvex", trex(1, 1), trex(2, 1024))),
		moof(1, 0, 50), mdat(9), moof(1, 50, 50), mdat(9), moof(1, 100, 10), mdat(9)), 110 * time.Second / 25},
	{"fragments of a recording that began late", cat(boxed("moov", mvhd(1000, 0), trak(1, 25), boxed("mvex", trex(1, 1))),
		moof(1, 90000, 50), mdat(9), moof(1, 90050, 25)), 3 * time.Second},
	{"fragments that continue the index", cat(boxed("moov", mvhd(1000, 2000), trak(1, 25), boxed("mvex", trex(1, 1))),
		moof(1, 50, 50), mdat(9), moof(1, 100, 50)), 6 * time.Second},
	{"a fragment for each track", cat(boxed("moov", mvhd(1000, 0), trak(1, 25), trak(2, 48000), boxed("mvex", trex(1, 1), trex(2, 1024))),
		moof(1, 0, 50), moof(2, 0, 94), moof(1, 50, 50), moof(2, 96256, 94)), 4011 * time.Millisecond},
	{"samples with lengths of their own", cat(boxed("moov", mvhd(1000, 0), trak(1, 10), boxed("mvex", trex(1, 1))),
		boxed("moof", boxed("traf", boxed("tfhd", 0x20000, 1), boxed("tfdt", 0, 0), boxed("trun", 0x100, 3, 10, 20, 30)))), 6 * time.Second},
	{"length of samples in the fragment", cat(boxed("moov", mvhd(1000, 0), trak(1, 10), boxed("mvex", trex(1, 1))),
		boxed("moof", boxed("traf", boxed("tfhd", 0x20008, 1, 5), boxed("tfdt", 0, 0), boxed("trun", 0, 4)))), 2 * time.Second},

	{"empty", nil, 0},
	{"no movie", []byte("#EXTM3U\nhttp://example.com/\n"), 0},
	{"no index", cat(ftyp, mdat(100)), 0},
	{"no length", cat(boxed("moov", mvhd(1000, 0))), 0},
	{"length unknown", cat(boxed("moov", mvhd(1000, -1))), 0},
	{"length unknown, 64 bits", cat(boxed("moov", boxed("mvhd", version1, uint64(0), uint64(0), 1, uint64(math.MaxUint64), zeros80))), 0},
	{"no time scale", cat(boxed("moov", mvhd(0, 1000))), 0},
	{"neither of both", cat(boxed("moov", mvhd(0, 0))), 0},
	{"longer than a link says", cat(boxed("moov", mvhd(1, 3_600_001))), 0},
	{"cut within the header", cat(boxed("moov", mvhd(1000, 24000)))[:60], 0},
	{"box beyond the end", cat(9999, "moov", mvhd(1000, 24000)), 0},
	{"box smaller than its head", cat(7, "free", boxed("moov", mvhd(1, 2))), 0},
	{"box to the end", cat(0, "mdat", boxed("moov", mvhd(1, 2))), 0},
	{"negative total", cat(boxed("moov", mvhd(1000, 0), boxed("mvex", mehd(-1)))), 0},
	{"fragments without index", cat(moof(1, 0, 5), moof(1, 5, 5)), 0},
	{"fragment of a track without scale", cat(boxed("moov", trak(1, 0), boxed("mvex", trex(1, 1))), moof(1, 0, 5)), 0},
	{"fragment before the first", cat(boxed("moov", trak(1, 1), boxed("mvex", trex(1, 1))), moof(1, 50, 5), moof(1, 5, 5)), 0},
	{"large box of times", cat(boxed("moov", boxed("mvhd", 0, 0, 0, 1, 2, make([]byte, maxBox)))), 0},
}

func TestMovieDuration(t *testing.T) {
	for _, c := range movies {
		if got := movieDuration(bytes.NewReader(c.file), int64(len(c.file))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDurationOfTheDemosFilm(t *testing.T) {
	if got := Duration("../../cmd/swarmgate/media/film.mp4"); got != 24*time.Second {
		t.Errorf("%s, want 24s", got)
	}
	if got := Duration(filepath.Join(t.TempDir(), "none.mp4")); got != 0 {
		t.Errorf("no file: %s, want 0", got)
	}
}

func TestDurationByTheNamesEnding(t *testing.T) {
	file := cat(ftyp, boxed("moov", mvhd(1, 5)))
	for name, want := range map[string]time.Duration{"a.mp4": 5 * time.Second, "a.M4V": 5 * time.Second, "a.mov": 5 * time.Second, "a.mkv": 0, "mp4": 0} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Duration(path); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// counted counts the bytes that are read.
type counted struct {
	bytes.Reader
	read int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.Reader.ReadAt(p, at)
	c.read += n
	return n, err
}

func TestContentIsNotRead(t *testing.T) {
	c := &counted{Reader: *bytes.NewReader(cat(ftyp, mdat(1<<20), boxed("moov", mvhd(1, 5), boxed("udta", make([]byte, 1<<20)))))}
	if got := movieDuration(c, c.Size()); got != 5*time.Second {
		t.Fatalf("%s, want 5s", got)
	}
	if c.read > 1000 {
		t.Errorf("%d bytes of %d are read, want the heads of boxes", c.read, c.Size())
	}
}

// A file may be made of nothing but boxes, or of boxes within boxes.
func TestHostileMoviesAreBounded(t *testing.T) {
	c := &counted{Reader: *bytes.NewReader(bytes.Repeat(boxed("free"), 1<<20))}
	_ = movieDuration(c, c.Size())
	if c.read > 8*maxBoxes {
		t.Errorf("%d bytes of heads are read, want at most %d", c.read, 8*maxBoxes)
	}
	nested := mvhd(1, 5)
	for range 1000 {
		nested = boxed("moov", nested)
	}
	if got := movieDuration(bytes.NewReader(nested), int64(len(nested))); got != 0 {
		t.Errorf("%s from a movie 1000 boxes deep", got)
	}
}

// FuzzMovieDuration holds that any file is taken, and that what comes out fits a link.
func FuzzMovieDuration(f *testing.F) {
	for _, c := range movies {
		if len(c.file) < 1<<10 {
			f.Add(c.file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		d := movieDuration(bytes.NewReader(file), int64(len(file)))
		if d == 0 {
			return
		}
		l := ppsp.NewLink(ppsp.StaticDefaults(ppsp.SwarmID(slices.Repeat([]byte{1}, 32))))
		l.Duration = d
		if err := l.Validate(); err != nil {
			t.Error(err)
		}
	})
}
