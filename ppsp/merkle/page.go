package merkle

import (
	"encoding/binary"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// The nodes of a Tree lie in pages: a page is the subtree of 8 layers over 256 nodes of the
// lowest of them, so that whoever climbs from a chunk meets one page for each 8 layers, and
// neighbouring chunks meet the same. Within a page nodes are in the order of bins: slot 2i
// is node i of its lowest layer. Slots 255 and 511 would be the root and what is above it,
// which lie in the page over this one; the tree never uses them.
//
//	level 1            …  127  …               layers 8 to 15
//	              ┌──────┴──┐
//	level 0   [0 … 510]  [0 … 510]  …          layers 0 to 7
const (
	PageChunks = 1 << pageLayers // nodes of the lowest layer
	PageSlots  = 2 << pageLayers // hashes
	PageLevels = 4               // enough for MaxChunks
	pageLayers = 8
)

// PageID names a page: its level, 0 over the chunks, and its number in that level.
type PageID struct {
	Level  uint8
	Number uint32
}

// Parent returns the page that holds the root of this one, and the slot there; PageLevels is
// no level.
func (p PageID) Parent() (PageID, int) {
	return PageID{p.Level + 1, p.Number >> pageLayers}, 2 * int(p.Number&(PageChunks-1))
}

// Child returns the page whose root is node i of the lowest layer of p, which is not of
// level 0.
func (p PageID) Child(i int) PageID {
	return PageID{p.Level - 1, p.Number<<pageLayers | uint32(i)}
}

// Chunks returns the chunks below the page.
func (p PageID) Chunks() chunk.Range {
	span := uint(p.Level+1) * pageLayers
	return chunk.Range{Start: uint64(p.Number) << span, End: (uint64(p.Number) + 1) << span}
}

// Bin returns the node in a slot of the page.
func (p PageID) Bin(slot int) chunk.Bin {
	in := chunk.Bin(slot)
	layer := in.Layer()
	return chunk.NewBin(layer+uint(p.Level)*pageLayers, uint64(p.Number)<<(pageLayers-layer)|in.Offset())
}

// PageOf returns where node b lies; b must be below layer 32 and of the first MaxChunks chunks.
func PageOf(b chunk.Bin) (id PageID, slot int) {
	layer := b.Layer()
	at := uint64(b) >> (layer + 1) // offset in its layer
	level, layer := layer/pageLayers, layer%pageLayers
	up := pageLayers - layer
	return PageID{uint8(level), uint32(at >> up)}, int(at&(1<<up-1))<<(layer+1) | (1<<layer - 1)
}

// Nodes keeps the verified hashes of a Tree. A page is PageSlots hashes one behind the other;
// a hash of zeros is not known. What a method returns is valid until the next call of any.
type Nodes interface {
	// Page returns a page to be read, nil if nothing of it is known.
	Page(id PageID) []byte
	// Edit returns a page to be changed before the next call, all zeros if it is new. It
	// returns nil where it can't be kept.
	Edit(id PageID) []byte
	// Clear forgets all.
	Clear()
}

// memory is Nodes in memory, of which only those pages exist that hold something: a peer can
// claim any number of chunks, but only verified chunks take memory.
type memory struct {
	size  int // bytes of a page
	pages map[PageID][]byte
	id    PageID
	last  []byte // page id, nil if none was asked for
}

func (m *memory) Page(id PageID) []byte {
	if m.last == nil || m.id != id {
		m.id, m.last = id, m.pages[id]
	}
	return m.last
}

func (m *memory) Edit(id PageID) []byte {
	if page := m.Page(id); page != nil {
		return page
	}
	if m.pages == nil {
		m.pages = make(map[PageID][]byte)
	}
	m.last = make([]byte, m.size)
	m.pages[id] = m.last
	return m.last
}

func (m *memory) Clear() { m.pages, m.last = nil, nil }

// scratch keeps of each level the newest page only, which is what growing a tree needs.
type scratch struct {
	size  int // bytes of a page
	ids   [PageLevels]PageID
	pages [PageLevels][]byte
}

func (s *scratch) Page(id PageID) []byte {
	if s.ids[id.Level] != id {
		return nil
	}
	return s.pages[id.Level]
}

func (s *scratch) Edit(id PageID) []byte {
	page := s.pages[id.Level]
	switch {
	case page == nil:
		page = make([]byte, s.size)
	case s.ids[id.Level] != id:
		clear(page)
	}
	s.ids[id.Level], s.pages[id.Level] = id, page
	return page
}

func (s *scratch) Clear() { *s = scratch{size: s.size} }

// paged finds nodes in pages. It remembers the page of the last one while a method of Tree is
// at work; begin ends that.
type paged struct {
	Nodes
	size  int // of a hash
	id    PageID
	page  []byte
	state uint8
}

// The states of paged.page.
const (
	pageUnknown = iota // not asked for
	pageRead
	pageEdited
)

func (p *paged) begin() { p.state = pageUnknown }

// get returns a hash, nil if it is not known.
func (p *paged) get(b chunk.Bin) []byte {
	if p.size == 0 || uint64(b)>>1 >= MaxChunks || b.Layer() >= pageLayers*PageLevels {
		return nil
	}
	id, slot := PageOf(b)
	if p.state == pageUnknown || id != p.id {
		p.id, p.page, p.state = id, p.Page(id), pageRead
	}
	if p.page == nil {
		return nil
	}
	hash := p.page[slot*p.size : (slot+1)*p.size : (slot+1)*p.size]
	if binary.NativeEndian.Uint64(hash) == 0 && isZero(hash) {
		return nil
	}
	return hash
}

func (p *paged) put(b chunk.Bin, hash []byte) {
	if p.size == 0 || uint64(b)>>1 >= MaxChunks || b.Layer() >= pageLayers*PageLevels || len(hash) != p.size {
		return
	}
	id, slot := PageOf(b)
	if p.state != pageEdited || id != p.id {
		p.id, p.page, p.state = id, p.Edit(id), pageEdited
	}
	if p.page != nil {
		copy(p.page[slot*p.size:], hash)
	}
}
