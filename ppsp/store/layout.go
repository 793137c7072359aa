package store

import (
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

const (
	headSize     = 8 << 10                          // bytes of one copy of the head
	segmentPages = 256                              // pages of level 0 below one of level 1
	segmentSize  = segmentPages * merkle.PageChunks // chunks
	blockSize    = segmentSize/8 + sealSize
)

// layout tells where things lie in a sidecar with hashes of so many bytes; see the package
// comment.
type layout struct{ page int64 }

func newLayout(hashSize int) layout { return layout{int64(merkle.PageSlots * hashSize)} }

// segment returns where segment n begins.
func (l layout) segment(n int64) int64 {
	pairs := (n/segmentPages + 1) + (n/segmentPages/segmentPages + 1)
	return 2*headSize + l.page + pairs*2*l.page + n*(2*blockSize+2*l.page+segmentPages*l.page)
}

// spare returns where the copy of the page lies that is being written over.
func (l layout) spare() int64 { return 2 * headSize }

// block returns where the availability of segment n lies, in two copies.
func (l layout) block(n int64) int64 { return l.segment(n) }

// place returns where a page lies, in two copies but for those of level 0.
func (l layout) place(id merkle.PageID) int64 {
	n := int64(id.Number)
	switch id.Level {
	case 0:
		return l.segment(n/segmentPages) + 2*blockSize + (2+n%segmentPages)*l.page
	case 1:
		return l.segment(n) + 2*blockSize
	case 2:
		return l.segment(n*segmentPages) - 2*l.page
	}
	return l.segment(n*segmentPages*segmentPages) - 4*l.page
}
