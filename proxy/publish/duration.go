package publish

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// Bounds of what is looked at in a file: boxes, their depth, and bytes of one box.
const (
	maxBoxes    = 1 << 17 // 24 hours of fragments of one second
	maxBoxDepth = 3       // moov, trak, mdia
	maxBox      = 1 << 20
)

// Duration returns how long the film in a file plays, in whole milliseconds as a link holds
// them. It is 0 where it can't be told: MP4 and QuickTime files tell it in boxes, which are
// read wherever in the file they lie, and transport streams by their clocks, which are looked at
// in some places; others and damaged ones don't.
func Duration(path string) time.Duration {
	ending := strings.ToLower(filepath.Ext(path))
	switch ending {
	case ".mp4", ".m4v", ".mov", ".ts", ".m2ts", ".mts":
	default:
		return 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	if strings.HasSuffix(ending, "ts") {
		return mpegts.PCRDuration(streamTicks(f, info.Size())).Truncate(time.Millisecond)
	}
	return movieDuration(f, info.Size())
}

// movieDuration reads the boxes of ISO/IEC 14496-12 that tell how long a movie plays.
func movieDuration(file io.ReaderAt, size int64) time.Duration {
	m := movie{file: file, tracks: map[uint32]*track{}}
	m.walk(0, size, 0, m.header)
	return max(m.whole, m.extended, m.fragmented())
}

// movie is what the boxes have told so far.
type movie struct {
	file  io.ReaderAt
	boxes int // seen

	scale           uint32        // of the movie, units a second
	whole, extended time.Duration // without and with fragments, as the headers say
	last            *track        // whose headers are being read
	tracks          map[uint32]*track
	first, latest   box // moof
}

// track is what is needed to understand its fragments.
type track struct {
	scale  uint32 // units a second
	sample uint32 // length of a sample that says nothing else
}

// box is the place of a box in the file.
type box struct {
	kind      string
	body, end int64
	small     mp4.Box // decoded, if it is of a kind that is read
}

// walk calls visit for each box between two places.
func (m *movie) walk(at, end int64, depth int, visit func(b box, depth int)) {
	for ; at < end && m.boxes < maxBoxes && depth <= maxBoxDepth; m.boxes++ {
		r := io.NewSectionReader(m.file, at, end-at)
		header, err := mp4.DecodeHeader(r)
		if err != nil || header.Size > uint64(end-at) {
			return
		}
		b := box{kind: header.Name, body: at + int64(header.Hdrlen), end: at + int64(header.Size)}
		switch b.kind {
		case "mvhd", "mehd", "tkhd", "mdhd", "trex", "tfhd", "tfdt", "trun":
			if header.Size > maxBox {
				return
			}
			if b.small, err = mp4.DecodeBoxBody(uint64(at), header, r); err != nil {
				return
			}
		}
		visit(b, depth)
		at = b.end
	}
}

// header takes a box of the whole movie.
func (m *movie) header(b box, depth int) {
	switch small := b.small.(type) {
	case nil:
		m.container(b, depth)
	case *mp4.MvhdBox:
		m.scale = small.Timescale
		if small.Duration != math.MaxUint64 && (small.Version != 0 || small.Duration != math.MaxUint32) {
			m.whole = span(seconds(small.Duration, m.scale))
		}
	case *mp4.MehdBox:
		m.extended = span(float64(small.FragmentDuration) / float64(m.scale))
	case *mp4.TkhdBox:
		m.last = m.track(small.TrackID)
	case *mp4.MdhdBox:
		if m.last != nil {
			m.last.scale = small.Timescale
		}
	case *mp4.TrexBox:
		m.track(small.TrackID).sample = small.DefaultSampleDuration
	}
}

func (m *movie) container(b box, depth int) {
	switch b.kind {
	case "moov", "trak", "mdia", "mvex":
		m.walk(b.body, b.end, depth+1, m.header)
	case "moof":
		if m.first.end == 0 {
			m.first = b
		}
		m.latest = b
	}
}

func (m *movie) track(id uint32) *track {
	if m.tracks[id] == nil {
		m.tracks[id] = &track{}
	}
	return m.tracks[id]
}

// fragmented returns the time from the first fragment to the end of the last; from zero if
// the movie's index has a beginning that the fragments continue.
func (m *movie) fragmented() time.Duration {
	start, end := math.Inf(1), math.Inf(-1) // seconds
	for _, f := range m.fragments(m.first) {
		start = min(start, seconds(f.start, m.track(f.track).scale))
	}
	for _, f := range m.fragments(m.latest) {
		end = max(end, seconds(f.start+f.length, m.track(f.track).scale))
	}
	if m.whole > 0 {
		start = 0
	}
	return span(end - start)
}

// fragment is a track's part of a moof, in the track's units.
type fragment struct {
	track         uint32
	start, length uint64
}

func (m *movie) fragments(moof box) (found []fragment) {
	m.walk(moof.body, moof.end, 1, func(traf box, depth int) {
		if traf.kind != "traf" {
			return
		}
		var f fragment
		var sample uint32
		timed := false
		m.walk(traf.body, traf.end, depth+1, func(b box, _ int) {
			switch small := b.small.(type) {
			case *mp4.TfhdBox:
				f.track, sample = small.TrackID, m.track(small.TrackID).sample
				if small.HasDefaultSampleDuration() {
					sample = small.DefaultSampleDuration
				}
			case *mp4.TfdtBox:
				f.start, timed = small.BaseMediaDecodeTime(), true
			case *mp4.TrunBox:
				f.length += small.Duration(sample)
			}
		})
		if timed {
			found = append(found, f)
		}
	})
	return found
}

func seconds(units uint64, scale uint32) float64 { return float64(units) / float64(scale) }

// span makes a duration of seconds, 0 if it is none that a link can hold.
func span(s float64) time.Duration {
	ms := math.Round(s * 1000)
	if ms >= 1 && ms <= float64(ppsp.MaxLinkDuration/time.Millisecond) {
		return time.Duration(ms) * time.Millisecond
	}
	return 0 // also when it is not a number, for want of a time scale
}
