package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

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
		if took := l.now - from; took > 0.95e9 {
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
	again := l.host(Config{Meta: f.meta, Store: leech.store, Have: had, Tree: old.tree})
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
	if leech.s.Peers() != 1 {
		t.Error("for chunks whose hashes are there a peer was left")
	}
	leech.drain()
	if leech.s.Complete() {
		t.Error("complete without six chunks")
	}
	l.until(5*time.Second, "complete again", leech.s.Complete)
	f.check(t, leech)
}

// "… hashes that the receiver already has" are not sent again (RFC 7574, 5.3). A peer takes us to
// have those around all that we announced: where the store lost some of them, it has to begin
// anew, whoever of the two found the other, or nothing below them could ever be proven.
func TestLostHashes(t *testing.T) {
	first := func(_ *lab, seed, leech *host) { leech.meet(seed) }
	for name, c := range map[string]struct {
		meet func(l *lab, seed, leech *host)
		kept []uint64 // chunks, without the hashes around them
	}{
		"we found the peer":  {first, nil},
		"the peer found us":  {func(_ *lab, seed, leech *host) { seed.meet(leech) }, nil},
		"one chunk was kept": {first, []uint64{9}},
		"some were kept":     {first, []uint64{0, 17, 18, 19, 40}},
	} {
		l := newLab(t, 1)
		f := newFilm(t, 600*1024, nil)
		seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
		leech.want(true)
		c.meet(l, seed, leech)
		l.until(10*time.Second, "half of it", func() bool { return leech.s.Have().Count() > f.chunks()/2 })
		lost := leech.s.Have().Clone()
		for _, i := range c.kept {
			lost.Remove(chunk.One(i))
		}
		for r := range lost.Ranges() {
			for i := r.Start; i < r.End; i++ {
				delete(leech.store.chunks, i)
			}
		}
		tree := merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
		if err := tree.SetPeaks(f.tree.AppendPeaks(nil)); err != nil {
			t.Fatal(err)
		}
		leech.s.tree = tree
		leech.s.Lost(&lost)
		leech.drain()
		l.until(3*time.Second, name+": complete, hashes and all", leech.s.Complete)
		f.check(t, leech)
	}
}

// Hashes that are lost, of which the store said nothing, are missed when chunks come without them.
func TestLostHashesAreMissed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 600*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.until(10*time.Second, "half of it", func() bool { return leech.s.Have().Count() > f.chunks()/2 })
	leech.s.tree = merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
	if err := leech.s.tree.SetPeaks(f.tree.AppendPeaks(nil)); err != nil {
		t.Fatal(err)
	}
	l.until(5*time.Second, "complete, hashes and all", leech.s.Complete)
	f.check(t, leech)
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

// What nobody has holds up nothing else: a reader that waits for it does not keep the rest from coming.
func TestNobodyHasIt(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 1000*1024, nil)
	part, leech := l.host(f.seed(chunk.Range{Start: 400, End: 1000})), l.host(f.leech())
	leech.want(true, chunk.Range{Start: 100, End: 1000})
	leech.meet(part)
	l.until(30*time.Second, "there", func() bool { return leech.s.have.Count() == 600 })
}
