package merkle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/swarmgate/swarmgate/ppsp"
)

// The stored form of a Tree, numbers big-endian:
//
//	"SGT" version(1) hash(1) flags(1) chunk size(4) chunks(8)
//	root, hash of every peak
//	for each page that holds something: number(8) bitmap(64) hashes of the set bits
//	SHA-256 of all before
const (
	marshalMagic = "SGT\x01"
	headerSize   = len(marshalMagic) + 1 + 1 + 4 + 8
	bitmapSize   = pageNodes / 8

	flagPeaks   = 1 << 0
	flagSettled = 1 << 1
	flagTall    = 1 << 2
	flagSized   = 1 << 3
)

var errDamaged = errors.New("stored hash tree is damaged")

// MarshalBinary returns all that is verified, with a checksum of its own.
func (t *Tree) MarshalBinary() ([]byte, error) { return t.AppendBinary(nil) }

// AppendBinary appends what MarshalBinary returns.
func (t *Tree) AppendBinary(dst []byte) ([]byte, error) {
	if t.hasher.size == 0 || len(t.root) != t.hasher.size {
		return dst, errors.New("store hash tree: it has no root, use NewTree or Build")
	}
	start := len(dst)
	dst = append(dst, marshalMagic...)
	dst = append(dst, byte(t.kind), t.flags())
	dst = binary.BigEndian.AppendUint32(dst, t.chunkSize)
	dst = binary.BigEndian.AppendUint64(dst, t.chunks)
	dst = append(dst, t.root...)
	for _, peak := range t.peaks {
		dst = append(dst, peak.Hash...)
	}
	for d, dir := range t.nodes.dirs {
		for at, k := range dir {
			if k != nil {
				dst = k.append(dst, uint64(d)<<dirBits|uint64(at), t.nodes.size)
			}
		}
	}
	sum := sha256.Sum256(dst[start:])
	return append(dst, sum[:]...), nil
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

// append appends one page.
func (k *block) append(dst []byte, number uint64, size int) []byte {
	dst = binary.BigEndian.AppendUint64(dst, number)
	for _, word := range k.present {
		dst = binary.BigEndian.AppendUint64(dst, word)
	}
	for w, word := range k.present {
		for ; word != 0; word &= word - 1 {
			at := w<<6 | bits.TrailingZeros64(word)
			dst = append(dst, k.get(at, size)...)
		}
	}
	return dst
}

// UnmarshalBinary takes over what MarshalBinary returned. It refuses what is damaged, and,
// if t already knows its root, the tree of other content; t is unchanged then.
func (t *Tree) UnmarshalBinary(b []byte) error {
	body := len(b) - sha256.Size
	if body < headerSize || string(b[:len(marshalMagic)]) != marshalMagic {
		return fmt.Errorf("%w: no tree of version %d begins here", errDamaged, marshalMagic[3])
	}
	if sum := sha256.Sum256(b[:body]); !bytes.Equal(sum[:], b[body:]) {
		return fmt.Errorf("%w: its checksum does not fit", errDamaged)
	}
	b = b[len(marshalMagic):body]
	kind, flags := ppsp.Hash(b[0]), b[1]
	if kind.Size() == 0 || len(b) < headerSize-len(marshalMagic)+kind.Size() {
		return fmt.Errorf("%w: hash function %d", errDamaged, b[0])
	}
	chunkSize, chunks := binary.BigEndian.Uint32(b[2:]), binary.BigEndian.Uint64(b[6:])
	b = b[14:]
	size := kind.Size()
	n := NewTree(kind, b[:size])
	if t.root != nil && (t.kind != kind || !bytes.Equal(t.root, n.root)) {
		return fmt.Errorf("stored hash tree is of content %x, not %x", n.root, t.root)
	}
	n.chunkSize = max(chunkSize, t.chunkSize)
	b, err := n.unmarshalPeaks(b[size:], flags, chunks)
	if err != nil {
		return err
	}
	if err := n.unmarshalPages(b); err != nil {
		return err
	}
	if t.settled && n.chunks != t.chunks {
		return fmt.Errorf("stored hash tree has %d chunks, but the content has %d", n.chunks, t.chunks)
	}
	if t.settled {
		n.settled, n.tall, n.sized = true, true, true
	}
	*t = *n
	return nil
}

// unmarshalPeaks reads the peaks and what is proven of them, and returns the rest.
func (t *Tree) unmarshalPeaks(b []byte, flags byte, chunks uint64) ([]byte, error) {
	if chunks > MaxChunks {
		return nil, fmt.Errorf("%w: %d chunks", errDamaged, chunks)
	}
	if flags&flagPeaks != 0 {
		peaks := peakBins(chunks)
		if len(b) < len(peaks)*t.hasher.size {
			return nil, fmt.Errorf("%w: it ends within its peaks", errDamaged)
		}
		for k := range peaks {
			peaks[k].Hash, b = b[:t.hasher.size], b[t.hasher.size:]
		}
		if err := t.SetPeaks(peaks); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	t.chunks = chunks
	t.settled = flags&flagSettled != 0
	t.tall = flags&flagTall != 0
	t.sized = flags&flagSized != 0
	return b, nil
}

func (t *Tree) unmarshalPages(b []byte) error {
	size := t.hasher.size
	for len(b) > 0 {
		if len(b) < 8+bitmapSize {
			return fmt.Errorf("%w: it ends within a page", errDamaged)
		}
		number := binary.BigEndian.Uint64(b)
		if number >= 2*MaxChunks>>pageBits {
			return fmt.Errorf("%w: page %d", errDamaged, number)
		}
		bitmap := b[8 : 8+bitmapSize]
		b = b[8+bitmapSize:]
		k := t.nodes.makePage(number)
		for w := range k.present {
			for word := binary.BigEndian.Uint64(bitmap[8*w:]); word != 0; word &= word - 1 {
				if len(b) < size {
					return fmt.Errorf("%w: it ends within a page", errDamaged)
				}
				k.put(w<<6|bits.TrailingZeros64(word), size, b[:size])
				b = b[size:]
			}
		}
	}
	return nil
}
