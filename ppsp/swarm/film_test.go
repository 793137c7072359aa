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
	f := newFilm(t, 300*1024, nil)
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
	if served < n {
		t.Errorf("the leeches gave each other %d chunks of %d", served, 5*n)
	}
	l.offersItsStore()
}

// Windows are fetched in the order given, before the rest.
func TestWantOrder(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	first, second := chunk.Range{Start: 200, End: 220}, chunk.Range{Start: 50, End: 60}
	leech.want(true, first, second)
	leech.meet(seed)
	l.until(5*time.Second, "at 60 chunks", func() bool { return leech.s.have.Count() >= 60 })
	if !leech.s.have.ContainsAll(first) || !leech.s.have.ContainsAll(second) {
		t.Errorf("after 60 chunks %d and %d of the windows are missing", missing(leech, first), missing(leech, second))
	}
	order := []uint64{}
	for _, e := range leech.of(EventChunks) {
		for i := e.Chunks.Start; i < e.Chunks.End; i++ {
			order = append(order, i)
		}
	}
	for k, i := range order {
		if second.Contains(i) && !first.Contains(order[k-1]) && !second.Contains(order[k-1]) && order[k-1] != f.chunks()-1 && order[k-1] != 0 {
			t.Errorf("chunk %d of no window came before %d", order[k-1], i)
		}
	}
}

func missing(h *host, r chunk.Range) uint64 {
	n := uint64(0)
	for gap := range h.s.have.Missing(r) {
		n += gap.Len()
	}
	return n
}

// A reader does not wait for a slow peer while a fast one has room, nor does the end of a
// download; and little comes twice for that.
func TestSlowPeer(t *testing.T) {
	for _, all := range []bool{false, true} {
		l := newLab(t, 1)
		f := newFilm(t, 600*1024, nil)
		slow, fast := f.seed(f.all()), f.seed(f.all())
		slow.Upload = 20_000 // 20 chunks a second
		a, b, leech := l.host(slow), l.host(fast), l.host(f.leech())
		leech.meet(a)
		leech.want(all, chunk.Range{End: 40}, chunk.Range{Start: 40, End: 300})
		l.run(200 * time.Millisecond)
		leech.meet(b)
		from, r := l.now, chunk.Range{End: 300}
		if all {
			r = f.all()
		}
		l.until(10*time.Second, "there", func() bool { return missing(leech, r) == 0 })
		if took := l.now - from; took > 900e6 {
			t.Errorf("all %v: took %d ms beside a slow peer", all, took/1e6)
		}
		if c := leech.s.Counters(); c.Duplicates > 15 {
			t.Errorf("all %v: %d chunks came twice", all, c.Duplicates)
		}
	}
}

// What is not wanted is not fetched.
func TestWantNothing(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.meet(seed)
	l.run(5 * time.Second)
	if n := leech.s.have.Count(); n != 0 {
		t.Errorf("%d chunks came unasked", n)
	}
	window := chunk.Range{Start: 10, End: 20}
	leech.want(false, window)
	l.run(5 * time.Second)
	if n := leech.s.have.Count(); missing(leech, window) != 0 || n > 12 { // the first and the last tell the size
		t.Errorf("%d chunks came, %d of the window are missing", n, missing(leech, window))
	}
}

// A seek cancels what is no longer wanted, and does not wait behind it (RFC 7574, 3.8).
func TestSeek(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 2000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 200_000 // 200 chunks a second
	seed, leech := l.host(cfg), l.host(f.leech())
	leech.want(false, chunk.Range{End: 1000})
	leech.meet(seed)
	l.run(2 * time.Second)
	if leech.s.requested.Count() == 0 {
		t.Fatal("nothing is outstanding: the test tests nothing")
	}
	l.logging = true
	window := chunk.Range{Start: 1500, End: 1510}
	asked := leech.s.requested.Clone()
	leech.want(false, window)
	from := l.now
	l.until(3*time.Second, "there", func() bool { return missing(leech, window) == 0 })
	if took := l.now - from; took > 500e6 {
		t.Errorf("the window came after %d ms", took/1e6)
	}
	var cancelled chunk.Set
	for _, d := range l.log {
		if d.from == leech.addr {
			for _, r := range ranges(spread(messages(t, leech.s.format, d.b), wire.TypeCancel)) {
				cancelled.Add(r)
			}
		}
	}
	if !cancelled.Equal(&asked) {
		t.Errorf("cancelled %d chunks of %d that were asked for", cancelled.Count(), asked.Count())
	}
	before := seed.s.Counters().ChunksSent
	l.run(2 * time.Second)
	if n := seed.s.Counters().ChunksSent - before; n > 5 {
		t.Errorf("%d chunks came after the seek that nobody wants", n)
	}
}

func ranges(s *chunk.Set) []chunk.Range {
	var all []chunk.Range
	for r := range s.Ranges() {
		all = append(all, r)
	}
	return all
}

// A download that was broken off goes on with what it had: its chunks are not fetched again,
// and are offered.
func TestResume(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.until(10*time.Second, "half there", func() bool { return leech.s.have.Count() >= 150 })
	old := leech.s
	leech.off = true
	had := old.have.Clone()
	saved, err := old.tree.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	tree := merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
	if err := tree.UnmarshalBinary(saved); err != nil {
		t.Fatal(err)
	}
	again := l.host(Config{Meta: f.meta, Store: leech.store, Have: had, Tree: tree})
	again.want(true)
	again.meet(seed)
	l.until(10*time.Second, "complete", again.s.Complete)
	f.check(t, again)
	if got, want := again.s.Counters().ChunksReceived, f.chunks()-had.Count(); got != want {
		t.Errorf("%d chunks were fetched, want %d", got, want)
	}
	third := l.host(f.leech())
	third.want(true)
	third.meet(again)
	l.until(10*time.Second, "complete from the second", third.s.Complete)
}

// Chunks that the store has lost are fetched again.
func TestLost(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 50*1024, nil)
	_, leech := transfer(t, l, f, 10*time.Second)
	var lost chunk.Set
	lost.Add(chunk.Range{Start: 3, End: 9})
	for i := uint64(3); i < 9; i++ {
		delete(leech.store.chunks, i)
	}
	leech.s.Lost(&lost)
	leech.drain()
	if leech.s.Complete() {
		t.Error("complete without six chunks")
	}
	l.until(5*time.Second, "complete again", leech.s.Complete)
	f.check(t, leech)
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

// The upload is limited, and shared by those who wait.
func TestUploadBudget(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 2000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 100_000
	seed := l.host(cfg)
	var leeches []*host
	for range 4 {
		h := l.host(f.leech())
		h.want(true)
		h.meet(seed)
		leeches = append(leeches, h)
	}
	l.run(2 * time.Second)
	before := seed.s.Counters().BytesSent
	var had []uint64
	for _, h := range leeches {
		had = append(had, h.s.Counters().ChunksReceived)
	}
	l.run(20 * time.Second)
	rate := float64(seed.s.Counters().BytesSent-before) / 20
	if rate > 110_000 || rate < 85_000 {
		t.Errorf("%.0f bytes a second were sent, want about 100000", rate)
	}
	for k, h := range leeches {
		if n := h.s.Counters().ChunksReceived - had[k]; n < 1700/4/2 {
			t.Errorf("leech %d got %d chunks in 20 s, which is less than half its share", k, n)
		}
	}
	seed.s.SetUpload(0)
	l.until(20*time.Second, "complete without limit", leeches[0].s.Complete)
}

// "When Peer B receives a CHOKE message from Peer A, it MUST NOT send new REQUEST messages
// and it cannot expect answers to any outstanding ones … When Peer B is choked but receives
// a HAVE message from Peer A, it is not automatically unchoked" (RFC 7574, 3.9).
func TestChoke(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	leech.want(true)
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	l.run(100 * time.Millisecond)
	if has(k.heard(), wire.TypeRequest) == 0 {
		t.Fatal("nothing was requested")
	}
	k.say(wire.AppendChoke(nil))
	l.run(100 * time.Millisecond)
	k.heard()
	k.say(k.f.AppendHave(nil, f.all()))
	l.run(5 * time.Second)
	if n := has(k.heard(), wire.TypeRequest); n != 0 || leech.s.requested.Count() != 0 {
		t.Errorf("%d requests while choked, %d chunks are waited for", n, leech.s.requested.Count())
	}
	k.say(wire.AppendUnchoke(nil))
	l.run(100 * time.Millisecond)
	if has(k.heard(), wire.TypeRequest) == 0 {
		t.Error("nothing was requested after UNCHOKE")
	}
}

// What a choked peer was asked for is asked of another at once.
func TestChokeMovesRequests(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 40*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	leech.want(true)
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	k.say(k.data(f, 0))
	l.run(100 * time.Millisecond)
	leech.meet(l.host(f.seed(f.all())))
	l.run(100 * time.Millisecond)
	k.say(wire.AppendChoke(nil))
	from := l.now
	l.until(2*time.Second, "complete", leech.s.Complete)
	if took := l.now - from; took > 400e6 {
		t.Errorf("complete %d ms after the CHOKE", took/1e6)
	}
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
