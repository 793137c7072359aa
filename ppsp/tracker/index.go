package tracker

// index finds numbers by the hash of what they stand for: open addressing with linear
// probing, four bytes a place. Whoever uses it compares. The zero value is empty.
type index struct {
	places []uint32 // 0 is free; a power of two of them
	count  int
}

const indexLeast = 64 // places, the fewest

// find returns the number with the hash for which same holds, 0 if there is none.
func (x *index) find(hash uint64, same func(n uint32) bool) uint32 {
	if x.count == 0 {
		return 0
	}
	mask := uint64(len(x.places) - 1)
	for i := hash & mask; x.places[i] != 0; i = (i + 1) & mask {
		if same(x.places[i]) {
			return x.places[i]
		}
	}
	return 0
}

// add puts a number in that is not there; hashOf tells the hash of any number.
func (x *index) add(n uint32, hashOf func(n uint32) uint64) {
	if x.count >= len(x.places)/4*3 {
		x.resize(max(2*len(x.places), indexLeast), hashOf)
	}
	x.settle(n, hashOf(n))
	x.count++
}

func (x *index) resize(places int, hashOf func(n uint32) uint64) {
	old := x.places
	x.places = make([]uint32, places)
	for _, m := range old {
		if m != 0 {
			x.settle(m, hashOf(m))
		}
	}
}

func (x *index) settle(n uint32, hash uint64) {
	mask := uint64(len(x.places) - 1)
	i := hash & mask
	for x.places[i] != 0 {
		i = (i + 1) & mask
	}
	x.places[i] = n
}

// remove takes a number out that is there. What stands behind it moves up, so that nothing
// is left in the way of later searches.
func (x *index) remove(n uint32, hashOf func(n uint32) uint64) {
	mask := uint64(len(x.places) - 1)
	i := hashOf(n) & mask
	for x.places[i] != n {
		i = (i + 1) & mask
	}
	x.count--
	for j := (i + 1) & mask; x.places[j] != 0; j = (j + 1) & mask {
		home := hashOf(x.places[j]) & mask
		if (j-home)&mask >= (j-i)&mask { // its home is not between the gap and it
			x.places[i] = x.places[j]
			i = j
		}
	}
	x.places[i] = 0
	if len(x.places) > indexLeast && x.count < len(x.places)/8 { // many have gone
		x.resize(len(x.places)/2, hashOf)
	}
}
