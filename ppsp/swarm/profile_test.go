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
	"github.com/swarmgate/swarmgate/ppsp/livesig"
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
		{live(func(m *ppsp.Metadata) { m.ChunkSize = ppsp.VariableChunks }), "variable"},
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

// A silent peer is greeted by RFC 7574, then now and again by draft 10. That of draft 10 has the
// 43 bytes that libswift sends.
func TestProfileTakesTurns(t *testing.T) {
	old, sized := oldFilm(t, 3000), newFilm(t, 3000, nil)
	tests := []struct {
		name string
		cfg  Config
		want string // r: by RFC 7574, d: by draft 10
	}{
		{"auto", old.leech(), "rrrrdrrrd"},
		{"rfc7574", by(ProfileRFC7574, old.leech()), "rrrrrrrrr"},
		{"draft10", by(ProfileDraft10, old.leech()), "ddddddddd"},
		{"auto, of what draft 10 does not know", sized.leech(), "rrrrrrrrr"},
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
			if got = got[:min(len(got), len(tt.want))]; got != tt.want {
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
