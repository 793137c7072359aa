package merkle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// What a Tree knows beside the nodes below its peaks, numbers big-endian:
//
//	hash(1) flags(1) chunk size(4) chunks(8) root, hash of every peak
//
// Whoever stores it adds a checksum.
const (
	stateHeader = 1 + 1 + 4 + 8

	flagPeaks   = 1 << 0
	flagSettled = 1 << 1
	flagTall    = 1 << 2
	flagSized   = 1 << 3
)

// MaxStateSize is how many bytes AppendState appends at most.
const MaxStateSize = stateHeader + (1+33)*MaxHashSize

var errDamaged = errors.New("stored hash tree is damaged")

// AppendState appends what is verified beside the nodes (see Nodes): root, number of chunks,
// peaks.
func (t *Tree) AppendState(dst []byte) []byte {
	dst = append(dst, byte(t.kind), t.flags())
	dst = binary.BigEndian.AppendUint32(dst, t.chunkSize)
	dst = binary.BigEndian.AppendUint64(dst, t.chunks)
	dst = append(dst, t.root...)
	for _, peak := range t.peaks {
		dst = append(dst, peak.Hash...)
	}
	return dst
}

func (t *Tree) flags() byte {
	f := byte(0)
	for k, set := range []bool{len(t.peaks) != 0, t.settled, t.tall, t.sized} {
		if set {
			f |= 1 << k
		}
	}
	return f
}

// SetState takes over what AppendState appended, into a tree whose root is known and of which
// nothing is verified yet. It refuses what is damaged and the state of other content; t is
// unchanged then.
func (t *Tree) SetState(b []byte) error {
	if len(b) < stateHeader || ppsp.Hash(b[0]).Size() == 0 || len(b) < stateHeader+ppsp.Hash(b[0]).Size() {
		return fmt.Errorf("%w: it has %d bytes", errDamaged, len(b))
	}
	kind, flags := ppsp.Hash(b[0]), b[1]
	chunkSize, chunks := binary.BigEndian.Uint32(b[2:]), binary.BigEndian.Uint64(b[6:])
	b = b[stateHeader:]
	n := NewTree(kind, b[:kind.Size()])
	if t.kind != kind || !bytes.Equal(t.root, n.root) {
		return fmt.Errorf("stored hash tree is of content %x, not %x", n.root, t.root)
	}
	if err := n.setPeaks(b[kind.Size():], flags, chunks); err != nil {
		return err
	}
	if t.settled && n.chunks != t.chunks {
		return fmt.Errorf("stored hash tree has %d chunks, but the content has %d", n.chunks, t.chunks)
	}
	t.chunks, t.peaks, t.chunkSize = n.chunks, n.peaks, max(chunkSize, t.chunkSize)
	if !t.settled {
		t.settled, t.tall, t.sized = flags&flagSettled != 0, flags&flagTall != 0, flags&flagSized != 0
	}
	return nil
}

// setPeaks reads the peaks, which end b.
func (t *Tree) setPeaks(b []byte, flags byte, chunks uint64) error {
	if chunks > MaxChunks {
		return fmt.Errorf("%w: %d chunks", errDamaged, chunks)
	}
	var peaks []Node
	if flags&flagPeaks != 0 {
		peaks = peakBins(chunks)
	}
	if len(b) != len(peaks)*t.hasher.size {
		return fmt.Errorf("%w: %d bytes for its peaks", errDamaged, len(b))
	}
	for k := range peaks {
		peaks[k].Hash, b = b[:t.hasher.size], b[t.hasher.size:]
	}
	t.chunks = chunks
	if len(peaks) == 0 {
		return nil
	}
	t.chunks = 0
	if err := t.SetPeaks(peaks); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}
