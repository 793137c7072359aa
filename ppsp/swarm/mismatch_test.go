package swarm

import (
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Anyone can claim other metadata in a first datagram: only of whom we turned to it says
// something about our link.
func TestMismatchOfStrangers(t *testing.T) {
	for _, dialled := range []bool{false, true} {
		l := newLab(t, 1)
		f := newFilm(t, 5000, nil)
		q, p := l.host(f.leech()), l.puppet()
		if dialled {
			q.meet(p)
			l.run(100 * time.Millisecond)
		}
		h := greeting(f.meta, 99)
		h.ChunkSize = 2048
		l.send(p.addr, q.addr, initiating(h))
		l.run(time.Second)
		told := q.of(EventMismatch)
		if len(told) != 1 || told[0].Peer != p.addr || told[0].Dialled != dialled {
			t.Errorf("dialled %v: told %+v", dialled, told)
		}
	}
}

// Who floods us with handshakes that do not fit crowds out no other events.
func TestMismatchFlood(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	q := l.host(f.leech())
	for k := range 3000 {
		h := greeting(f.meta, uint32(k+1))
		h.ChunkSize = 2048
		l.send(addr(100+k), q.addr, initiating(h))
		l.run(time.Millisecond)
	}
	if n := q.count(EventMismatch); n < 1 || n > 4 {
		t.Errorf("%d events in 3 s", n)
	}
}

// A length from elsewhere that is not the film's: whether too short or too long, nothing that
// peers send can be verified. It is told once a peer, who is not to blame.
func TestWrongLengthIsTold(t *testing.T) {
	for _, tt := range []struct {
		chunks, expect uint64
		words          string
	}{
		{545, 1, "its film has at least 545 chunks, ours 1"},
		{545, 544, "its film has at least 545 chunks, ours 544"},
		{545, 546, "by its hashes the film has 545 chunks, ours 546"},
		{545, 5000, "by its hashes the film has 545 chunks, ours 5000"},
		{512, 513, "by its hashes the film has 512 chunks, ours 513"},
		{1, 2, "by its hashes the film has 1 chunks, ours 2"},
	} {
		l := newLab(t, 1)
		f := newFilm(t, int(tt.chunks)*100, func(m *ppsp.Metadata) { m.ChunkSize = 100 })
		cfg := f.leech()
		cfg.Tree = merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
		cfg.Tree.Expect(tt.expect)
		seed, leech := l.host(f.seed(f.all())), l.host(cfg)
		leech.want(true)
		leech.meet(seed)
		l.run(5 * time.Second)
		told := leech.of(EventMismatch)
		if len(told) != 1 || !told[0].Dialled || told[0].Peer != seed.addr || told[0].Reason != tt.words {
			t.Errorf("%d chunks, expecting %d: told %+v", tt.chunks, tt.expect, told)
		}
		if n := leech.count(EventBan) + seed.count(EventBan); n != 0 {
			t.Errorf("%d chunks, expecting %d: %d bans", tt.chunks, tt.expect, n)
		}
	}
}

// Who has proven chunks knows better than a peer that announces more than there are.
func TestAnnouncedBeyondTheEnd(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	q, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(q)
	r := f.all()
	r.End += 7
	k.say(k.f.AppendHave(nil, r))
	l.run(time.Second)
	if told := q.of(EventMismatch); len(told) != 0 {
		t.Errorf("told %+v", told)
	}
	if q.s.Counters().BadMessages != 1 || strings.Contains(q.s.due(), "state 3") {
		t.Errorf("%+v, %s", q.s.Counters(), q.s.due())
	}
}

// What one peer says against another who has all of the film by the length that we were told is not told
// as long as that one is here.
func TestLengthAgainstAnother(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	q, honest, liar := l.host(f.told()), l.puppet(), l.puppet()
	a, b := honest.accept(q), liar.accept(q)
	a.say(a.f.AppendHave(nil, f.all()))
	l.run(50 * time.Millisecond)
	more := f.all()
	more.End += 7
	b.say(b.f.AppendHave(nil, more))
	l.run(50 * time.Millisecond)
	if told := q.of(EventMismatch); len(told) != 0 {
		t.Errorf("told %+v, though another agrees", told)
	}
	a.say(wire.AppendHandshake(nil, &wire.Handshake{Version: wire.Version}))
	l.run(50 * time.Millisecond)
	b.say(b.f.AppendHave(nil, more))
	l.run(50 * time.Millisecond)
	if told := q.of(EventMismatch); len(told) != 1 || told[0].Chunks != more {
		t.Errorf("told %+v once nobody agrees", told)
	}
}
