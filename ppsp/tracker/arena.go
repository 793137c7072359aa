package tracker

import (
	"encoding/binary"
	"slices"
)

// arena keeps short byte strings in pages without pointers, so that a million of them cost
// the garbage collector nothing and memory little more than their bytes. A place is reused
// after free, and a page in which there is nothing goes back to the system. The zero value is
// empty.
type arena struct {
	classes [arenaClasses]arenaClass
}

// Sizes of an arena: lengths are rounded up to a multiple of arenaStep.
const (
	arenaStep    = 8
	arenaClasses = 192     // up to 1,536 bytes
	arenaPage    = 1 << 14 // bytes of a page, at least one place
	arenaMax     = arenaStep * arenaClasses
)

// arenaClass holds the places of one size.
type arenaClass struct {
	pages  []arenaRoom
	open   []uint32 // pages with room, in no order
	vacant []uint32 // pages without memory
}

// arenaRoom is a page. A place given back holds in its first two bytes which one was before it.
type arenaRoom struct {
	bytes []byte // nil for one that was given back
	free  uint16 // the place given back last, and 1; 0 for none
	used  uint16 // places that were ever in use
	live  uint16
}

// place is where an arena keeps a string.
type place struct {
	slot   uint32
	class  uint8
	unused uint8 // bytes by which the string is shorter than its place
}

func sizeOf(class uint8) uint32 { return (uint32(class) + 1) * arenaStep }

func (c *arenaClass) at(class uint8, slot uint32) []byte {
	size := sizeOf(class)
	per := arenaPage / size
	from := slot % per * size
	return c.pages[slot/per].bytes[from : from+size : from+size]
}

// put copies b, which has 1 to arenaMax bytes.
func (a *arena) put(b []byte) place {
	class := uint8((len(b) - 1) / arenaStep)
	c := &a.classes[class]
	if len(c.open) == 0 {
		c.grow()
	}
	page, per := c.open[len(c.open)-1], arenaPage/sizeOf(class)
	p := &c.pages[page]
	slot := page * per
	if p.free != 0 {
		slot += uint32(p.free - 1)
		p.free = binary.NativeEndian.Uint16(c.at(class, slot))
	} else {
		slot += uint32(p.used)
		p.used++
	}
	if p.live++; uint32(p.live) == per {
		c.open = c.open[:len(c.open)-1]
	}
	copy(c.at(class, slot), b)
	return place{slot: slot, class: class, unused: uint8(int(sizeOf(class)) - len(b))}
}

// grow makes a page.
func (c *arenaClass) grow() {
	if k := len(c.vacant); k > 0 {
		c.open, c.vacant = append(c.open, c.vacant[k-1]), c.vacant[:k-1]
	} else {
		c.open = append(c.open, uint32(len(c.pages)))
		c.pages = append(c.pages, arenaRoom{})
	}
	c.pages[c.open[0]].bytes = make([]byte, arenaPage)
}

// get returns the string, which is valid until the next put or free.
func (a *arena) get(p place) []byte {
	b := a.classes[p.class].at(p.class, p.slot)
	return b[:len(b)-int(p.unused)]
}

// free gives the place back.
func (a *arena) free(at place) {
	c := &a.classes[at.class]
	per := arenaPage / sizeOf(at.class)
	page := at.slot / per
	p := &c.pages[page]
	binary.NativeEndian.PutUint16(c.at(at.class, at.slot), p.free)
	p.free = uint16(at.slot%per) + 1
	p.live--
	if uint32(p.live) == per-1 {
		c.open = append(c.open, page)
	}
	if p.live == 0 && len(c.open) > 1 {
		*p = arenaRoom{}
		c.vacant = append(c.vacant, page)
		i := slices.Index(c.open, page)
		c.open = slices.Delete(c.open, i, i+1)
	}
}
