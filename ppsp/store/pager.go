package store

import (
	"errors"

	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// cacheSize is how many bytes of the pages of one film are kept in memory.
const cacheSize = 3 << 20

// pager keeps a hash tree in a sidecar, and the pages that were used last in memory. It is
// the merkle.Nodes of a File's tree and belongs to the goroutine that owns that.
type pager struct {
	side   *side
	limit  int // frames
	frames map[merkle.PageID]*frame
	ring   []*frame // the same
	hand   int      // in ring: the next to be looked at when room is needed
	last   *frame   // the one asked for last
	fault  error    // why a page could not be kept, until takeFault
	// derive computes a damaged page anew from what lies below it, nil for no such thing.
	derive func(id merkle.PageID, page []byte, err error)
}

// frame is a page in memory.
type frame struct {
	id    merkle.PageID
	page  []byte
	empty bool // nothing of it is known, it has no room on the disk yet
	dirty bool
	used  bool // since the hand came by
	old   bool // the sidecar may claim chunks by what is on the disk
}

func newPager(s *side) *pager {
	return &pager{side: s, limit: max(cacheSize/int(s.layout.page), 2*merkle.PageLevels), frames: map[merkle.PageID]*frame{}}
}

// Page is of merkle.Nodes.
func (p *pager) Page(id merkle.PageID) []byte {
	k := p.frame(id)
	if k.empty {
		return nil
	}
	return k.page
}

// Edit is of merkle.Nodes.
func (p *pager) Edit(id merkle.PageID) []byte {
	k := p.frame(id)
	if k.empty {
		if err := p.reserve(id, k.page); err != nil {
			p.fail(err)
			return nil
		}
		k.empty, k.old = false, false
	}
	k.dirty = true
	return k.page
}

// reserve takes the room for a page, and for the availability of what is below.
func (p *pager) reserve(id merkle.PageID, page []byte) error {
	if id.Level != 1 {
		return p.side.reserve(id, page)
	}
	if err := p.side.reserve(id, page); err != nil {
		return err
	}
	return p.side.reserveBlock(int64(id.Number))
}

// frame returns the page in memory.
func (p *pager) frame(id merkle.PageID) *frame {
	if p.last != nil && p.last.id == id {
		return p.last
	}
	k := p.frames[id]
	if k == nil {
		k = p.load(id)
	}
	k.used = true
	p.last = k
	return k
}

// load reads a page. One that can't be read is empty, as is one that can't be derived.
func (p *pager) load(id merkle.PageID) *frame {
	k := p.room()
	k.id, k.dirty, k.empty, k.old = id, false, false, true
	p.frames[id] = k
	if err := p.side.readPage(id, k.page); err != nil {
		if !errors.Is(err, errAbsent) && p.derive != nil {
			_ = p.flush() // what can't be written can't be derived from either
			p.derive(id, k.page, err)
		}
		k.empty = empty(k.page[:len(k.page)-sealSize])
	}
	return k
}

// room returns a frame to be filled: a new one, or that of a page not used for long.
func (p *pager) room() *frame {
	for tries := 2 * len(p.ring); len(p.ring) >= p.limit && tries > 0; tries-- {
		p.hand = (p.hand + 1) % len(p.ring)
		k := p.ring[p.hand]
		if k.used {
			k.used = false
			continue
		}
		if p.write(k) != nil {
			continue // it stays until it can be kept
		}
		delete(p.frames, k.id)
		return k
	}
	k := &frame{page: make([]byte, p.side.layout.page)}
	p.ring = append(p.ring, k)
	return k
}

// write saves a frame that was changed.
func (p *pager) write(k *frame) error {
	if !k.dirty {
		return nil
	}
	write := p.side.writePage
	if k.old && k.id.Level == 0 {
		write = p.side.writeOver
	}
	if err := write(k.id, k.page); err != nil {
		p.fail(err)
		return err
	}
	k.dirty = false
	return nil
}

// flush writes what was changed, not yet durably.
func (p *pager) flush() error {
	for _, k := range p.ring {
		if err := p.write(k); err != nil {
			return p.takeFault()
		}
		k.old = true
	}
	return nil
}

// takeFault returns why a page could not be kept since the last call, nil if all could.
func (p *pager) takeFault() error {
	err := p.fault
	p.fault = nil
	return err
}

// Clear is of merkle.Nodes.
func (p *pager) Clear() {
	p.release()
	if err := p.side.empty(); err != nil {
		p.fail(err)
	}
}

// fail notes the first error.
func (p *pager) fail(err error) {
	if p.fault == nil {
		p.fault = err
	}
}

// release gives the memory back; what was changed and not flushed is lost.
func (p *pager) release() {
	clear(p.frames)
	p.ring, p.last, p.hand = nil, nil, 0
}
