package swarm

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// by returns cfg with a profile.
func by(p Profile, cfg Config) Config {
	cfg.Profile = p
	return cfg
}

// oldFilm is one that draft 10 can name.
func oldFilm(t testing.TB, size int) film {
	return newFilm(t, size, func(m *ppsp.Metadata) { m.Hash = ppsp.SHA1 })
}

// oldStream is a live stream that draft 10 can name, signed by an ECDSA key.
func (l *lab) oldStream(perSignature uint64, p Profile) *stream {
	l.t.Helper()
	key, err := livesig.Generate(ppsp.ECDSAP256SHA256, rand.NewChaCha8([32]byte{10}))
	if err != nil {
		l.t.Fatal(err)
	}
	st := &stream{l: l, key: key, n: perSignature, meta: ppsp.LiveDefaults(key.SwarmID()), sent: map[uint64][]byte{}}
	st.meta.ChunkSize, st.meta.Hash = 256, ppsp.SHA1
	st.source = l.host(by(p, st.config()))
	return st
}

func TestProfileWords(t *testing.T) {
	for _, p := range []Profile{ProfileAuto, ProfileRFC7574, ProfileDraft10} {
		if got, err := ParseProfile(p.String()); got != p || err != nil {
			t.Errorf("%v reads as %v, %v", p, got, err)
		}
	}
	if _, err := ParseProfile("draft11"); err == nil || !strings.Contains(err.Error(), "draft10") {
		t.Errorf("an unknown word: %v", err)
	}
	if s := Profile(9).String(); s != "profile 9" {
		t.Errorf("an unknown profile is %q", s)
	}
}

func TestDraft10Fits(t *testing.T) {
	root := ppsp.SwarmID(strings.Repeat("r", 20))
	key := ppsp.SwarmID("\x0d" + strings.Repeat("k", 64))
	live := func(change func(*ppsp.Metadata)) ppsp.Metadata {
		m := ppsp.LiveDefaults(key)
		m.Hash = ppsp.SHA1
		change(&m)
		return m
	}
	old := ppsp.Metadata{SwarmID: root, Integrity: ppsp.IntegrityMerkle, Addressing: ppsp.ChunkRanges32, ChunkSize: 1024}
	bins := old
	bins.Addressing = ppsp.Bins32
	tests := []struct {
		m    ppsp.Metadata
		want string // empty: it fits
	}{
		{old, ""},
		{bins, ""},
		{live(func(*ppsp.Metadata) {}), ""},
		{live(func(m *ppsp.Metadata) { m.Signature = ppsp.RSASHA1 }), ""},
		{ppsp.StaticDefaults(root), "sha1 only, not sha256"},
		{live(func(m *ppsp.Metadata) { m.Addressing = ppsp.ChunkRanges64 }), "not chunk64"},
		{live(func(m *ppsp.Metadata) { m.Integrity = ppsp.IntegritySignAll }), "signall"},
		{live(func(m *ppsp.Metadata) { m.Integrity = ppsp.IntegrityNone }), "none"},
		{live(func(m *ppsp.Metadata) { m.Signature = ppsp.Ed25519 }), "not ed25519"},
		{live(func(m *ppsp.Metadata) { m.Signature = ppsp.RSASHA256 }), "not rsasha256"},
	}
	for _, tt := range tests {
		err := Draft10Fits(tt.m)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.m, err, tt.want)
		}
	}
	f := newFilm(t, 3000, nil)
	l := newLab(t, 1)
	if _, err := New(l.config(by(ProfileDraft10, f.leech()))); err == nil || !strings.Contains(err.Error(), "sha1") {
		t.Errorf("a swarm of SHA-256 by draft 10: %v", err)
	}
}

// handshakes returns the HANDSHAKEs that came to p, each in the form of its datagram.
func handshakes(p *host, f wire.Format) (all []wire.Handshake, raw []string) {
	p.l.t.Helper()
	for _, d := range p.inbox {
		if m := messages(p.l.t, f, d.b); len(m) > 0 && m[0].Type == wire.TypeHandshake {
			all, raw = append(all, m[0].Handshake), append(raw, hex.EncodeToString(d.b))
		}
	}
	return all, raw
}

// A silent peer is greeted by RFC 7574, then by draft 10, in turns. That of draft 10 has the
// 43 bytes that libswift sends.
func TestProfileTakesTurns(t *testing.T) {
	old, sized := oldFilm(t, 3000), newFilm(t, 3000, nil)
	tests := []struct {
		name string
		cfg  Config
		want string // r: by RFC 7574, d: by draft 10
	}{
		{"auto", old.leech(), "rrdrd"},
		{"rfc7574", by(ProfileRFC7574, old.leech()), "rrrrr"},
		{"draft10", by(ProfileDraft10, old.leech()), "ddddd"},
		{"auto, of what draft 10 does not know", sized.leech(), "rrrrr"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, 1)
			h, p := l.host(tt.cfg), l.puppet()
			h.meet(p)
			l.run(7 * time.Second)
			got := ""
			all, raw := handshakes(p, h.s.format)
			for k, g := range all {
				if g.Has&wire.HasChunkSize != 0 {
					got += "r"
					continue
				}
				got += "d"
				want := fmt.Sprintf("0000000000%08x0001010102%04x%s030104000602ff", g.SourceChannel, 20, old.meta.SwarmID)
				if raw[k] != want {
					t.Errorf("by draft 10\n  was  %s\n  want %s", raw[k], want)
				}
			}
			if got = got[:min(len(got), 5)]; got != tt.want {
				t.Errorf("forms %s, want %s", got, tt.want)
			}
		})
	}
}

// Whoever took draft 10 is greeted that way the next time.
func TestProfileRemembered(t *testing.T) {
	f := oldFilm(t, 20_000)
	l := newLab(t, 1)
	leech, seed := l.host(f.leech()), l.host(by(ProfileDraft10, f.seed(f.all())))
	leech.want(true)
	leech.meet(seed)
	l.until(10*time.Second, "complete", leech.s.Complete)
	f.check(t, leech)
	if at := leech.of(EventPeerUp); len(at) != 1 || !leech.s.order[0].draft10 || !seed.s.order[0].draft10 {
		t.Fatalf("peers %v, draft 10 is not spoken", at)
	}
	first := ""
	l.tap = func(d flying) bool {
		if first == "" && d.from == leech.addr && d.b[0]|d.b[1]|d.b[2]|d.b[3] == 0 {
			first = hex.EncodeToString(d.b)
		}
		return true
	}
	leech.s.order[0].close("to begin again")
	leech.drain()
	leech.meet(seed)
	l.until(5*time.Second, "connected", func() bool { return leech.s.Peers() > 0 && first != "" })
	if len(first) != 2*43 {
		t.Errorf("the second greeting was %s", first)
	}
	first = ""
	seed.start(f.seed(f.all())) // it was replaced by a newer program
	leech.s.order[0].close("to begin again")
	leech.drain()
	leech.meet(seed)
	l.until(5*time.Second, "connected", func() bool { return leech.s.Peers() > 0 && first != "" })
}

// "As responder, leave out 8 and 9 if the initiator sent no 9": and nothing else is left out
// or added, so that the answer is the one libswift gives.
func TestProfileOfAnswer(t *testing.T) {
	f := oldFilm(t, 3000)
	tests := []struct {
		name    string
		profile Profile
		chunked bool
		want    int // options 8 and 9 in the answer; -1: silence
	}{
		{"auto, to RFC 7574", ProfileAuto, true, 2},
		{"auto, to draft 10", ProfileAuto, false, 0},
		{"rfc7574, to RFC 7574", ProfileRFC7574, true, 2},
		{"rfc7574, to draft 10", ProfileRFC7574, false, -1},
		{"draft10, to RFC 7574", ProfileDraft10, true, -1},
		{"draft10, to draft 10", ProfileDraft10, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, 1)
			seed, p := l.host(by(tt.profile, f.seed(f.all()))), l.puppet()
			h := greeting(f.meta, 0xabcd)
			if !tt.chunked {
				h.ChunkSize = 0
			}
			l.send(p.addr, seed.addr, initiating(h))
			l.run(time.Second)
			all, raw := handshakes(p, seed.s.format)
			if len(all) == 0 {
				if tt.want >= 0 {
					t.Error("it is silent")
				}
				return
			}
			got := 0
			if all[0].Has&wire.HasSupported != 0 {
				got++
			}
			if all[0].Has&wire.HasChunkSize != 0 {
				got++
			}
			if got != tt.want {
				t.Errorf("the answer has %d of the two options, want %d", got, tt.want)
			}
			if want := fmt.Sprintf("0000abcd00%08x0001030104000602ff030000000000000002", all[0].SourceChannel); tt.want == 0 && raw[0] != want {
				t.Errorf("the answer\n  was  %s\n  want %s", raw[0], want)
			}
		})
	}
}

// The answer decides, not the form of the HANDSHAKE that was answered: libperegrine takes
// either and answers in its own.
func TestProfileByAnswer(t *testing.T) {
	f := oldFilm(t, 3000)
	for _, chunked := range []bool{true, false} {
		l := newLab(t, 1)
		leech, p := l.host(f.leech()), l.puppet()
		leech.meet(p)
		l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
		reply := greeting(f.meta, 0xabcd)
		reply.SwarmID, reply.MinVersion = nil, 0
		if !chunked {
			reply.ChunkSize = 0
		}
		id := messages(t, leech.s.format, p.inbox[0].b)[0].Handshake.SourceChannel
		l.send(p.addr, leech.addr, wire.AppendHandshake(wire.AppendChannel(nil, id), &reply))
		l.run(100 * time.Millisecond)
		if c := leech.s.order[0]; c.state != stateOpen || c.draft10 == chunked {
			t.Errorf("answered with chunk size: %v, state %d, draft 10: %v", chunked, c.state, c.draft10)
		}
		leech.s.Close(l.now)
		p.inbox = nil
		leech.drain()
		l.run(100 * time.Millisecond)
		want := "0000abcd0000000000ff" // libswift's farewell
		if chunked {
			want = "0000abcd00000000000001ff"
		}
		if _, raw := handshakes(p, leech.s.format); !slices.Equal(raw, []string{want}) {
			t.Errorf("the farewell is %v, want %s", raw, want)
		}
	}
}

// Each pair of profiles that has one in common exchanges a film, on a bad line too.
func TestProfilesMeet(t *testing.T) {
	f := oldFilm(t, 100_000)
	for _, tt := range []struct{ leech, seed Profile }{
		{ProfileDraft10, ProfileDraft10},
		{ProfileAuto, ProfileDraft10},
		{ProfileDraft10, ProfileAuto},
		{ProfileAuto, ProfileAuto},
		{ProfileAuto, ProfileRFC7574},
		{ProfileRFC7574, ProfileAuto},
	} {
		t.Run(fmt.Sprintf("%v from %v", tt.leech, tt.seed), func(t *testing.T) {
			l := newLab(t, 3)
			l.loss, l.jitter, l.again = 0.05, 5e6, 0.02
			leech, seed := l.host(by(tt.leech, f.leech())), l.host(by(tt.seed, f.seed(f.all())))
			leech.want(true)
			leech.meet(seed)
			l.until(60*time.Second, "complete", leech.s.Complete)
			f.check(t, leech)
			if n := leech.count(EventBan) + seed.count(EventBan); n != 0 {
				t.Errorf("%d bans", n)
			}
		})
	}
}

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
		for n, m := range all {
			switch m.Type {
			case wire.TypeIntegrity:
				b, ok := chunk.BinOf(m.Chunks)
				if !ok {
					k.p.l.t.Fatalf("a hash of %v, which is no aligned range of a power of two", m.Chunks)
				}
				v.proof.Add(b, m.Payload)
			case wire.TypeData:
				if n != len(all)-1 {
					k.p.l.t.Fatalf("something follows a chunk: %v", types(k.p.l.t, k.f, d.b))
				}
				if err := v.tree.Verify(m.Chunks.Start, m.Payload, &v.proof); err != nil {
					v.drops++
					continue
				}
				v.got.Add(m.Chunks)
				k.say(k.f.AppendAck(nil, m.Chunks, 1000))
			}
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

// A closing HANDSHAKE to channel 0 ends the attempt to reach its sender, and that only.
func TestRefusedByAddress(t *testing.T) {
	f := oldFilm(t, 3000)
	l := newLab(t, 1)
	leech := l.host(by(ProfileDraft10, f.leech()))
	p, q, friend := l.puppet(), l.puppet(), l.host(by(ProfileDraft10, f.seed(f.all())))
	leech.meet(p, q, friend)
	l.run(100 * time.Millisecond)
	if leech.s.channelTo(p.addr) == nil || !leech.connected(friend) {
		t.Fatal("nobody is greeted")
	}
	refusal, _ := hex.DecodeString("000000000000000000ff")
	for _, from := range []*host{p, friend} {
		l.send(from.addr, leech.addr, refusal)
	}
	l.run(50 * time.Millisecond)
	if leech.s.channelTo(p.addr) != nil || leech.s.channelTo(q.addr) == nil || !leech.connected(friend) {
		t.Errorf("p %v, q %v, friend %v", leech.s.channelTo(p.addr), leech.s.channelTo(q.addr), leech.connected(friend))
	}
	if l.run(2 * time.Second); leech.s.channelTo(p.addr) == nil {
		t.Error("it was not tried again")
	}
}

// libswift begins with a handshake of before the IETF's when it is not answered: it gets none.
func TestPreIETFHandshake(t *testing.T) {
	f := oldFilm(t, 3000)
	l := newLab(t, 1)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	old, _ := hex.DecodeString("00000000" + "04" + "7fffffff" + hex.EncodeToString([]byte(f.meta.SwarmID)) + "00" + "00000ab1")
	l.send(p.addr, seed.addr, old)
	l.run(time.Second)
	if len(p.inbox) != 0 || len(seed.s.order) != 0 {
		t.Errorf("it was answered: %v", p.inbox)
	}
}

// A peer that begins a second handshake from the same port, as libswift does when it has all,
// stays connected.
func TestSecondHandshake(t *testing.T) {
	f := oldFilm(t, 3000)
	l := newLab(t, 1)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	h := greeting(f.meta, 0xabcd)
	h.ChunkSize = 0
	for _, id := range []uint32{0xabcd, 0xabce, 0xabcf} {
		h.SourceChannel = id
		p.inbox = nil
		l.send(p.addr, seed.addr, initiating(h))
		l.run(100 * time.Millisecond)
		if len(p.inbox) == 0 {
			t.Fatalf("the handshake of %x was not answered", id)
		}
		ours := messages(t, seed.s.format, p.inbox[0].b)[0].Handshake.SourceChannel
		l.send(p.addr, seed.addr, wire.AppendChannel(nil, ours))
		l.run(5 * time.Second)
		if !seed.connected(p) || len(seed.s.order) != 1 {
			t.Errorf("%d channels to the peer", len(seed.s.order))
		}
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

// A source that speaks both forms signs for each peer in the form it knows, and for nobody in
// that of draft 10 unless one asks. Receivers pass on what they were given.
func TestProfilesOfLiveStream(t *testing.T) {
	l := newLab(t, 1)
	st := l.oldStream(8, ProfileAuto)
	seen := st.watch()
	now, then := l.host(by(ProfileRFC7574, st.home(0))), l.host(by(ProfileDraft10, st.home(0)))
	now.meet(st.source)
	l.run(time.Second)
	st.append(64, 10*time.Millisecond)
	for _, m := range st.source.s.live.munros {
		if m.bare != nil {
			t.Fatal("the source signs by draft 10 for nobody")
		}
	}
	then.meet(st.source)
	l.run(time.Second)
	st.append(160, 10*time.Millisecond)
	l.run(time.Second)
	for _, h := range []*host{now, then} {
		st.check(t, h)
		if p := played(t, h); len(p) != 1 || p[0].End != 224 || p[0].Len() < 160 {
			t.Errorf("%v played %v", h.addr, p)
		}
	}
	if v := seen[now.addr.String()]; v.rfc == 0 || v.draft10+v.wrong != 0 {
		t.Errorf("signatures to who speaks RFC 7574: %+v", *v)
	}
	if v := seen[then.addr.String()]; v.draft10 == 0 || v.rfc+v.wrong != 0 {
		t.Errorf("signatures to who speaks draft 10: %+v", *v)
	}
	// A second receiver of each form is served by the first alone.
	st.source.off = true
	for _, first := range []*host{now, then} {
		second := l.host(by(first.s.cfg.Profile, st.home(100)))
		second.meet(first)
		l.run(3 * time.Second)
		st.check(t, second)
		if p := played(t, second); len(p) != 1 || p[0].End != 224 {
			t.Errorf("behind %v is played %v", first.addr, p)
		}
	}
	for name, v := range seen {
		if v.wrong > 0 {
			t.Errorf("to %s went %+v", name, *v)
		}
	}
}

// A receiver cannot prove to a peer of draft 10 what was signed by RFC 7574, so it offers
// that peer nothing, and bans it for nothing either.
func TestLiveStreamOfOneForm(t *testing.T) {
	l := newLab(t, 1)
	st := l.oldStream(8, ProfileRFC7574)
	home, old := l.host(by(ProfileAuto, st.home(0))), l.host(by(ProfileDraft10, st.home(0)))
	home.meet(st.source)
	l.run(time.Second)
	old.meet(home)
	st.append(64, 10*time.Millisecond)
	l.run(time.Second)
	if !old.connected(home) || !home.connected(old) {
		t.Fatal("the two are not connected")
	}
	if n := old.s.order[0].peerHave.Count(); n != 0 || old.s.have.Count() != 0 || old.count(EventBan)+home.count(EventBan) != 0 {
		t.Errorf("%d chunks were offered, %d came, %d bans", n, old.s.have.Count(), old.count(EventBan)+home.count(EventBan))
	}
	if home.s.have.Count() == 0 {
		t.Error("nothing was received at all")
	}
}

// A signature that draft 10 lets pass is none to who speaks RFC 7574, and the other way round:
// each is taken in its form only, and a forged one of either bans.
func TestSignatureOfOtherForm(t *testing.T) {
	for _, old := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.oldStream(8, ProfileAuto)
		st.append(8, time.Millisecond)
		home, p := l.host(by(ProfileAuto, st.home(0))), l.puppet()
		home.meet(p)
		l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
		reply := greeting(st.meta, 0xabcd)
		reply.SwarmID = nil
		if old {
			reply.ChunkSize = 0
		}
		k := link{p: p, to: home, f: home.s.format, id: messages(t, home.s.format, p.inbox[0].b)[0].Handshake.SourceChannel}
		l.send(p.addr, home.addr, wire.AppendHandshake(wire.AppendChannel(nil, k.id), &reply))
		l.run(50 * time.Millisecond)
		m := st.source.s.live.munros[0]
		bare, err := st.key.SignBare(m.hash)
		if err != nil {
			t.Fatal(err)
		}
		b := k.f.AppendIntegrity(nil, m.chunks, m.hash)
		if old {
			b = k.f.AppendSignedIntegrity(b, m.chunks, livesig.MicrosOfNTP(m.ntp), m.signature)
		} else {
			b = k.f.AppendSignedIntegrity(b, m.chunks, m.ntp, bare)
		}
		k.say(b)
		l.run(50 * time.Millisecond)
		if home.count(EventBan) != 1 || len(home.s.live.munros) != 0 {
			t.Errorf("by draft 10: %v: the signature of the other form was taken", old)
		}
	}
}
