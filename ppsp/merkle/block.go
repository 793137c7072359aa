package merkle

// block is a run of nodes in the order of their bins: the hashes one behind the other, and
// a bitmap that tells which of them are known.
type block struct {
	present []uint64
	hashes  []byte
}

func newBlock(nodes, size int) block {
	return block{make([]uint64, (nodes+63)/64), make([]byte, nodes*size)}
}

func (k *block) get(at, size int) []byte {
	if at>>6 >= len(k.present) || k.present[at>>6]&(1<<(at&63)) == 0 {
		return nil
	}
	return k.hashes[at*size : (at+1)*size : (at+1)*size]
}

func (k *block) put(at, size int, hash []byte) {
	if len(hash) != size || at>>6 >= len(k.present) || (at+1)*size > len(k.hashes) {
		return
	}
	k.present[at>>6] |= 1 << (at & 63)
	copy(k.hashes[at*size:], hash)
}
