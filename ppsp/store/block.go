package store

import (
	"encoding/binary"
	"errors"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// segmentOf returns the chunks of segment n.
func segmentOf(n int64) chunk.Range {
	return chunk.Range{Start: uint64(n) * segmentSize, End: uint64(n+1) * segmentSize}
}

// segments returns how many segments so many chunks have.
func segments(chunks uint64) int64 { return int64((chunks + segmentSize - 1) / segmentSize) }

// reserveBlock takes the room for the availability of a segment of which nothing was saved
// yet. What was saved stays: chunks below a small peak may be held long before the first page
// over the segment is needed.
func (s *side) reserveBlock(n int64) error {
	record := make([]byte, blockSize)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(s.readPairLocked(record, s.layout.block(n)), errAbsent) {
		return nil
	}
	return s.reservePairLocked(record, s.layout.block(n))
}

// readBlock adds to set what is held of segment n. The errors are as of readPair; nothing is
// added then.
func (s *side) readBlock(n int64, set *chunk.Set) error {
	b := make([]byte, blockSize)
	if err := s.readPair(b, s.layout.block(n)); err != nil {
		return err
	}
	words := make([]uint64, segmentSize/64)
	for k := range words {
		words[k] = binary.LittleEndian.Uint64(b[8*k:])
	}
	set.AddBits(segmentOf(n).Start, words)
	return nil
}

// block is the availability of a segment on its way to the disk.
type block struct {
	segment int64
	record  []byte
}

// newBlock takes what is held of segment n: what is in one of the sets.
func newBlock(n int64, sets ...*chunk.Set) block {
	words := make([]uint64, segmentSize/64)
	for _, set := range sets {
		set.Bits(segmentOf(n).Start, words)
	}
	b := make([]byte, blockSize)
	for k, word := range words {
		binary.LittleEndian.PutUint64(b[8*k:], word)
	}
	return block{n, b}
}

func (s *side) writeBlock(b block) error {
	return s.writePair(b.record, s.layout.block(b.segment))
}
