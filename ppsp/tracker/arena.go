package tracker

// arena keeps short byte strings in pages without pointers, so that a million of them cost
// the garbage collector nothing and memory little more than their bytes. A place is reused
// after free. The zero value is empty.
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
	pages [][]byte
	used  uint32   // places that were ever in use
	free  []uint32 // places given back
}

// place is where an arena keeps a string.
type place struct {
	slot   uint32
	class  uint8
	unused uint8 // bytes by which the string is shorter than its place
}

func (c *arenaClass) at(class uint8, slot uint32) []byte {
	size := (uint32(class) + 1) * arenaStep
	per := arenaPage / size
	from := slot % per * size
	return c.pages[slot/per][from : from+size : from+size]
}

// put copies b, which has 1 to arenaMax bytes.
func (a *arena) put(b []byte) place {
	class := uint8((len(b) - 1) / arenaStep)
	c := &a.classes[class]
	var slot uint32
	if n := len(c.free); n > 0 {
		slot, c.free = c.free[n-1], c.free[:n-1]
	} else {
		per := arenaPage / ((uint32(class) + 1) * arenaStep)
		if slot = c.used; slot/per == uint32(len(c.pages)) {
			c.pages = append(c.pages, make([]byte, arenaPage))
		}
		c.used++
	}
	copy(c.at(class, slot), b)
	return place{slot: slot, class: class, unused: uint8(int(class+1)*arenaStep - len(b))}
}

// get returns the string, which is valid until the next put or free.
func (a *arena) get(p place) []byte {
	b := a.classes[p.class].at(p.class, p.slot)
	return b[:len(b)-int(p.unused)]
}

// free gives the place back.
func (a *arena) free(p place) {
	c := &a.classes[p.class]
	c.free = append(c.free, p.slot)
}
