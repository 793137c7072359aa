package timeseek

import (
	"math"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// cutTrack drops the samples before a time from all tables of a track (ISO/IEC 14496-12, 8.6
// and 8.7).
func cutTrack(t *mp4.TrakBox, start time.Duration, movieScale uint32) error {
	stbl, scale := t.Mdia.Minf.Stbl, t.Mdia.Mdhd.Timescale
	first := sampleAt(stbl, units(start, scale))
	if err := cutChunks(stbl, first); err != nil {
		return err
	}
	cutTimes(stbl, first)
	if s := stbl.Stsz; s.SampleUniformSize == 0 {
		s.SampleSize = s.SampleSize[first:]
	}
	stbl.Stsz.SampleNumber -= first
	if s := stbl.Stss; s != nil {
		s.SampleNumber = slices.DeleteFunc(s.SampleNumber, func(n uint32) bool { return n <= first })
		for i := range s.SampleNumber {
			s.SampleNumber[i] -= first
		}
	}
	// What else counts samples is advice, and would be false.
	stbl.Children = slices.DeleteFunc(stbl.Children, func(b mp4.Box) bool { return slices.Contains(counting, b.Type()) })
	gone := units(start, scale)
	t.Mdia.Mdhd.Duration -= min(t.Mdia.Mdhd.Duration, gone)
	goneOfMovie := units(start, movieScale)
	t.Tkhd.Duration -= min(t.Tkhd.Duration, goneOfMovie)
	cutEdits(t, goneOfMovie)
	return nil
}

// counting are the boxes of a sample table that say something of each sample and that no
// player needs.
var counting = []string{"sdtp", "sbgp", "sgpd", "stdp", "padb", "subs", "saiz", "saio", "cslg"}

// cutEdits keeps the edit of a picture track that makes up for frames that come in another
// order than they are shown. That of a sound track skips what a coder puts at the beginning
// alone, and goes.
func cutEdits(t *mp4.TrakBox, gone uint64) {
	if t.Edts == nil {
		return
	}
	picture := t.Mdia.Hdlr != nil && t.Mdia.Hdlr.HandlerType == "vide"
	if picture && len(t.Edts.Elst) == 1 && len(t.Edts.Elst[0].Entries) == 1 {
		e := &t.Edts.Elst[0].Entries[0]
		e.SegmentDuration -= min(e.SegmentDuration, gone)
		return
	}
	t.Children = slices.DeleteFunc(t.Children, func(b mp4.Box) bool { return b.Type() == "edts" })
	t.Edts = nil
}

// cutTimes drops the first samples from the runs of durations and composition offsets.
func cutTimes(s *mp4.StblBox, first uint32) {
	left := first
	for len(s.Stts.SampleCount) > 0 && left > 0 {
		n := min(left, s.Stts.SampleCount[0])
		left -= n
		if s.Stts.SampleCount[0] -= n; s.Stts.SampleCount[0] == 0 {
			s.Stts.SampleCount, s.Stts.SampleTimeDelta = s.Stts.SampleCount[1:], s.Stts.SampleTimeDelta[1:]
		}
	}
	if s.Ctts == nil {
		return
	}
	var counts []uint32
	var offsets []int32
	left = first
	for i := range s.Ctts.NrSampleCount() {
		count := s.Ctts.SampleCount(i)
		n := min(left, count)
		left -= n
		if count > n {
			counts = append(counts, count-n)
			offsets = append(offsets, s.Ctts.SampleOffset[i])
		}
	}
	s.Ctts.EndSampleNr, s.Ctts.SampleOffset = nil, nil
	_ = s.Ctts.AddSampleCountsAndOffset(counts, offsets) // they have one length
}

// cutChunks drops the chunks before the first sample, and what lies before it in its own.
func cutChunks(s *mp4.StblBox, first uint32) error {
	offsets := chunkOffsets(s)
	var kept []uint64
	entries := &mp4.StscBox{}
	sample, entry := uint32(0), 0
	var before, described uint32 // samples of the last chunk that was kept, and their description
	for c := range offsets {
		for entry+1 < len(s.Stsc.Entries) && s.Stsc.Entries[entry+1].FirstChunk <= uint32(c+1) {
			entry++
		}
		n := min(s.Stsc.Entries[entry].SamplesPerChunk, s.Stsz.SampleNumber-sample)
		end := sample + n
		if end > first {
			offset := offsets[c]
			if sample < first {
				offset += bytesOf(s.Stsz, sample, first)
				sample = first
			}
			kept = append(kept, offset)
			inside, id := end-sample, s.Stsc.GetSampleDescriptionID(entry+1) // the library keeps one for each entry
			if inside != before || id != described || len(kept) == 1 {
				if err := entries.AddEntry(uint32(len(kept)), inside, id); err != nil {
					return errTable
				}
				before, described = inside, id
			}
		}
		sample = end
	}
	if len(kept) == 0 {
		return ErrNoPlace
	}
	entries.Version, entries.Flags = s.Stsc.Version, s.Stsc.Flags
	*s.Stsc = *entries
	setChunkOffsets(s, kept)
	return nil
}

// bytesOf is how many bytes the samples from one to another have.
func bytesOf(s *mp4.StszBox, from, to uint32) (n uint64) {
	if s.SampleUniformSize != 0 {
		return uint64(to-from) * uint64(s.SampleUniformSize)
	}
	for _, size := range s.SampleSize[from:to] {
		n += uint64(size)
	}
	return n
}

func chunkOffsets(s *mp4.StblBox) []uint64 {
	if s.Stco == nil {
		return s.Co64.ChunkOffset
	}
	offsets := make([]uint64, len(s.Stco.ChunkOffset))
	for i, o := range s.Stco.ChunkOffset {
		offsets[i] = uint64(o)
	}
	return offsets
}

func setChunkOffsets(s *mp4.StblBox, offsets []uint64) {
	if s.Stco == nil {
		s.Co64.ChunkOffset = offsets
		return
	}
	s.Stco.ChunkOffset = s.Stco.ChunkOffset[:0]
	for _, o := range offsets {
		s.Stco.ChunkOffset = append(s.Stco.ChunkOffset, uint32(o))
	}
}

// shift moves all chunks of a track.
func shift(s *mp4.StblBox, by int64) error {
	offsets := chunkOffsets(s)
	for i, o := range offsets {
		moved := int64(o) + by
		if o > math.MaxInt64 || moved < 0 || s.Stco != nil && moved > math.MaxUint32 {
			return ErrNoPlace
		}
		offsets[i] = uint64(moved)
	}
	setChunkOffsets(s, offsets)
	return nil
}
