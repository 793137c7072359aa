package swarm

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// strict is a leecher as libswift is: it keeps hashes, but drops a chunk that they do not
// prove, without acknowledging it, and takes one chunk of a datagram, the last message.
type strict struct {
	f     film
	tree  *merkle.Tree
	proof merkle.Proof
	got   chunk.Set
	drops int
}

func (v *strict) take(k link) {
	k.p.l.t.Helper()
	inbox := k.p.inbox
	k.p.inbox = nil
	for _, d := range inbox {
		all := messages(k.p.l.t, k.f, d.b)
		drops := v.drops
		v.hear(k.p.l.t, all)
		if m := all[max(len(all)-1, 0):]; len(m) > 0 && m[0].Type == wire.TypeData && v.drops == drops {
			k.say(k.f.AppendAck(nil, m[0].Chunks, 1000))
		}
	}
}

// hear is take for messages that came together, without the acknowledgement.
func (v *strict) hear(t testing.TB, all []wire.Message) {
	t.Helper()
	for n, m := range all {
		switch m.Type {
		case wire.TypeIntegrity:
			b, ok := chunk.BinOf(m.Chunks)
			if !ok {
				t.Fatalf("a hash of %v, which is no aligned range of a power of two", m.Chunks)
			}
			v.proof.Add(b, m.Payload)
		case wire.TypeData:
			if n != len(all)-1 {
				t.Fatalf("something follows chunk %d", m.Chunks.Start)
			}
			if err := v.tree.Verify(m.Chunks.Start, m.Payload, &v.proof); err != nil {
				v.drops++
				continue
			}
			v.got.Add(m.Chunks)
		}
	}
}

// A peer of draft 10 gets a whole film although one datagram in eight is lost, and needs
// little more than each chunk's own turn: hashes that were lost are soon repeated.
func TestDraft10Losses(t *testing.T) {
	for _, size := range []int{60 << 10, 300_000} {
		f := oldFilm(t, size)
		l := newLab(t, 5)
		seed, p := l.host(f.seed(f.all())), l.puppet()
		h := greeting(f.meta, 0xabcd)
		h.ChunkSize = 0
		l.send(p.addr, seed.addr, initiating(h))
		l.until(time.Second, "answered", func() bool { return len(p.inbox) > 0 })
		k := link{p: p, to: seed, f: seed.s.format, id: messages(t, seed.s.format, p.inbox[0].b)[0].Handshake.SourceChannel}
		v := &strict{f: f, tree: merkle.NewTree(ppsp.SHA1, []byte(f.meta.SwarmID))}
		v.tree.SetChunkSize(1024)
		p.inbox = nil
		l.loss = 0.125
		for until := l.now + 60e9; v.got.Count() < f.chunks(); {
			if l.now > until {
				t.Fatalf("after a minute %d chunks of %d", v.got.Count(), f.chunks())
			}
			for i := v.got.NextMissing(0); i < f.chunks(); i = v.got.NextMissing(i + 1) {
				if c := seed.s.order[0]; c.count() == 0 && c.flight.line.len() == 0 {
					k.say(k.f.AppendRequest(nil, chunk.One(i))) // libswift asks again, too
				}
			}
			l.run(10 * time.Millisecond)
			v.take(k)
		}
		if v.drops > 2 {
			t.Errorf("%d chunks of %d came without their hashes", v.drops, f.chunks())
		}
	}
}

// Chunks are acknowledged one by one and without delay: libswift counts no others.
func TestDraft10Acks(t *testing.T) {
	f := oldFilm(t, 30<<10)
	l := newLab(t, 1)
	leech, seed := l.host(by(ProfileDraft10, f.leech())), l.host(by(ProfileDraft10, f.seed(f.all())))
	var sent, acked chunk.Set
	arrived := map[uint64]int64{}
	l.tap = func(d flying) bool {
		for _, m := range messages(t, seed.s.format, d.b) {
			switch m.Type {
			case wire.TypeData:
				sent.Add(m.Chunks)
				arrived[m.Chunks.Start] = l.now + l.delay
			case wire.TypeAck:
				acked.Add(m.Chunks)
				if m.Chunks.Len() != 1 || l.now != arrived[m.Chunks.Start] {
					t.Errorf("%v is acknowledged %d ms after it came", m.Chunks, (l.now-arrived[m.Chunks.Start])/1e6)
				}
			}
		}
		return true
	}
	leech.want(true)
	leech.meet(seed)
	l.until(10*time.Second, "complete", leech.s.Complete)
	if sent.Count() != f.chunks() || !acked.Equal(&sent) {
		t.Errorf("sent %v, acknowledged %v", &sent, &acked)
	}
}

// signatures of a stream by the form in which they went to a host.
type forms struct{ rfc, draft10, wrong int }

// watch counts the signatures that go to each host, and checks them.
func (st *stream) watch() map[string]*forms {
	seen := map[string]*forms{}
	public := st.key.Public()
	st.l.tap = func(d flying) bool {
		v := seen[d.to.String()]
		if v == nil {
			v = &forms{}
			seen[d.to.String()] = v
		}
		all := messages(st.l.t, st.source.s.format, d.b)
		for k, m := range all {
			if m.Type != wire.TypeSignedIntegrity {
				continue
			}
			hash := all[k-1].Payload // right before it, as libswift needs it
			at := time.Unix(0, 1_700_000_000e9+st.l.now)
			switch {
			case all[k-1].Type != wire.TypeIntegrity || all[k-1].Chunks != m.Chunks:
				v.wrong++
			case public.Verify(m.Spec, m.Time, hash, m.Payload) && at.Sub(livesig.Time(m.Time)) < time.Minute:
				v.rfc++
			case public.VerifyBare(hash, m.Payload) && at.Sub(time.UnixMicro(int64(m.Time))) < time.Minute:
				v.draft10++
			default:
				v.wrong++
			}
		}
		return true
	}
	return seen
}

// A live stream has one form, by which receivers pass it on: that of RFC 7574, unless draft 10
// was chosen. With who speaks the other form nothing is exchanged, and the operator is told.
func TestProfilesOfLiveStream(t *testing.T) {
	for _, p := range []Profile{ProfileAuto, ProfileDraft10} {
		l := newLab(t, 1)
		st := l.oldStream(8, p)
		seen := st.watch()
		other := ProfileAuto + ProfileDraft10 - p
		home, stranger := l.host(by(p, st.home(0))), l.host(by(other, st.home(0)))
		home.meet(st.source)
		stranger.meet(st.source, home)
		l.run(time.Second)
		st.append(64, 10*time.Millisecond)
		l.run(time.Second)
		st.check(t, home)
		if r := played(t, home); len(r) != 1 || r[0].End != 64 {
			t.Errorf("%v: played %v", p, r)
		}
		if stranger.s.Peers() != 0 || stranger.s.have.Count() != 0 {
			t.Errorf("%v: who speaks %v has %d peers and %d chunks", p, other, stranger.s.Peers(), stranger.s.have.Count())
		}
		for _, h := range []*host{home, st.source, stranger} {
			if h.count(EventBan) != 0 {
				t.Errorf("%v: bans %v", p, h.of(EventBan))
			}
		}
		told := st.source.of(EventMismatch)
		if p == ProfileAuto && (len(told) == 0 || !strings.Contains(told[0].Reason, "draft 10")) {
			t.Errorf("told %v", told)
		}
		for _, m := range st.source.s.live.munros {
			if (m.bare != nil) != (p == ProfileDraft10) || (m.signature != nil) != (p == ProfileAuto) {
				t.Fatalf("%v: signed by draft 10: %v, by RFC 7574: %v", p, m.bare != nil, m.signature != nil)
			}
		}
		// A second receiver is served by the first alone.
		st.source.off = true
		second := l.host(by(p, st.home(60)))
		second.meet(home)
		l.run(3 * time.Second)
		st.check(t, second)
		if r := played(t, second); len(r) != 1 || r[0].End != 64 {
			t.Errorf("%v: behind the home is played %v", p, r)
		}
		for _, h := range []*host{home, second} {
			if v := seen[h.addr.String()]; v == nil || v.wrong != 0 || (v.draft10 > 0) != (p == ProfileDraft10) || (v.rfc > 0) != (p == ProfileAuto) {
				t.Errorf("%v: signatures to %v: %+v", p, h.addr, v)
			}
		}
	}
}

// "The timestamp in the SIGNED_INTEGRITY message protects against such replays" (RFC 7574,
// 12.6.5), but draft 10 signs none, nor the chunks: nobody gets such a signature by leaving
// out the chunk size, and who has one moves no edge by it.
func TestNoDowngradeOfLiveStreams(t *testing.T) {
	l := newLab(t, 1)
	st := l.oldStream(8, ProfileAuto)
	home, p := l.host(st.home(0)), l.puppet()
	st.append(8, time.Millisecond)
	m := st.source.s.live.munros[0]
	for _, h := range []*host{st.source, home} {
		g := greeting(st.meta, 0xabcd)
		g.ChunkSize = 0
		l.send(p.addr, h.addr, initiating(g))
		l.run(time.Second)
		if len(p.inbox) != 0 || len(h.s.order) != 0 {
			t.Fatalf("%v answers a HANDSHAKE by draft 10", h.addr)
		}
	}
	bare, err := st.key.SignBare(m.hash)
	if err != nil {
		t.Fatal(err)
	}
	home.meet(p)
	l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
	g := greeting(st.meta, 0xabcd)
	g.SwarmID, g.ChunkSize = nil, 0
	f := home.s.format
	id := messages(t, f, p.inbox[0].b)[0].Handshake.SourceChannel
	b := wire.AppendHandshake(wire.AppendChannel(nil, id), &g)
	r := chunk.Range{Start: 1 << 30, End: 1<<30 + 8}
	b = f.AppendSignedIntegrity(f.AppendIntegrity(b, r, m.hash), r, livesig.MicrosOfNTP(m.ntp), bare)
	l.send(p.addr, home.addr, b)
	l.run(100 * time.Millisecond)
	if edge, _ := home.s.Edge(); edge != 0 {
		t.Errorf("a munro by draft 10 moved the edge to %d", edge)
	}
}

// A signature that draft 10 lets pass is none to who speaks RFC 7574, and the other way round:
// each is taken in its form only, and a forged one of either bans.
func TestSignatureOfOtherForm(t *testing.T) {
	for _, profile := range []Profile{ProfileAuto, ProfileDraft10} {
		l := newLab(t, 1)
		st := l.oldStream(8, profile)
		st.append(8, time.Millisecond)
		home, p := l.host(by(profile, st.home(0))), l.puppet()
		home.meet(p)
		l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
		reply := greeting(st.meta, 0xabcd)
		reply.SwarmID = nil
		if profile == ProfileDraft10 {
			reply.ChunkSize = 0
		}
		k := link{p: p, to: home, f: home.s.format, id: messages(t, home.s.format, p.inbox[0].b)[0].Handshake.SourceChannel}
		l.send(p.addr, home.addr, wire.AppendHandshake(wire.AppendChannel(nil, k.id), &reply))
		l.run(50 * time.Millisecond)
		m := st.source.s.live.munros[0]
		b := k.f.AppendIntegrity(nil, m.chunks, m.hash)
		if profile == ProfileDraft10 {
			signature, err := st.key.Sign(k.f.AppendSpec(nil, m.chunks), m.ntp, m.hash)
			if err != nil {
				t.Fatal(err)
			}
			b = k.f.AppendSignedIntegrity(b, m.chunks, livesig.MicrosOfNTP(m.ntp), signature)
		} else {
			bare, err := st.key.SignBare(m.hash)
			if err != nil {
				t.Fatal(err)
			}
			b = k.f.AppendSignedIntegrity(b, m.chunks, m.ntp, bare)
		}
		k.say(b)
		l.run(50 * time.Millisecond)
		if home.count(EventBan) != 1 || len(home.s.live.munros) != 0 {
			t.Errorf("%v: the signature of the other form was taken", profile)
		}
	}
}

// libperegrine does not send the one peak of 2^k chunks, for it is the root. Its HAVE of so
// many chunks and the hashes that lead from a chunk to the root say the same.
func TestPeakLeftOut(t *testing.T) {
	f := oldFilm(t, 4<<10)
	l := newLab(t, 1)
	leech, p := l.host(by(ProfileRFC7574, f.leech())), l.puppet()
	leech.want(true)
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	for i := range f.chunks() {
		l.run(20 * time.Millisecond)
		var b []byte
		for at := chunk.Leaf(i); at.Range().Len() < f.chunks(); at = at.Parent() {
			hash, _ := f.tree.Hash(at.Sibling())
			b = k.f.AppendIntegrity(b, at.Sibling().Range(), hash)
		}
		k.say(k.f.AppendData(b, i, 1, f.chunk(i)))
	}
	l.run(100 * time.Millisecond)
	f.check(t, leech)
	if leech.count(EventComplete) != 1 || leech.count(EventBan) != 0 {
		t.Errorf("complete %d times, bans %v", leech.count(EventComplete), leech.of(EventBan))
	}
}

// However fast a peer of draft 10 is, and whatever its way carries, it gets one chunk a
// datagram, at its end, while others get trains and several chunks at once.
func TestDraft10InBulk(t *testing.T) {
	f := newFilm(t, 1<<20, func(m *ppsp.Metadata) { m.Hash, m.ChunkSize = ppsp.SHA1, 512 })
	for _, p := range []Profile{ProfileDraft10, ProfileRFC7574} {
		l := newLab(t, 1)
		l.delay = 100e3
		cfg := by(p, f.seed(f.all()))
		cfg.PathMTU = func(netip.AddrPort) int { return 65_000 }
		leech, seed := l.host(by(p, f.leech())), l.host(cfg)
		most, behind, biggest := 0, 0, 0
		l.tap = func(d flying) bool {
			all := messages(t, seed.s.format, d.b)
			n := has(all, wire.TypeData)
			most, biggest = max(most, n), max(biggest, len(d.b))
			if n > 0 && all[len(all)-1].Type != wire.TypeData {
				behind++
			}
			return true
		}
		leech.want(true)
		leech.meet(seed)
		l.until(30*time.Second, "complete", leech.s.Complete)
		f.check(t, leech)
		if behind > 0 || p == ProfileDraft10 && (most != 1 || biggest > MaxDatagram) || p == ProfileRFC7574 && most < 2 {
			t.Errorf("by %v: up to %d chunks a datagram, %d bytes, %d with something behind them", p, most, biggest, behind)
		}
	}
}
