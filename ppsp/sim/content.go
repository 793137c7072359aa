package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
)

// errNotHeld is returned for a chunk that a host has not, or no longer.
var errNotHeld = errors.New("not held")

// content is what the source publishes: the newest chunks of a stream, or all of a film.
// The bytes of all hosts are these, so they are kept once. Only the source writes, and no
// host asks for a chunk before the step in which that was written is over.
type content struct {
	size   int // of a chunk, bytes
	data   []byte
	number []uint64 // in each slot, plus 1
}

func newContent(size, chunks int) *content {
	return &content{size, make([]byte, size*chunks), make([]uint64, chunks)}
}

// newFilm returns the content of a film: noise.
func newFilm(random *rand.Rand, size, chunks int) *content {
	c := newContent(size, chunks)
	fill(random, c.data)
	for i := range c.number {
		c.number[i] = uint64(i) + 1
	}
	return c
}

// fill makes noise.
func fill(random *rand.Rand, b []byte) {
	var v uint64
	for k := range b {
		if k%8 == 0 {
			v = random.Uint64()
		}
		b[k] = byte(v)
		v >>= 8
	}
}

// chunk returns the bytes of chunk i, nil if they are not there. They are only to be read.
func (c *content) chunk(i uint64) []byte {
	slot := i % uint64(len(c.number))
	if c.number[slot] != i+1 {
		return nil
	}
	return c.data[int(slot)*c.size : (int(slot)+1)*c.size]
}

// WriteChunk publishes chunk i: content is the Store of a live source.
func (c *content) WriteChunk(i uint64, b []byte) error {
	slot := i % uint64(len(c.number))
	c.number[slot] = i + 1
	copy(c.data[int(slot)*c.size:], b)
	return nil
}

// AppendChunk appends chunk i.
func (c *content) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	b := c.chunk(i)
	if b == nil {
		return dst, fmt.Errorf("chunk %d: %w", i, errNotHeld)
	}
	return append(dst, b...), nil
}

// shelf is the store of one host: it only notes which chunks of the content it has, which
// is what lets thousands of hosts fit. A chunk that is not the source's is an error.
type shelf struct {
	content *content
	number  []uint32 // in each slot of its ring, plus 1, modulo 2^32
}

func newShelf(c *content, chunks int) *shelf { return &shelf{c, make([]uint32, chunks)} }

// WriteChunk notes that the host has chunk i.
func (s *shelf) WriteChunk(i uint64, b []byte) error {
	if !bytes.Equal(b, s.content.chunk(i)) {
		return fmt.Errorf("chunk %d was verified, but is not what the source published", i)
	}
	s.number[i%uint64(len(s.number))] = uint32(i + 1)
	return nil
}

// AppendChunk appends chunk i if the host has it.
func (s *shelf) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	if s.number[i%uint64(len(s.number))] != uint32(i+1) {
		return dst, fmt.Errorf("chunk %d: %w", i, errNotHeld)
	}
	return s.content.AppendChunk(dst, i)
}
