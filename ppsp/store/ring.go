package store

import (
	"fmt"
	"math"
	"sync"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// ringBlock is about how many bytes of chunks a Ring allocates at once.
const ringBlock = 256 << 10

// Ring keeps the newest chunks of a live stream in memory. Its capacity is fixed, so is
// its discard window (RFC 7574, 6.2 and 7.9): a chunk is held until one comes whose number
// is higher by the capacity or more. Numbers may jump, as they do when a publisher was
// restarted; the chunks skipped are simply not held.
//
// All methods may be called by several goroutines at once.
type Ring struct {
	chunkSize int
	capacity  uint64 // chunks
	perBlock  uint64 // chunks
	varies    bool   // chunks vary in size: each has memory of its own

	mu     sync.Mutex
	window chunk.Range // numbers that could be held
	blocks []*ringPart // nil until one of its slots is written
}

// ringPart is a run of slots, allocated together.
type ringPart struct {
	data   []byte
	loose  [][]byte // in the place of data where chunks vary in size
	number []uint64 // chunk in each slot
	length []uint16 // its bytes, 0 for an empty slot
}

// NewRing returns a ring for this many chunks (at least 1) of at most chunkSize bytes (1
// to ppsp.MaxChunkSize, or ppsp.VariableChunks for chunks that vary in size up to that). It allocates memory as it fills, never more than
// chunks*(chunkSize+10) bytes, give or take one block.
func NewRing(chunkSize uint32, chunks int) *Ring {
	r := &Ring{
		chunkSize: int(min(max(chunkSize, 1), math.MaxUint16)),
		capacity:  uint64(max(chunks, 1)),
	}
	if chunkSize == ppsp.VariableChunks {
		r.varies, r.chunkSize = true, ppsp.MaxChunkSize
	}
	r.perBlock = min(max(ringBlock/uint64(r.chunkSize), 1), r.capacity)
	r.blocks = make([]*ringPart, (r.capacity+r.perBlock-1)/r.perBlock)
	return r
}

// Capacity returns the number of chunks that fit: the discard window to announce.
func (r *Ring) Capacity() int { return int(r.capacity) }

// Window returns the chunk numbers that can be held now: from the oldest one not yet
// forgotten to the newest one written. Those never written within are not held.
func (r *Ring) Window() chunk.Range {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window
}

// WriteChunk keeps a copy of b, 1 to chunkSize bytes, as chunk i. A chunk that is held
// already keeps its bytes. It returns ErrForgotten for a chunk older than the window.
func (r *Ring) WriteChunk(i uint64, b []byte) error {
	if len(b) == 0 || len(b) > r.chunkSize {
		return fmt.Errorf("write chunk %d: has %d bytes, want 1 to %d", i, len(b), r.chunkSize)
	}
	if i == math.MaxUint64 {
		return fmt.Errorf("write chunk %d: number is too high", i)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.window.End > r.capacity && i < r.window.End-r.capacity {
		return fmt.Errorf("write chunk %d: %w, which begins at %d", i, ErrForgotten, r.window.End-r.capacity)
	}
	r.advance(i)
	p, s := r.slot(i)
	if p == nil {
		p = r.allocate(i)
	}
	if p.length[s] != 0 && p.number[s] == i {
		return nil
	}
	if r.varies {
		p.loose[s] = append(p.loose[s][:0], b...)
	} else {
		copy(p.data[s*r.chunkSize:], b)
	}
	p.number[s], p.length[s] = i, uint16(len(b))
	return nil
}

// AppendChunk appends the bytes of chunk i to dst. It returns dst and ErrNotHeld when the
// ring doesn't hold it.
func (r *Ring) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, s := r.slot(i)
	if p == nil || p.length[s] == 0 || p.number[s] != i || !r.window.Contains(i) {
		return dst, fmt.Errorf("read chunk %d: %w", i, ErrNotHeld)
	}
	if r.varies {
		return append(dst, p.loose[s]...), nil
	}
	start := s * r.chunkSize
	return append(dst, p.data[start:start+int(p.length[s])]...), nil
}

// advance makes i part of the window, which forgets what lies too far back.
func (r *Ring) advance(i uint64) {
	if r.window.Start == r.window.End {
		r.window = chunk.One(i)
		return
	}
	r.window.Start = min(r.window.Start, i)
	r.window.End = max(r.window.End, i+1)
	if r.window.End-r.window.Start > r.capacity {
		r.window.Start = r.window.End - r.capacity
	}
}

// slot returns where chunk i lies, a nil part when that is not allocated.
func (r *Ring) slot(i uint64) (*ringPart, int) {
	at := i % r.capacity
	return r.blocks[at/r.perBlock], int(at % r.perBlock)
}

func (r *Ring) allocate(i uint64) *ringPart {
	b := i % r.capacity / r.perBlock
	n := int(min(r.perBlock, r.capacity-b*r.perBlock))
	p := &ringPart{number: make([]uint64, n), length: make([]uint16, n)}
	if r.varies {
		p.loose = make([][]byte, n)
	} else {
		p.data = make([]byte, n*r.chunkSize)
	}
	r.blocks[b] = p
	return p
}
