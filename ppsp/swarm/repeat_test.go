package swarm

import (
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// told is a home that knows from the link how long the film is.
func (f film) told() Config {
	cfg := f.leech()
	cfg.Tree = merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
	cfg.Tree.Expect(f.chunks())
	return cfg
}

// Nothing acknowledges a REQUEST: when a peer that used to take long sends nothing at all, its
// requests are repeated well before they are given up.
func TestRequestsAreRepeated(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 40*1024, nil)
	leech, p := l.host(f.told()), l.puppet()
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	leech.want(false, chunk.Range{Start: 5, End: 8})
	c := leech.s.channelTo(p.addr)
	c.latency, c.quickest = 700e6, 40e6
	l.run(50 * time.Millisecond)
	asked := spread(k.heard(), wire.TypeRequest)
	l.run(450 * time.Millisecond)
	again := spread(k.heard(), wire.TypeRequest)
	if !asked.ContainsAll(chunk.Range{Start: 5, End: 8}) || !again.ContainsAll(chunk.Range{Start: 5, End: 8}) {
		t.Errorf("%d chunks were asked for, and %d again, of 3", asked.Count(), again.Count())
	}
	if n := leech.s.Counters().Timeouts; n != 0 {
		t.Errorf("%d requests were given up", n)
	}
}

// "Peer Q SHOULD process the REQUESTs in the order received" (RFC 7574, 3.7): what others overtake
// was lost, and is asked for again at once.
func TestOvertakenRequests(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 64*1024, nil)
	leech, p := l.host(f.told()), l.puppet()
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	leech.want(false, chunk.Range{End: 2})
	l.run(50 * time.Millisecond)
	k.say(k.data(f, f.chunks()-1)) // which is asked for first, as it tells the length
	l.run(100 * time.Millisecond)
	leech.want(false, chunk.Range{End: 2}, chunk.Range{Start: 20, End: 30})
	l.run(22 * time.Millisecond)
	k.heard()
	for i := uint64(20); i < 30; i++ {
		k.say(k.data(f, i))
	}
	l.run(42 * time.Millisecond)
	if again := spread(k.heard(), wire.TypeRequest); !again.Has(0) || !again.Has(1) || again.Has(25) {
		t.Errorf("%d chunks were asked for again, want the two that were overtaken", again.Count())
	}
}

// A chunk that is asked for again keeps its place in the line, and is not sent twice if the request
// crossed it on the way.
func TestRepeatedRequestsCostNothing(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60*1024, nil)
	h, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(h)
	l.run(time.Second)
	k.heard()
	c := h.s.channelTo(p.addr)
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 10, End: 20}))
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 30, End: 40}))
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 8, End: 40}))
	l.run(time.Duration(l.delay) + 15*time.Millisecond)
	if first, _ := c.queue.first(); first < 10 || first >= 20 {
		t.Errorf("chunk %d is next in line, want what was asked for first", first)
	}
	sent := map[uint64]int{}
	for _, m := range k.take(20 * time.Millisecond) {
		if m.Type == wire.TypeData {
			sent[m.Chunks.Start]++
		}
	}
	for i, n := range sent {
		if n > 1 {
			t.Errorf("chunk %d came %d times within a round trip", i, n)
		}
	}
	if len(sent) == 0 {
		t.Error("nothing came")
	}
}

// What proves a chunk often is in the datagram before: what is lost with it counts as one loss, and
// a line that drops one datagram in a hundred carries a film many times faster than it plays.
func TestLossyLine(t *testing.T) {
	l := newLab(t, 1)
	l.loss = 0.01
	f := newFilm(t, 12<<20, func(m *ppsp.Metadata) { m.ChunkSize = 1316 })
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.until(time.Minute, "complete", leech.s.Complete)
	if rate := float64(len(f.content)) * 8e3 / float64(l.now); rate < 30 {
		t.Errorf("%.1f Mbit/s at 1 %% loss and a round trip of 40 ms", rate)
	}
}

// Chunks that were sent in a row and are lost together are one loss; as many that lie apart are taken for
// congestion.
func TestLossesInARowAreOne(t *testing.T) {
	for apart, congested := range map[uint64]bool{1: false, lossRun / (lineLosses + 1): false, lossRun: true} {
		l := newLab(t, 1)
		f := newFilm(t, 60*1024, nil)
		h, p := l.host(f.seed(f.all())), l.puppet()
		k := p.greet(h)
		k.say(k.f.AppendRequest(nil, chunk.Range{End: 20}))
		k.take(300 * time.Millisecond)
		k.say(k.f.AppendRequest(nil, chunk.Range{Start: 20, End: 50}))
		l.run(50 * time.Millisecond)
		c := h.s.channelTo(p.addr)
		before := c.control.Window()
		if before > lineShare*lineLosses*1024 || before < 4*1024 {
			t.Fatalf("a window of %d bytes: the test tests nothing", before)
		}
		for n := range uint64(lineLosses + 1) {
			c.lost(l.now, 1000+n*apart, 1024)
		}
		if after := c.control.Window(); (after < before) != congested {
			t.Errorf("%d losses, each %d behind the last: the window goes from %d to %d bytes", lineLosses+1, apart, before, after)
		}
	}
}

// While the next second of its film is missing, a home asks for nothing else: not of others either, which
// would take its downlink.
func TestReaderFirst(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 3000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 200_000
	seed, other, leech := l.host(cfg), l.host(f.seed(chunk.Range{Start: 1200, End: 2900})), l.host(f.leech())
	window := chunk.Range{Start: 1000, End: 1000 + atOnce}
	leech.want(true, chunk.Range{Start: 1000, End: 1256}, chunk.Range{Start: 1000, End: 3000})
	leech.meet(seed)
	l.until(time.Second, "begun", func() bool { return missing(leech, window) < window.Len() })
	leech.meet(other)
	l.until(10*time.Second, "there", func() bool { return missing(leech, window) <= almost+8 })
	if other := leech.s.have.Count() - (window.Len() - missing(leech, window)); other > 2 {
		t.Errorf("%d chunks came that were not needed at once", other)
	}
	l.until(30*time.Second, "complete", leech.s.Complete)
}

// What others have, too, is not asked of the one that alone has the rest: it sends little twice.
func TestSeedIsSpared(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 1500*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 300_000
	seed := l.host(cfg)
	var homes []*host
	for range 10 {
		h := l.host(f.leech())
		h.want(true, chunk.Range{End: 256}, chunk.Range{End: 1500})
		homes = append(homes, h)
	}
	for _, h := range homes {
		h.meet(append([]*host{seed}, homes...)...)
	}
	l.until(time.Minute, "complete", func() bool {
		for _, h := range homes {
			if !h.s.Complete() {
				return false
			}
		}
		return true
	})
	if n := seed.s.Counters().ChunksSent; n > 2*f.chunks() {
		t.Errorf("the seed sent %d chunks of %d to 10 homes that have each other", n, f.chunks())
	}
}

// Nor do all wait for one that has nearly all, and gives next to nothing, while the seed has time.
func TestSlowOneDoesNotStandForTheSeed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 3000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 300_000
	seed := l.host(cfg)
	cfg = f.seed(chunk.Range{End: 2950})
	cfg.Upload = 5_000
	slow := l.host(cfg)
	l.fetch(f, 4, 40*time.Second, seed, slow)
}

// fetch has so many homes, who know each other and some more, fetch a film within a time.
func (l *lab) fetch(f film, homes int, within time.Duration, others ...*host) {
	l.t.Helper()
	var all []*host
	for range homes {
		h := l.host(f.leech())
		h.want(true)
		all = append(all, h)
	}
	for _, h := range all {
		h.meet(slices.Concat(others, all)...)
	}
	l.until(within, "complete", func() bool {
		return !slices.ContainsFunc(all, func(h *host) bool { return !h.s.Complete() })
	})
}

// Nor do they wait for one that claims nearly all and gives little, however soon it answers.
func TestClaimsAloneDoNotStandForTheSeed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 4000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 400_000
	seed := l.host(cfg)
	cfg = f.seed(chunk.Range{End: 3990})
	cfg.Upload = 60_000
	liar := l.host(cfg)
	l.fetch(f, 4, 30*time.Second, seed, liar)
	if n := seed.s.Counters().ChunksSent; n < f.chunks()/2 {
		t.Errorf("the seed sent %d chunks of %d", n, f.chunks())
	}
}
