package swarm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// unprotected turns a film into one without integrity protection, whose length is told.
func (f film) unprotected() film {
	f.meta.Integrity = ppsp.IntegrityNone
	return f
}

// expecting is who knows but the number of chunks, as a link tells it.
func (f film) expecting() Config {
	tree := merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
	tree.Expect(f.chunks())
	return Config{Meta: f.meta, Tree: tree}
}

// "In benign environments, content integrity protection can be disabled" (RFC 7574, 5): a film
// goes from peer to peer without a hash, by each addressing method.
func TestFilmWithoutProtection(t *testing.T) {
	for _, a := range addressings {
		t.Run(a.String(), func(t *testing.T) {
			l := newLab(t, 1)
			l.loss, l.jitter, l.again = 0.05, 20e6, 0.05
			l.logging = true
			f := newFilm(t, 200*300-77, func(m *ppsp.Metadata) { m.ChunkSize, m.Addressing = 300, a }).unprotected()
			cfg := f.expecting()
			seed := f.seed(f.all())
			cfg.Store, cfg.Have = seed.Store, seed.Have
			seeder, first, second := l.host(cfg), l.host(f.expecting()), l.host(f.expecting())
			for _, h := range []*host{first, second} {
				h.want(true)
			}
			first.meet(seeder)
			second.meet(first)
			l.until(time.Minute, "complete", func() bool { return first.s.Complete() && second.s.Complete() })
			f.check(t, first)
			f.check(t, second)
			for _, d := range l.log {
				for _, m := range messages(t, seeder.s.format, d.b) {
					switch m.Type {
					case wire.TypeIntegrity, wire.TypeSignedIntegrity:
						t.Fatalf("a %v without integrity protection", m.Type)
					case wire.TypeHandshake:
						if m.Handshake.Has&(wire.HasHash|wire.HasSignature) != 0 {
							t.Fatalf("options of a method that is not used: %+v", m.Handshake)
						}
					}
				}
			}
		})
	}
}

// Without hashes the length is "part of the metadata" (RFC 7574, 3.1), and what does not fit
// it shuts its sender out.
func TestUnprotectedFilmNeedsItsLength(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*300-77, func(m *ppsp.Metadata) { m.ChunkSize = 300 }).unprotected()
	if _, err := New(l.config(f.leech())); err == nil || !strings.Contains(err.Error(), "len") {
		t.Errorf("without a length: error %v", err)
	}
	for name, b := range map[string]func(wire.Format) []byte{
		"short in the middle": func(w wire.Format) []byte { return w.AppendData(nil, 3, 1, make([]byte, 299)) },
		"beyond the end":      func(w wire.Format) []byte { return w.AppendData(nil, 20, 1, make([]byte, 300)) },
	} {
		h, p := l.host(f.expecting()), l.puppet()
		k := p.accept(h)
		k.say(b(h.s.format))
		l.run(50 * time.Millisecond)
		if len(h.of(EventBan)) != 1 || h.s.have.Count() != 0 {
			t.Errorf("%s: %d bans, %d chunks", name, len(h.of(EventBan)), h.s.have.Count())
		}
	}
}

// liveMethods are the integrity methods of live streams, with chunks per signature.
var liveMethods = []struct {
	integrity ppsp.Integrity
	n         uint64
}{{ppsp.IntegrityNone, 0}, {ppsp.IntegritySignAll, 0}, {ppsp.IntegrityUnified, 8}}

// Homes get the stream from the source and from each other by each method and addressing, over
// a network that loses, reorders and repeats.
func TestStreamByEachMethod(t *testing.T) {
	for _, method := range liveMethods {
		for _, a := range addressings {
			t.Run(fmt.Sprintf("%s_%s", method.integrity, a), func(t *testing.T) {
				l := newLab(t, 1)
				l.loss, l.jitter, l.again = 0.05, 20e6, 0.05
				st := l.stream(method.n, func(m *ppsp.Metadata) { m.Addressing, m.Integrity = a, method.integrity })
				st.append(50, 5*time.Millisecond)
				var homes []*host
				for range 2 {
					homes = append(homes, l.host(st.home(32)))
				}
				for k, h := range homes {
					h.meet(append([]*host{st.source}, homes[:k]...)...)
				}
				st.append(78, 5*time.Millisecond)
				l.run(3 * time.Second)
				for _, h := range homes {
					st.check(t, h)
					runs := played(t, h)
					if len(runs) == 0 || runs[len(runs)-1].End < 128 {
						t.Fatalf("%v played %v, want up to 128", h.addr, runs)
					}
					lost := uint64(0)
					for k := 1; k < len(runs); k++ {
						lost += runs[k].Start - runs[k-1].End
					}
					if lost > 0 {
						t.Errorf("%v played %v, with gaps", h.addr, runs)
					}
					if c := h.s.Counters(); c.BadChunks != 0 || len(h.of(EventBan)) != 0 {
						t.Errorf("%v: %+v, bans %v", h.addr, c, h.of(EventBan))
					}
				}
			})
		}
	}
}

// Chunks of a stream or a film may vary in size (RFC 7574, 7.11), where addressing does not
// count bytes.
func TestVariableChunks(t *testing.T) {
	sizes := []int{1, 188, 1316, 700, 3000, 64, 1400, 20_000, 5}
	t.Run("film", func(t *testing.T) {
		for _, a := range addressings {
			if a == ppsp.ByteRanges64 {
				continue
			}
			l := newLab(t, 1)
			l.loss, l.jitter, l.again = 0.05, 20e6, 0.05
			f := newVariableFilm(t, a, sizes)
			seeder, h := l.host(f.seed()), l.host(Config{Meta: f.meta})
			h.want(true)
			h.meet(seeder)
			l.until(time.Minute, "complete", h.s.Complete)
			for i, b := range f.chunks {
				if string(h.store.chunks[uint64(i)]) != string(b) {
					t.Errorf("%s: chunk %d differs", a, i)
				}
			}
		}
	})
	for _, method := range liveMethods {
		t.Run(method.integrity.String(), func(t *testing.T) {
			l := newLab(t, 1)
			l.loss, l.jitter, l.again = 0.02, 10e6, 0.02
			st := l.stream(method.n, func(m *ppsp.Metadata) { m.ChunkSize, m.Integrity = ppsp.VariableChunks, method.integrity })
			h := l.host(st.home(16))
			h.meet(st.source)
			l.run(time.Second)
			for k := range 120 {
				b := make([]byte, sizes[k%len(sizes)])
				for n := range b {
					b[n] = byte(k + n)
				}
				st.sent[st.source.s.NextChunk()] = b
				if err := st.source.s.Append(l.now, b); err != nil {
					t.Fatal(err)
				}
				st.source.drain()
				l.run(20 * time.Millisecond)
			}
			l.run(2 * time.Second)
			st.check(t, h)
			if runs := played(t, h); len(runs) != 1 || runs[0].Len() != 120 {
				t.Errorf("played %v", runs)
			}
			for _, n := range []int{0, ppsp.MaxChunkSize + 1} {
				if st.source.s.Append(l.now, make([]byte, n)) == nil {
					t.Errorf("a chunk of %d bytes was appended", n)
				}
			}
		})
	}
}

// variableFilm is content in chunks of any size.
type variableFilm struct {
	meta   ppsp.Metadata
	chunks [][]byte
	tree   *merkle.Tree
}

func newVariableFilm(t *testing.T, a ppsp.Addressing, sizes []int) variableFilm {
	t.Helper()
	b := merkle.NewBuilder(ppsp.SHA256)
	var f variableFilm
	for k, n := range sizes {
		c := make([]byte, n)
		for i := range c {
			c[i] = byte(i*k + n)
		}
		f.chunks = append(f.chunks, c)
		if err := b.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if f.tree, err = b.Tree(); err != nil {
		t.Fatal(err)
	}
	f.meta = ppsp.StaticDefaults(ppsp.SwarmID(f.tree.Root()))
	f.meta.ChunkSize, f.meta.Addressing = ppsp.VariableChunks, a
	return f
}

func (f variableFilm) seed() Config {
	store := &memory{chunks: map[uint64][]byte{}}
	cfg := Config{Meta: f.meta, Store: store, Tree: f.tree}
	for i, b := range f.chunks {
		store.chunks[uint64(i)] = b
		cfg.Have.Add(chunk.One(uint64(i)))
	}
	return cfg
}

// A chunk that is asked for again while it is under way goes again with all its hashes: those
// sent first may be what was lost.
func TestAskedAgainBringsHashes(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 64*1024, nil)
	h, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(h)
	k.say(k.f.AppendRequest(nil, chunk.One(1)))
	l.run(60 * time.Millisecond)
	first := has(k.heard(), wire.TypeIntegrity)
	k.say(k.f.AppendRequest(nil, chunk.One(1)))
	l.run(60 * time.Millisecond)
	again := k.heard()
	if has(again, wire.TypeData) == 0 || has(again, wire.TypeIntegrity) < first-1 {
		t.Errorf("%d hashes, and %d when asked again", first, has(again, wire.TypeIntegrity))
	}
}

// The last news, which no others follow, are told again until the peer shows to know of them,
// and not for ever: "a peer MAY resend … HAVE … messages without problems when loss is
// suspected" (RFC 7574, 8.2).
func TestNewsAreRepeated(t *testing.T) {
	for _, knows := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.stream(8, nil)
		p := l.puppet()
		k := p.greet(st.source)
		st.append(8, 0)
		l.run(100 * time.Millisecond)
		if told := spread(k.heard(), wire.TypeHave); !told.ContainsAll(chunk.Range{End: 8}) {
			t.Fatalf("told of %v", told)
		}
		if knows {
			k.say(k.f.AppendHave(nil, chunk.Range{End: 8}))
		}
		l.run(15 * time.Second)
		again := has(k.heard(), wire.TypeHave)
		if want := map[bool]int{true: 0, false: maxEchoes}[knows]; again != want {
			t.Errorf("who knows (%v) is told %d times more, want %d", knows, again, want)
		}
	}
}

// Who differs in the metadata is not answered (RFC 7574, 3.1.1), but the operator is told.
func TestMismatchIsTold(t *testing.T) {
	f := newFilm(t, 5000, nil)
	for words, change := range map[string]func(*wire.Handshake){
		"its chunk size is 2048, ours 1024":            func(h *wire.Handshake) { h.ChunkSize = 2048 },
		"its hash function is sha1, ours sha256":       func(h *wire.Handshake) { h.Hash = ppsp.SHA1 },
		"its chunk addressing is bin32, ours chunk32":  func(h *wire.Handshake) { h.Addressing = ppsp.Bins32 },
		"its integrity method is unified, ours merkle": func(h *wire.Handshake) { h.Integrity = ppsp.IntegrityUnified },
		"it speaks versions 2 to 3 of the protocol":    func(h *wire.Handshake) { h.Version, h.MinVersion = 3, 2 },
		"its signature algorithm is ed25519":           func(h *wire.Handshake) { h.Signature = ppsp.Ed25519 },
	} {
		l := newLab(t, 1)
		q, p := l.host(f.seed(f.all())), l.puppet()
		h := greeting(f.meta, 99)
		change(&h)
		l.send(p.addr, q.addr, initiating(h))
		l.run(time.Second)
		told := q.of(EventMismatch)
		if len(p.inbox) != 0 || len(told) != 1 || told[0].Peer != p.addr || !strings.Contains(told[0].Reason, words) {
			t.Errorf("%s: %d answers, told %v", words, len(p.inbox), told)
		}
	}
}
