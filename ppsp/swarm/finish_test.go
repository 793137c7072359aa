package swarm

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// finish ends the broadcast with a last chunk of n bytes, none for 0.
func (st *stream) finish(n int) {
	st.l.t.Helper()
	rest := bytes.Repeat([]byte{0xfe}, n)
	if n > 0 {
		st.sent[st.source.s.NextChunk()] = rest
	}
	if err := st.source.s.Finish(st.l.now, rest); err != nil {
		st.l.t.Fatal(err)
	}
	st.source.drain()
}

// whole returns the chunks of the stream from 0 on, one behind the other.
func (st *stream) whole() []byte {
	var all []byte
	for i := range st.source.s.NextChunk() {
		all = append(all, st.sent[i]...)
	}
	return all
}

// The end of a broadcast comes to the viewers, whether it fills a subtree or a chunk or not,
// by each method; and the last subtree is as wide as the others: "The number of chunks per
// signature NCHUNKS_PER_SIG MUST be a fixed power of 2" (RFC 7574, 6.1.2.1).
func TestBroadcastEnds(t *testing.T) {
	for _, method := range liveMethods {
		for _, more := range []uint64{0, 1, 3, 7} {
			for _, rest := range []int{0, 1, 100, 256} {
				t.Run(fmt.Sprintf("%s_%d_%d", method.integrity, more, rest), func(t *testing.T) {
					l := newLab(t, 1)
					l.loss, l.jitter = 0.03, 10e6
					st := l.stream(method.n, func(m *ppsp.Metadata) { m.Integrity = method.integrity })
					first, second := l.host(st.home(16)), l.host(st.home(16))
					first.meet(st.source)
					second.meet(first)
					l.run(time.Second)
					st.append(40+more, 10*time.Millisecond)
					st.finish(rest)
					l.run(6 * time.Second)
					for _, h := range []*host{first, second} {
						st.check(t, h)
						if runs := played(t, h); len(runs) != 1 || runs[0].End != st.source.s.NextChunk() {
							t.Errorf("%v played %v of %d", h.addr, runs, st.source.s.NextChunk())
						}
					}
					l.until(10*time.Second, "known at the source to have come to all", st.source.s.Served)
					for _, m := range st.source.s.live.munros {
						if m.chunks.Len() != method.n {
							t.Errorf("a munro over %v", m.chunks)
						}
					}
					if st.source.s.Append(l.now, make([]byte, 256)) == nil {
						t.Error("a chunk behind the end was appended")
					}
				})
			}
		}
	}
}

// "as soon as the broadcast ends, the content is available as a video-on-demand download using
// the now stabilized tree and the final root hash as swarm identifier" (RFC 7574, 6.1.2.1):
// each signed munro is a node of the film's tree, and who saved the broadcast seeds it.
func TestBroadcastBecomesFilm(t *testing.T) {
	for _, hash := range []ppsp.Hash{ppsp.SHA1, ppsp.SHA256, ppsp.SHA512} {
		l := newLab(t, 1)
		st := l.stream(8, func(m *ppsp.Metadata) { m.Hash = hash })
		h := l.host(st.home(1 << 12))
		h.meet(st.source)
		l.run(time.Second)
		st.append(77, 10*time.Millisecond)
		st.finish(99)
		l.run(2 * time.Second)
		content := st.whole()
		tree, _, err := merkle.Build(hash, st.meta.ChunkSize, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range st.source.s.live.munros[:77/8] {
			if node, ok := tree.Hash(m.bin); !ok || !bytes.Equal(node, m.hash) {
				t.Errorf("%s: the munro of %v is no node of the final tree", hash, m.chunks)
			}
		}
		f := film{content: content, tree: tree, meta: ppsp.StaticDefaults(ppsp.SwarmID(tree.Root()))}
		f.meta.ChunkSize, f.meta.Hash = st.meta.ChunkSize, hash
		cfg := f.seed()
		cfg.Store, cfg.Have = h.store, h.s.have.Clone() // the viewer has saved all of it
		if !cfg.Have.ContainsAll(f.all()) {
			t.Fatalf("%s: the viewer has %v", hash, &cfg.Have)
		}
		seeder, leech := l.host(cfg), l.host(f.leech())
		leech.want(true)
		leech.meet(seeder)
		l.until(10*time.Second, "complete", leech.s.Complete)
		f.check(t, leech)
	}
}

// What Finish refuses, and that it may be called twice.
func TestFinishRefuses(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	if l.host(st.home(8)).s.Finish(0, nil) == nil || l.host(newFilm(t, 100, nil).leech()).s.Finish(0, nil) == nil {
		t.Error("who is not the source ends the broadcast")
	}
	if st.source.s.Finish(0, make([]byte, 257)) == nil {
		t.Error("a last chunk longer than the others")
	}
	st.finish(10)
	st.finish(0)
	if have := st.source.s.Have(); !have.ContainsAll(chunk.One(0)) || have.Count() != 1 {
		t.Errorf("have %v", have)
	}
}
