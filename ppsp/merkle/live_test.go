package merkle

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// source appends chunks and closes a munro every width of them, as an injector does.
func source(t testing.TB, h ppsp.Hash, first, width uint64, chunks [][]byte) *Live {
	t.Helper()
	l := NewLive(h)
	for k, data := range chunks {
		i := first + uint64(k)
		l.Append(i, data)
		if (i+1)%width == 0 {
			if _, ok := l.Munro(chunk.Range{Start: i + 1 - width, End: i + 1}); !ok {
				t.Fatalf("no munro at chunk %d", i)
			}
		}
	}
	return l
}

// pass hands chunk i with its munro and hashes from one tree to another.
func pass(t testing.TB, from, to *Live, i uint64, data []byte) error {
	t.Helper()
	munro, ok := from.MunroOf(i)
	if !ok {
		t.Fatalf("chunk %d has no munro", i)
	}
	hash, _ := from.Hash(munro)
	if err := to.AddMunro(munro, hash); err != nil {
		t.Fatal(err)
	}
	var p Proof
	for _, b := range from.AppendUncles(nil, i, func(b chunk.Bin) bool { _, ok := to.Hash(b); return ok }) {
		hash, ok := from.Hash(b)
		if !ok {
			t.Fatalf("sender lacks uncle %d of chunk %d", b, i)
		}
		p.Add(b, hash)
	}
	return to.Verify(i, data, &p)
}

// A live source of libswift, seen on the wire: munro of chunks 0 to 31 and the uncles that
// came with chunks 0 and 1.
func TestMunroOfLibswift(t *testing.T) {
	chunks := split(generate(2, 32*1024), 1024)
	l := source(t, ppsp.SHA1, 0, 32, chunks)
	for bins, want := range map[chunk.Range]string{
		{Start: 0, End: 32}:  "25843a28e53da621f4daa8d939eaefdaa7358718",
		{Start: 16, End: 32}: "027c3831884a77651b058ba7da60fa0055946c19",
		{Start: 8, End: 16}:  "5fa0a5689057221c935c04373ceafb8c29a5c5b3",
		{Start: 4, End: 8}:   "c7b6986f8ee4d73e34b22c9b11dc01d8d07fe190",
		{Start: 2, End: 4}:   "095d6798d3d39b1fa8e162246d8ba30e398060b6",
		{Start: 1, End: 2}:   "4b6911056d06d1bdc52123a9fb7cc67feb572063",
		{Start: 0, End: 1}:   "93507cb08a8e2303c058ad788259a0b6d43c07f5",
	} {
		b, _ := chunk.BinOf(bins)
		if hash, ok := l.Hash(b); !ok || hex.EncodeToString(hash) != want {
			t.Errorf("chunks %v: %x, want %s", bins, hash, want)
		}
	}
	uncles := l.AppendUncles(nil, 0, func(chunk.Bin) bool { return false })
	if want := []chunk.Bin{47, 23, 11, 5, 2}; !slices.Equal(uncles, want) {
		t.Errorf("uncles of chunk 0 are %d, want %d", uncles, want)
	}
}

// RFC 7574, Figures 5 and 6: with NCHUNKS_PER_SIG 2, node 5 is the munro of chunks 2 and 3,
// node 9 that of chunks 4 and 5; chunk 4 goes with the hash of node 10.
func TestMunrosOfFigures5And6(t *testing.T) {
	chunks := split(generate(1, 600), 100)
	l := source(t, ppsp.SHA256, 0, 2, chunks)
	oracle := newNaive(ppsp.SHA256, chunks)
	for i, want := range map[uint64]chunk.Bin{0: 1, 1: 1, 2: 5, 3: 5, 4: 9, 5: 9} {
		munro, ok := l.MunroOf(i)
		hash, _ := l.Hash(munro)
		if !ok || munro != want || !bytes.Equal(hash, oracle.nodes[want]) {
			t.Errorf("munro of chunk %d is %d (%x), want %d", i, munro, hash, want)
		}
	}
	if bins := l.AppendUncles(nil, 4, func(chunk.Bin) bool { return false }); !slices.Equal(bins, []chunk.Bin{10}) {
		t.Errorf("chunk 4 goes with hashes %d, want 10", bins)
	}
}

func TestLiveInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, h := range hashes {
		for _, width := range []uint64{2, 8, 32} {
			for _, first := range []uint64{0, width, 1 << 40 / width * width} {
				n := int(3 * width)
				chunks := split(generate(1, 50*n), 50)
				from, to := source(t, h, first, width, chunks), NewLive(h)
				for _, k := range random.Perm(n) {
					i := first + uint64(k)
					if err := pass(t, from, to, i, chunks[k]); err != nil {
						t.Fatalf("%v, %d chunks a munro, chunk %d: %v", h, width, i, err)
					}
				}
				for k := range n {
					for b := chunk.Leaf(first + uint64(k)); b.Range().Len() <= width; b = b.Parent() {
						x, _ := from.Hash(b)
						if y, ok := to.Hash(b); !ok || !bytes.Equal(x, y) {
							t.Fatalf("%v: node %d differs", h, b)
						}
					}
				}
			}
		}
	}
}

func TestLiveVerifyRefuses(t *testing.T) {
	chunks := split(generate(1, 800), 100)
	from := source(t, ppsp.SHA256, 0, 8, chunks)
	to := NewLive(ppsp.SHA256)
	if err := to.Verify(3, chunks[3], nil); !errors.Is(err, ErrMissingHash) {
		t.Errorf("without munro: %v", err)
	}
	munro, _ := from.Hash(7)
	if err := to.AddMunro(7, munro); err != nil {
		t.Fatal(err)
	}
	if err := to.Verify(3, chunks[3], nil); !errors.Is(err, ErrMissingHash) {
		t.Errorf("without uncles: %v", err)
	}
	if err := pass(t, from, to, 3, chunks[4]); !errors.Is(err, ErrBadHash) {
		t.Errorf("another chunk: %v", err)
	}
	if _, ok := to.Hash(chunk.Leaf(3)); ok {
		t.Error("a refused chunk is remembered")
	}
	if err := pass(t, from, to, 3, chunks[3]); err != nil {
		t.Errorf("the right chunk: %v", err)
	}
	if err := to.Verify(8, chunks[3], nil); !errors.Is(err, ErrMissingHash) {
		t.Errorf("chunk behind the last munro: %v", err)
	}
}

func TestAddMunro(t *testing.T) {
	hash := func(b byte) []byte { return bytes.Repeat([]byte{b}, 20) }
	l := NewLive(ppsp.SHA1)
	for _, b := range []chunk.Bin{23, 39, 7} { // chunks 8 to 15, 16 to 23, 0 to 7
		if err := l.AddMunro(b, hash(byte(b))); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []struct {
		what string
		bin  chunk.Bin
		hash []byte
		ok   bool
	}{
		{"the same again", 23, hash(23), true},
		{"another hash", 23, hash(24), false},
		{"a part of one", 19, hash(1), false},
		{"the whole of two", 15, hash(1), false},
		{"a leaf within", 20, hash(1), false},
		{"no node", chunk.NoBin, hash(1), false},
		{"a hash of another length", 71, make([]byte, 32), false},
		{"a subtree too wide", chunk.NewBin(17, 4), hash(1), false},
		{"the widest subtree", chunk.NewBin(16, 4), hash(1), true},
	} {
		if err := l.AddMunro(v.bin, v.hash); (err == nil) != v.ok {
			t.Errorf("%s: %v", v.what, err)
		}
	}
	for i, want := range map[uint64]chunk.Bin{0: 7, 7: 7, 8: 23, 15: 23, 16: 39, 23: 39} {
		if got, ok := l.MunroOf(i); !ok || got != want {
			t.Errorf("munro of chunk %d is %d, want %d", i, got, want)
		}
	}
	if _, ok := l.MunroOf(24); ok {
		t.Error("chunk 24 has a munro")
	}
	mine := hash(40)
	if err := l.AddMunro(55, mine); err != nil {
		t.Fatal(err)
	}
	mine[0]++
	if got, _ := l.Hash(55); got[0] != 40 {
		t.Error("the caller's memory became part of the tree")
	}
}

func TestDiscard(t *testing.T) {
	chunks := split(generate(1, 6400), 100)
	l := source(t, ppsp.SHA1, 0, 8, chunks)
	for _, v := range []struct {
		before uint64
		left   int
	}{{0, 8}, {7, 8}, {8, 7}, {9, 7}, {31, 5}, {32, 4}, {1 << 62, 0}, {1 << 62, 0}} {
		l.Discard(v.before)
		if l.Munros() != v.left {
			t.Errorf("before %d: %d munros are left, want %d", v.before, l.Munros(), v.left)
		}
		if _, ok := l.MunroOf(v.before); v.before < 64 && !ok {
			t.Errorf("before %d: that chunk itself is gone", v.before)
		}
		if _, ok := l.Hash(7); ok != (v.before < 8) {
			t.Errorf("before %d: first munro known: %v", v.before, ok)
		}
	}
	if l.chunks != 0 {
		t.Errorf("an empty window counts %d chunks", l.chunks)
	}
}

func TestLiveWindowIsBounded(t *testing.T) {
	hash := bytes.Repeat([]byte{1}, 20)
	l := NewLive(ppsp.SHA1)
	for k := range uint64(MaxMunros + 10) {
		if err := l.AddMunro(chunk.NewBin(1, k), hash); err != nil {
			t.Fatal(err)
		}
	}
	if l.Munros() != MaxMunros {
		t.Errorf("%d munros are kept, want %d", l.Munros(), MaxMunros)
	}
	if _, ok := l.MunroOf(19); ok {
		t.Error("not the oldest was forgotten")
	}
	if _, ok := l.MunroOf(20); !ok {
		t.Error("too much was forgotten")
	}
	if err := l.AddMunro(chunk.NewBin(1, 0), hash); err == nil {
		t.Error("a munro older than a full window is taken")
	}
	l = NewLive(ppsp.SHA1)
	for k := range uint64(20) {
		if err := l.AddMunro(chunk.NewBin(16, k), hash); err != nil {
			t.Fatal(err)
		}
	}
	if l.chunks != MaxLiveChunks || l.Munros() != MaxLiveChunks/MaxMunroChunks {
		t.Errorf("%d munros over %d chunks are kept", l.Munros(), l.chunks)
	}
}

func TestMunroOfIncompleteRange(t *testing.T) {
	l := NewLive(ppsp.SHA1)
	r := func(start, end uint64) chunk.Range { return chunk.Range{Start: start, End: end} }
	l.Append(8, []byte("a"))
	for _, bad := range []chunk.Range{r(8, 10), r(6, 8), r(8, 8), r(9, 8), r(8, 11), r(9, 11), r(0, 1<<20), r(0, 1<<63)} {
		if _, ok := l.Munro(bad); ok {
			t.Errorf("chunks %v have a munro", bad)
		}
	}
	l.Append(9, []byte("b"))
	first, ok := l.Munro(r(8, 10))
	if !ok {
		t.Fatal("two appended chunks have no munro")
	}
	again, ok := l.Munro(r(8, 10))
	if !ok || !bytes.Equal(first, again) {
		t.Error("the munro does not come again")
	}
	if _, ok := l.Munro(r(8, 12)); ok {
		t.Error("a wider munro stands on chunks that have one")
	}
	want := newNaive(ppsp.SHA1, [][]byte{[]byte("a"), []byte("b")}).rootHash()
	if !bytes.Equal(first, want) {
		t.Errorf("munro is %x, want %x", first, want)
	}
}

// A source that starts again goes on with a later chunk; what had no munro is lost.
func TestAppendAfterGap(t *testing.T) {
	l := NewLive(ppsp.SHA1)
	l.Append(0, []byte("lost"))
	l.Append(4, []byte("a"))
	l.Append(5, []byte("b"))
	if _, ok := l.Munro(chunk.Range{Start: 0, End: 2}); ok {
		t.Error("a munro stands on lost chunks")
	}
	if _, ok := l.Munro(chunk.Range{Start: 4, End: 6}); !ok {
		t.Error("no munro after the gap")
	}
}

func TestPendingChunksAreBounded(t *testing.T) {
	l := NewLive(ppsp.SHA1)
	for i := range uint64(MaxMunroChunks + 2) {
		l.Append(i, nil)
	}
	if n := len(l.pending) / 20; n > MaxMunroChunks {
		t.Errorf("%d chunks wait for a munro, want at most %d", n, MaxMunroChunks)
	}
	last := chunk.Range{Start: MaxMunroChunks, End: MaxMunroChunks + 2}
	if _, ok := l.Munro(last); !ok {
		t.Error("the newest chunks were forgotten")
	}
}
