// Package chunk counts in chunks: ranges and bins of them (RFC 7574, 4) and the sets in
// which peers keep what they have, want and asked for.
//
// Chunks are numbered from 0. Everything here is arithmetic on uint64; no input panics.
package chunk

// Range is the chunks from Start up to, not including, End. A Range with Start >= End is
// empty, so the zero Range is. The wire's ranges include their end; ppsp/wire converts.
//
// The last number, 1<<64-1, is in no Range.
type Range struct{ Start, End uint64 }

// One returns the Range that holds chunk i alone; it is empty for i = 1<<64-1.
func One(i uint64) Range { return Range{i, i + 1} }

// Len returns the number of chunks.
func (r Range) Len() uint64 {
	if r.Empty() {
		return 0
	}
	return r.End - r.Start
}

// Empty tells that there is no chunk in r.
func (r Range) Empty() bool { return r.Start >= r.End }

// Contains tells whether chunk i is in r.
func (r Range) Contains(i uint64) bool { return r.Start <= i && i < r.End }

// Overlaps tells whether some chunk is in both.
func (r Range) Overlaps(o Range) bool { return !r.Intersect(o).Empty() }

// Intersect returns the chunks in both, the zero Range if there are none.
func (r Range) Intersect(o Range) Range {
	x := Range{max(r.Start, o.Start), min(r.End, o.End)}
	if x.Empty() {
		return Range{}
	}
	return x
}
