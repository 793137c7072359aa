package timeseek

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Bounds of what is read of a film to cut it, in bytes and in boxes.
const (
	maxFileType = 4 << 10
	maxMoov     = 8 << 20 // three hours
	maxTop      = 64      // boxes of the file that are not fragmented
)

// Movie is an MP4 file that begins at a keyframe of another: Head, and behind it the bytes
// From to To of that film, without a change.
type Movie struct {
	Head     []byte
	From, To int64
	Time     time.Duration // of the keyframe
}

// Length is that of the movie in bytes.
func (m *Movie) Length() int64 { return int64(len(m.Head)) + m.To - m.From }

// CutMovie makes a movie file (ISO/IEC 14496-12) that begins at the last keyframe not after
// at. ErrNoPlace says that the film can't be cut: it is none, or is made of fragments.
func CutMovie(film io.ReadSeeker, size int64, at time.Duration) (m *Movie, err error) {
	fileType, moov, mdatEnd, err := top(film, size)
	if err != nil {
		return nil, err
	}
	// The film's tables are a stranger's, and the library may trip over them.
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%w: its tables contradict each other (%v)", ErrNoPlace, r)
		}
	}()
	if !shallow(moov) {
		return nil, fmt.Errorf("%w: its tables lie in too many boxes", ErrNoPlace)
	}
	decoded, err := mp4.DecodeBox(0, bytes.NewReader(moov))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPlace, err)
	}
	box, ok := decoded.(*mp4.MoovBox)
	if !ok || box.Mvhd == nil || box.Mvex != nil || box.Mvhd.Timescale == 0 {
		return nil, ErrNoPlace
	}
	return cut(fileType, box, mdatEnd, at)
}

// maxNesting bounds the boxes of moov that hold others; a film has about ten for each track. The library goes
// into each by calling itself, and a stack that overflows ends the program.
const maxNesting = 4096

// nesting are the types of boxes in which the library looks for others.
var nesting = func() map[uint32]bool {
	types := map[uint32]bool{}
	for t := range strings.FieldsSeq(`moov trak mdia minf stbl dinf dref edts udta meta ilst mvex moof traf mfra tref trgr trep ludt stsd sinf schi
		vexu eyes hero cams proj prji hfov blin cdsc cstg ctim dpnd font hind hint iden ipir mpod msrc payl ster stri sttg subt sync vdep vlab vplx vsid
		vttC vtta vttc vtte wvtt stpp sbtl tx3g evte Opus ac-3 ac-4 ec-3 enca fLaC iamf mha1 mha2 mhm1 mhm2 mp4a
		avc1 avc3 hvc1 hev1 dvh1 dvhe encv av01 vp08 vp09 vvc1 vvi1 mp4v avs3`) {
		types[binary.BigEndian.Uint32([]byte(t))] = true
	}
	return types
}()

// shallow tells whether so few boxes of moov can hold others that they can't lie deep in each other. It
// looks at every place where a type could stand.
func shallow(moov []byte) bool {
	found := 0
	for at := 4; at+4 <= len(moov); at++ {
		if c := moov[at]; c >= 'A' && c <= 'z' && nesting[binary.BigEndian.Uint32(moov[at:])] {
			if found++; found > maxNesting {
				return false
			}
		}
	}
	return true
}

// top reads the boxes of the file that are needed, wherever they lie.
func top(film io.ReadSeeker, size int64) (fileType, moov []byte, mdatEnd int64, err error) {
	for at, n := int64(0), 0; at+8 <= size && n < maxTop && (moov == nil || mdatEnd == 0); n++ {
		if _, err = film.Seek(at, io.SeekStart); err != nil {
			return nil, nil, 0, err
		}
		header := make([]byte, 8, 16)
		if _, err = io.ReadFull(film, header); err != nil {
			return nil, nil, 0, err
		}
		length := int64(binary.BigEndian.Uint32(header))
		switch length {
		case 1:
			header = header[:16]
			if _, err = io.ReadFull(film, header[8:]); err != nil {
				return nil, nil, 0, err
			}
			length = int64(min(binary.BigEndian.Uint64(header[8:]), math.MaxInt64))
		case 0:
			length = size - at
		}
		if length < int64(len(header)) || length > size-at {
			return nil, nil, 0, ErrNoPlace
		}
		limit := int64(0)
		switch string(header[4:8]) {
		case "ftyp":
			limit = maxFileType
		case "moov":
			limit = maxMoov
		case "moof":
			return nil, nil, 0, ErrNoPlace
		case "mdat":
			mdatEnd = at + length
		}
		if limit > 0 {
			if length > limit {
				return nil, nil, 0, ErrNoPlace
			}
			body := make([]byte, length)
			copy(body, header)
			if _, err = io.ReadFull(film, body[len(header):]); err != nil {
				return nil, nil, 0, err
			}
			if limit == maxMoov {
				moov = body
			} else {
				fileType = body
			}
		}
		at += length
	}
	if moov == nil || mdatEnd == 0 {
		return nil, nil, 0, ErrNoPlace
	}
	return fileType, moov, mdatEnd, nil
}

// cut drops what lies before the keyframe from the tables.
func cut(fileType []byte, moov *mp4.MoovBox, mdatEnd int64, at time.Duration) (*Movie, error) {
	start, err := startOf(moov, at)
	if err != nil {
		return nil, err
	}
	from := int64(math.MaxInt64)
	for _, t := range moov.Traks {
		if err := cutTrack(t, start, moov.Mvhd.Timescale); err != nil {
			return nil, err
		}
		for _, offset := range chunkOffsets(t.Mdia.Minf.Stbl) {
			from = min(from, int64(min(offset, math.MaxInt64)))
		}
	}
	if from >= mdatEnd {
		return nil, ErrNoPlace
	}
	moov.Mvhd.Duration -= min(moov.Mvhd.Duration, units(start, moov.Mvhd.Timescale))
	m := &Movie{From: from, To: mdatEnd, Time: start}
	headLength := int64(len(fileType)) + int64(moov.Size()) + 16
	for _, t := range moov.Traks {
		if err := shift(t.Mdia.Minf.Stbl, headLength-from); err != nil {
			return nil, err
		}
	}
	out := bytes.NewBuffer(make([]byte, 0, headLength))
	out.Write(fileType)
	if err := moov.Encode(out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPlace, err)
	}
	mdat := append(make([]byte, 0, 16), 0, 0, 0, 1, 'm', 'd', 'a', 't')
	out.Write(binary.BigEndian.AppendUint64(mdat, uint64(m.To-m.From+16)))
	m.Head = out.Bytes()
	return m, nil
}

// startOf returns the time of the last keyframe of the picture that is not after at; of
// sound alone, at itself.
func startOf(moov *mp4.MoovBox, at time.Duration) (time.Duration, error) {
	for _, t := range moov.Traks {
		if !whole(t) {
			return 0, ErrNoPlace
		}
		stbl := t.Mdia.Minf.Stbl
		if t.Mdia.Hdlr == nil || t.Mdia.Hdlr.HandlerType != "vide" || stbl.Stss == nil || len(stbl.Stss.SampleNumber) == 0 {
			continue
		}
		scale := t.Mdia.Mdhd.Timescale
		k := sampleAt(stbl, units(at, scale)) + 1
		i, exact := slices.BinarySearch(stbl.Stss.SampleNumber, k)
		if !exact {
			i = max(i-1, 0)
		}
		ticks, _ := stbl.Stts.GetDecodeTime(stbl.Stss.SampleNumber[i])
		return time.Duration(float64(ticks) / float64(scale) * float64(time.Second)), nil
	}
	if len(moov.Traks) == 0 {
		return 0, ErrNoPlace
	}
	return at, nil
}

// whole tells whether a track has the tables that are needed.
func whole(t *mp4.TrakBox) bool {
	if t.Tkhd == nil || t.Mdia == nil || t.Mdia.Mdhd == nil || t.Mdia.Mdhd.Timescale == 0 || t.Mdia.Minf == nil || t.Mdia.Minf.Stbl == nil {
		return false
	}
	s := t.Mdia.Minf.Stbl
	return s.Stts != nil && s.Stsc != nil && s.Stsz != nil && (s.Stco != nil || s.Co64 != nil) && len(s.Stsc.Entries) > 0 && s.Stsz.SampleNumber > 0
}

func units(d time.Duration, scale uint32) uint64 {
	return uint64(math.Round(d.Seconds() * float64(scale)))
}

// sampleAt returns the sample (from 0) that is shown at a time, the last if the track ends
// before.
func sampleAt(s *mp4.StblBox, at uint64) uint32 {
	last := s.Stsz.SampleNumber - 1
	n, err := s.Stts.GetSampleNrAtTime(at)
	if err != nil || n == 0 {
		return last
	}
	return min(n-1, last)
}

var errTable = errors.New("a table ends before it should")
