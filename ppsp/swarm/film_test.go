package swarm

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

var (
	hashes      = []ppsp.Hash{ppsp.SHA1, ppsp.SHA224, ppsp.SHA256, ppsp.SHA384, ppsp.SHA512}
	addressings = []ppsp.Addressing{ppsp.Bins32, ppsp.ByteRanges64, ppsp.ChunkRanges32, ppsp.Bins64, ppsp.ChunkRanges64}
)

// transfer fetches a film of one peer, which has to get through within d.
func transfer(t *testing.T, l *lab, f film, d time.Duration) (seed, leech *host) {
	t.Helper()
	seed, leech = l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.until(d, "complete", leech.s.Complete)
	f.check(t, leech)
	if leech.count(EventComplete) != 1 || leech.count(EventSize) != 1 || leech.of(EventSize)[0].Chunks != f.all() {
		t.Errorf("events of completeness: %v", leech.events)
	}
	return seed, leech
}

// A film of any size gets through, whatever the hash function and the chunk addressing, and
// its length is found without the link's help.
func TestFilmSizes(t *testing.T) {
	for _, h := range hashes {
		for _, a := range addressings {
			t.Run(fmt.Sprintf("%v %v", h, a), func(t *testing.T) {
				for _, size := range []int{1, 99, 100, 101, 200, 250, 700, 6399, 6400, 6401, 29950} {
					f := newFilm(t, size, func(m *ppsp.Metadata) { m.Hash, m.Addressing, m.ChunkSize = h, a, 100 })
					l := newLab(t, uint64(size))
					transfer(t, l, f, 20*time.Second)
				}
			})
		}
	}
}

// Chunks of any size get through: those as long as two hashes, which could pass for an inner
// node, and those that fill a datagram, or several.
func TestChunkSizes(t *testing.T) {
	for _, size := range []uint32{1, 2, 40, 64, 96, 128, 1024, 1316, 1360, 1400, 2048, 8192, ppsp.MaxChunkSize} {
		for _, chunks := range []int{1, 2, 5, 16, 21} {
			f := newFilm(t, (chunks-1)*int(size)+max(int(size)/3, 1), func(m *ppsp.Metadata) { m.ChunkSize = size })
			l := newLab(t, 1)
			seed, leech := transfer(t, l, f, 20*time.Second)
			if c := leech.s.Counters(); c.Duplicates+c.Unproven+c.BadMessages+c.Timeouts != 0 || seed.s.Counters().Retransmits != 0 {
				t.Errorf("%d chunks of %d bytes: %+v", chunks, size, c)
			}
		}
	}
}

// Datagrams stay within MaxDatagram, unless a chunk alone is larger.
func TestDatagramSize(t *testing.T) {
	for _, size := range []uint32{100, 1024, 1316, 4096} {
		f := newFilm(t, 100*int(size), func(m *ppsp.Metadata) { m.ChunkSize, m.Hash = size, ppsp.SHA512 })
		l := newLab(t, 1)
		l.logging = true
		transfer(t, l, f, 20*time.Second)
		for _, d := range l.log {
			if len(d.b) <= MaxDatagram {
				continue
			}
			if m := messages(t, l.hosts[0].s.format, d.b); len(m) != 1 || m[0].Type != wire.TypeData {
				t.Fatalf("chunks of %d bytes: a datagram of %d bytes holds %d messages", size, len(d.b), len(m))
			}
		}
	}
}

// "When Peer A sends a DATA message for the first time to Peer B, Peer A MUST first send all
// the peak hashes for the content … before the list of actual uncle hashes of the chunk"
// (RFC 7574, 5.6.2). "The list of INTEGRITY messages MUST be sorted in order of the tree
// height of the nodes, descending" (5.4).
func TestPeaksFirst(t *testing.T) {
	l := newLab(t, 1)
	l.logging = true
	f := newFilm(t, 7162, nil) // the example of 5.6.1: peaks 3, 9 and 12
	seed, _ := transfer(t, l, f, 5*time.Second)
	var hashed []chunk.Bin
	for _, d := range l.log {
		if d.from != seed.addr {
			continue
		}
		for _, m := range messages(t, seed.s.format, d.b) {
			if m.Type == wire.TypeIntegrity {
				b, _ := chunk.BinOf(m.Chunks)
				hashed = append(hashed, b)
			}
			if m.Type != wire.TypeData {
				continue
			}
			if m.Chunks.Start != 0 {
				t.Fatalf("chunk %d comes first, want 0", m.Chunks.Start)
			}
			// Chunk 0 needs its sibling 2 and its uncle 5 below peak 3.
			want := []chunk.Bin{3, 9, 12, 5, 2}
			if fmt.Sprint(hashed) != fmt.Sprint(want) {
				t.Errorf("hashes before the first chunk: %v, want %v", hashed, want)
			}
			return
		}
	}
	t.Error("no chunk was sent")
}

// Table 1 of RFC 7574, 5.5: seven hashes in all for eight chunks in order, since "the sender
// will send" none that the receiver has or can compute. Here the peaks come on top: one.
func TestHashesAreSentOnce(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 8*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.meet(seed)
	l.run(200 * time.Millisecond)
	l.logging = true
	for i := range f.chunks() { // one after the other, each acknowledged
		leech.want(false, chunk.One(i))
		l.run(300 * time.Millisecond)
	}
	f.check(t, leech)
	sent := map[chunk.Bin]int{}
	for _, d := range l.log {
		for _, m := range messages(t, seed.s.format, d.b) {
			if m.Type == wire.TypeIntegrity {
				b, _ := chunk.BinOf(m.Chunks)
				sent[b]++
			}
		}
	}
	// The last chunk is asked for beside the first, so that its branch 14, 9, 3 comes too.
	for b, n := range sent {
		if n > 1 {
			t.Errorf("hash %d was sent %d times", b, n)
		}
	}
	if len(sent) > 8 {
		t.Errorf("%d hashes for 8 chunks: %v", len(sent), sent)
	}
}

// Films get through a network that loses, doubles and reorders, at most some chunks twice.
func TestFilmOverBadNetwork(t *testing.T) {
	tests := []struct {
		name        string
		loss, again float64
		jitter      time.Duration
		within      time.Duration
	}{
		{"loss 1 %", 0.01, 0, 0, 20 * time.Second},
		{"loss 20 %", 0.20, 0, 0, 120 * time.Second},
		{"reordering", 0, 0, 30 * time.Millisecond, 60 * time.Second},
		{"twice", 0, 0.3, 0, 20 * time.Second},
		{"all of it", 0.1, 0.1, 50 * time.Millisecond, 120 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(5) {
				f := newFilm(t, 300*1024-100, func(m *ppsp.Metadata) { m.Addressing = addressings[seed] })
				l := newLab(t, seed)
				l.loss, l.again, l.jitter = tt.loss, tt.again, int64(tt.jitter)
				_, leech := transfer(t, l, f, tt.within)
				if c := leech.s.Counters(); c.BadChunks+c.BadMessages != 0 || leech.count(EventBan) != 0 {
					t.Errorf("seed %d: %+v", seed, c)
				}
				if n := leech.store.wrote; n != int(f.chunks()) {
					t.Errorf("seed %d: %d chunks were written, of %d", seed, n, f.chunks())
				}
			}
		})
	}
}

// Several leeches and seeds with parts only: what one lacks another gives, and leeches serve
// each other.
func TestFilmSwarm(t *testing.T) {
	l := newLab(t, 3)
	l.loss = 0.01
	f := newFilm(t, 1200*1024, nil)
	n := f.chunks()
	a := l.host(f.seed(chunk.Range{End: n / 2}))
	b := l.host(f.seed(chunk.Range{Start: n / 3, End: n}))
	var leeches []*host
	for range 5 {
		h := l.host(f.leech())
		h.want(true)
		leeches = append(leeches, h)
	}
	for _, h := range leeches {
		h.meet(append([]*host{a, b}, leeches...)...)
	}
	l.until(time.Minute, "complete", func() bool {
		for _, h := range leeches {
			if !h.s.Complete() {
				return false
			}
		}
		return true
	})
	served := uint64(0)
	for _, h := range leeches {
		f.check(t, h)
		served += h.s.Counters().ChunksSent
	}
	if served < n/2 {
		t.Errorf("the leeches gave each other %d chunks of %d", served, 5*n)
	}
	l.offersItsStore()
}

// A store that fails ends the requests, and says so once.
func TestStoreFails(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.until(10*time.Second, "half there", func() bool { return leech.s.have.Count() >= 150 })
	leech.store.err = errFull
	l.run(5 * time.Second)
	failed := leech.of(EventStoreFailed)
	if len(failed) != 1 || failed[0].Reason != errFull.Error() {
		t.Fatalf("told of failures: %v", failed)
	}
	sent := seed.s.Counters()
	l.run(60 * time.Second)
	if c := seed.s.Counters(); c.ChunksSent-sent.ChunksSent > c.Retransmits-sent.Retransmits || c.Retransmits-sent.Retransmits > 10 {
		t.Errorf("after the store had failed: %+v and then %+v", sent, c)
	}
	if leech.s.Peers() != 1 {
		t.Error("the peer is gone: what is here could still be served")
	}
}

type failure string

func (f failure) Error() string { return string(f) }

const errFull = failure("no space left on device")

// A chunk that the store of a seed has lost is no longer offered, and does not stop others.
func TestStoreLoses(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 50*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	delete(seed.store.chunks, 7)
	leech.want(true)
	leech.meet(seed)
	l.run(10 * time.Second)
	if n := leech.s.have.Count(); n != f.chunks()-1 || leech.s.have.Has(7) {
		t.Errorf("%d chunks came, want all but the seventh", n)
	}
	if seed.s.have.Has(7) {
		t.Error("the lost chunk is still offered")
	}
	l.offersItsStore()
}

// A short content is verified without any hash: "the entire content can fit into a single
// message; hence, the initiating peer is able to verify it against the root hash" (8.16).
func TestExampleOfOperation(t *testing.T) {
	l := newLab(t, 1)
	f := film{content: []byte("Hello World!"), meta: ppsp.StaticDefaults("")}
	tree, _, err := merkle.Build(ppsp.SHA256, 1024, bytes.NewReader(f.content))
	if err != nil {
		t.Fatal(err)
	}
	f.tree, f.meta.SwarmID = tree, ppsp.SwarmID(tree.Root())
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.heard()
	k.say(k.f.AppendRequest(nil, chunk.One(0)))
	l.run(100 * time.Millisecond)
	var data *wire.Message
	for _, m := range k.heard() {
		if m.Type == wire.TypeData {
			data = &m
		}
	}
	if data == nil || string(data.Payload) != "Hello World!" || data.Chunks != chunk.One(0) {
		t.Fatalf("answer to the REQUEST: %+v", data)
	}
	// "so the current system time MUST be included" (3.3), in µs
	if at := int64(data.Time)*1000 - 1_700_000_000e9; at < 0 || at > l.now {
		t.Errorf("DATA is stamped %d ns after the start", at)
	}
}
