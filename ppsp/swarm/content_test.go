package swarm

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// film is content with its tree and what a publisher and a receiver need of it.
type film struct {
	content []byte
	meta    ppsp.Metadata
	tree    *merkle.Tree
}

func newFilm(t testing.TB, size int, change func(*ppsp.Metadata)) film {
	t.Helper()
	content := make([]byte, size)
	random := rand.New(rand.NewPCG(uint64(size), 4))
	for k := range content {
		content[k] = byte(random.Uint32())
	}
	meta := ppsp.StaticDefaults("")
	if change != nil {
		change(&meta)
	}
	tree, length, err := merkle.Build(meta.Hash, meta.ChunkSize, bytes.NewReader(content))
	if err != nil || length != int64(size) {
		t.Fatalf("tree of %d bytes: %d, %v", size, length, err)
	}
	meta.SwarmID = ppsp.SwarmID(tree.Root())
	return film{content, meta, tree}
}

// chunks returns how many there are.
func (f film) chunks() uint64 {
	return (uint64(len(f.content)) + uint64(f.meta.ChunkSize) - 1) / uint64(f.meta.ChunkSize)
}

// chunk returns the bytes of chunk i.
func (f film) chunk(i uint64) []byte {
	size := uint64(f.meta.ChunkSize)
	return f.content[i*size : min((i+1)*size, uint64(len(f.content)))]
}

// all are the chunks of the film.
func (f film) all() chunk.Range { return chunk.Range{End: f.chunks()} }

// seed is who has some chunks.
func (f film) seed(have ...chunk.Range) Config {
	cfg := Config{Meta: f.meta, Tree: f.tree}
	store := &memory{chunks: map[uint64][]byte{}}
	for _, r := range have {
		cfg.Have.Add(r)
		for i := r.Start; i < r.End; i++ {
			store.chunks[i] = f.chunk(i)
		}
	}
	cfg.Store = store
	return cfg
}

// leech is who has nothing.
func (f film) leech() Config { return Config{Meta: f.meta} }

// channel is a live stream.
type stream struct {
	l      *lab
	source *host
	meta   ppsp.Metadata
	key    *livesig.PrivateKey
	n      uint64 // chunks per signature
	first  uint64
	sent   map[uint64][]byte
}

// stream adds the source of a live stream.
func (l *lab) stream(perSignature uint64, change func(*ppsp.Metadata)) *stream {
	l.t.Helper()
	key, err := livesig.Generate(ppsp.Ed25519, rand.NewChaCha8([32]byte{5}))
	if err != nil {
		l.t.Fatal(err)
	}
	st := &stream{l: l, key: key, n: perSignature, meta: ppsp.LiveDefaults(key.SwarmID()), sent: map[uint64][]byte{}}
	st.meta.ChunkSize = 256
	if change != nil {
		change(&st.meta)
	}
	st.source = l.host(st.config())
	return st
}

// home is a viewer's.
func (st *stream) home(behind uint64) Config {
	return Config{Meta: st.meta, Window: 4096, Behind: behind}
}

// append publishes n chunks, one each interval.
func (st *stream) append(n uint64, interval time.Duration) {
	st.l.t.Helper()
	for range n {
		i := st.source.s.NextChunk()
		b := make([]byte, st.meta.ChunkSize)
		for k := range b {
			b[k] = byte(i) + byte(i>>8)*7 + byte(k)
		}
		if err := st.source.s.Append(st.l.now, b); err != nil {
			st.l.t.Fatal(err)
		}
		st.sent[i] = b
		st.source.drain()
		st.l.run(interval)
	}
}

// played returns the chunks that h played, which must be in order.
func played(t testing.TB, h *host) []chunk.Range {
	t.Helper()
	var runs []chunk.Range
	for _, e := range h.events {
		if e.Kind != EventPlay {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].End > e.Chunks.Start {
			t.Fatalf("%v plays %v after %v", h.addr, e.Chunks, runs[n-1])
		} else if n > 0 && runs[n-1].End == e.Chunks.Start {
			runs[n-1].End = e.Chunks.End
			continue
		}
		runs = append(runs, e.Chunks)
	}
	return runs
}
