package swarm

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// "the injector MUST NOT send a HAVE message for chunks in the new subtree until it has
// computed the signed munro hash for that subtree" (RFC 7574, 6.1.2.3); and the munro goes
// "in a single datagram" before its first chunk.
func TestMunroBeforeChunks(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	h.meet(st.source)
	l.run(time.Second)
	l.logging = true
	st.append(7, 20*time.Millisecond)
	for _, d := range l.log {
		if d.from == st.source.addr && len(messages(t, h.s.format, d.b)) != 0 {
			t.Fatalf("%v was sent before the subtree was whole", types(t, h.s.format, d.b))
		}
	}
	st.append(57, 20*time.Millisecond)
	l.run(time.Second)
	signed := map[chunk.Range]bool{}
	chunks := 0
	for _, d := range l.log {
		if d.from != st.source.addr {
			continue
		}
		all := messages(t, h.s.format, d.b)
		for k, m := range all {
			switch m.Type {
			case wire.TypeSignedIntegrity:
				if k == 0 || all[k-1].Type != wire.TypeIntegrity || all[k-1].Chunks != m.Chunks {
					t.Errorf("the signature of %v does not follow its hash", m.Chunks)
				}
				signed[m.Chunks] = true
			case wire.TypeData:
				chunks++
				i := m.Chunks.Start
				if munro := (chunk.Range{Start: i / 8 * 8, End: i/8*8 + 8}); !signed[munro] {
					t.Errorf("chunk %d went before its munro", i)
				}
			}
		}
	}
	if chunks != 64 {
		t.Errorf("%d chunks were sent, want 64", chunks)
	}
}

// "Peer A MUST send its rightmost signed munro hash to Peer B in the third datagram, and in
// any subsequent datagrams to Peer B, until Peer B indicates that it possess a chunk with the
// same corresponding munro or a more recent munro … when Peer B sends the fourth datagram or
// any subsequent datagram to Peer A, Peer B MUST send its rightmost signed munro hash … MUST
// NOT send the signed munro hash in the first datagram … and Peer B MUST NOT send it in the
// second" (RFC 7574, 6.1.2.4).
func TestSecureTuneIn(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(64, 0)
	edge := chunk.Range{Start: 56, End: 64}
	signs := func(d flying) bool {
		for _, m := range messages(t, st.source.s.format, d.b) {
			if m.Type == wire.TypeSignedIntegrity && m.Chunks == edge {
				return true
			}
		}
		return false
	}
	t.Run("fourth", func(t *testing.T) { // the source answers
		h := l.host(st.home(16))
		l.logging, l.log = true, nil
		h.meet(st.source)
		l.run(500 * time.Millisecond)
		if signs(l.log[0]) || signs(l.log[1]) {
			t.Error("a munro before the third datagram")
		}
		fourth := l.log[3]
		if fourth.from != st.source.addr || !signs(fourth) {
			t.Errorf("the fourth datagram holds %v", types(t, h.s.format, fourth.b))
		}
		st.check(t, h)
	})
	t.Run("third", func(t *testing.T) { // the source begins
		p := l.puppet()
		p.inbox = nil
		st.source.meet(p)
		l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
		k := link{p: p, to: st.source, f: st.source.s.format, id: messages(t, st.source.s.format, p.inbox[0].b)[0].Handshake.SourceChannel}
		reply := greeting(st.meta, 77)
		p.inbox = nil
		l.send(p.addr, st.source.addr, wire.AppendHandshake(wire.AppendChannel(nil, k.id), &reply))
		l.run(50 * time.Millisecond)
		if len(p.inbox) == 0 || !signs(p.inbox[0]) {
			t.Fatal("no munro in the third datagram")
		}
		for range 3 { // and in any subsequent one
			p.inbox = nil
			k.say(k.f.AppendRequest(nil, chunk.One(60)))
			l.run(time.Second)
			if len(p.inbox) == 0 || !signs(p.inbox[0]) {
				t.Fatal("no munro in a later datagram")
			}
		}
		k.say(k.f.AppendHave(nil, chunk.One(57))) // a chunk with the same munro
		l.run(100 * time.Millisecond)
		p.inbox = nil
		k.say(k.f.AppendRequest(nil, chunk.One(61)))
		l.run(100 * time.Millisecond)
		if len(p.inbox) == 0 || signs(p.inbox[0]) {
			t.Error("the munro is sent on after a chunk of it was shown")
		}
	})
}

// munro returns the messages that prove chunks r of the stream, signed at the time given.
func (st *stream) munro(r chunk.Range, at time.Duration) []byte {
	st.l.t.Helper()
	hash, ok := st.source.s.live.tree.Munro(r)
	if !ok {
		hash = bytes.Repeat([]byte{5}, 32) // one that the source never made
	}
	f := st.source.s.format
	ntp := livesig.NTP(time.Unix(1_700_000_000, int64(at)))
	signature, err := st.key.Sign(f.AppendSpec(nil, r), ntp, hash)
	if err != nil {
		st.l.t.Fatal(err)
	}
	return f.AppendSignedIntegrity(f.AppendIntegrity(nil, r, hash), r, ntp, signature)
}

// "When a peer receives a SIGNED_INTEGRITY message with a signed munro hash but the timestamp
// is too old, the peer MUST discard the message" (RFC 7574, 6.1.2.4).
func TestOldMunros(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(80, 0)
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	at := func(chunks uint64) chunk.Range { return chunk.Range{Start: chunks - 8, End: chunks} }
	edge := func() uint64 { e, _ := h.s.Edge(); return e }
	k.say(st.munro(at(40), 40*time.Second))
	l.run(50 * time.Millisecond)
	if edge() != 40 {
		t.Fatalf("edge %d after the first munro, want 40", edge())
	}
	refused := map[string][]byte{
		"later chunks signed earlier": st.munro(at(64), 30*time.Second),
		"earlier chunks signed later": st.munro(at(32), 50*time.Second),
		"the same chunks again":       st.munro(at(40), 41*time.Second),
		"overlapping":                 st.munro(chunk.Range{Start: 32, End: 48}, 41*time.Second),
		"within":                      st.munro(chunk.Range{Start: 36, End: 40}, 39*time.Second),
	}
	for name, b := range refused {
		k.say(b)
		l.run(50 * time.Millisecond)
		if edge() != 40 || len(h.s.live.munros) != 1 {
			t.Errorf("%s: edge %d, %d munros", name, edge(), len(h.s.live.munros))
		}
	}
	k.say(st.munro(at(24), 20*time.Second)) // older, and signed before: in order
	k.say(st.munro(at(72), 60*time.Second))
	l.run(50 * time.Millisecond)
	if edge() != 72 || len(h.s.live.munros) != 3 {
		t.Errorf("edge %d, %d munros, want 72 and 3", edge(), len(h.s.live.munros))
	}
	if len(h.of(EventBan)) != 0 {
		t.Error("a replay is no reason to ban: the peer may not know")
	}
}

// Who tuned in by an old munro, and has played nothing, tunes in again when it learns of the
// edge; a munro that is merely the next does not move the place.
func TestTuneInByOldMunro(t *testing.T) {
	for _, stale := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.stream(8, nil)
		st.append(800, 0)
		h, p := l.host(st.home(16)), l.puppet()
		k := p.accept(h)
		k.say(st.munro(chunk.Range{Start: 72, End: 80}, time.Second))
		l.run(200 * time.Millisecond)
		later := 1200 * time.Millisecond
		if stale {
			later = 9 * time.Second
		}
		k.say(st.munro(chunk.Range{Start: 792, End: 800}, later))
		l.run(50 * time.Millisecond)
		want := uint64(64)
		if stale {
			want = 784
		}
		if _, next := h.s.Edge(); next != want {
			t.Errorf("stale %v: playing begins with %d, want %d", stale, next, want)
		}
	}
}

// "a peer MUST check the signature before forwarding the chunks" (RFC 7574, 6.1.2.1): a forged
// one shuts its sender out, and nothing of it is believed.
func TestForgedMunro(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(80, 0)
	good := st.munro(chunk.Range{Start: 32, End: 40}, time.Second)
	size := st.source.s.format.SpecSize()
	tests := map[string]int{ // byte to change, from the end of INTEGRITY and SIGNED_INTEGRITY
		"hash":      1 + size,
		"timestamp": 1 + size + 32 + 1 + size,
		"signature": len(good) - 1,
	}
	for name, at := range tests {
		t.Run(name, func(t *testing.T) {
			h, p := l.host(st.home(16)), l.puppet()
			k := p.accept(h)
			b := append([]byte{}, good...)
			b[at] ^= 1
			k.say(b)
			l.run(50 * time.Millisecond)
			if bans := h.of(EventBan); len(bans) != 1 || bans[0].Peer != p.addr || !strings.Contains(bans[0].Reason, "signature") {
				t.Errorf("bans: %v", bans)
			}
			if e, _ := h.s.Edge(); e != 0 || len(h.s.live.munros) != 0 {
				t.Errorf("edge %d by a forged munro", e)
			}
			h.meet(st.source)
			l.run(time.Second)
			if e, _ := h.s.Edge(); e != 80 {
				t.Errorf("edge %d from the honest source, want 80", e)
			}
		})
	}
	// The range is signed too. Here the hash does not come for it, so it is dropped.
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	b := append([]byte{}, good...)
	b[1+size+32+1+3] ^= 8
	k.say(b)
	l.run(50 * time.Millisecond)
	if e, _ := h.s.Edge(); e != 0 {
		t.Errorf("edge %d by a munro of another range", e)
	}
}

// Subtrees that no source makes are refused.
func TestMunroSizes(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	hash := make([]byte, 32)
	for _, r := range []chunk.Range{chunk.One(5), {Start: 0, End: 3}, {Start: 2, End: 6}, {Start: 0, End: 2 * MaxMunro}} {
		ntp := livesig.NTP(time.Unix(1_700_000_000, 0))
		signature, err := st.key.Sign(k.f.AppendSpec(nil, r), ntp, hash)
		if err != nil {
			t.Fatal(err)
		}
		k.say(k.f.AppendSignedIntegrity(k.f.AppendIntegrity(nil, r, hash), r, ntp, signature))
		l.run(50 * time.Millisecond)
		if e, _ := h.s.Edge(); e != 0 {
			t.Errorf("a munro over %v was taken", r)
		}
	}
}

// What Append refuses, and what New refuses of a source.
func TestSourceRefuses(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	if err := st.source.s.Append(0, make([]byte, 255)); err == nil {
		t.Error("a short chunk was appended")
	}
	h := l.host(st.home(8))
	if err := h.s.Append(0, make([]byte, 256)); err == nil {
		t.Error("a home appends")
	}
	f := newFilm(t, 100, nil)
	if err := l.host(f.leech()).s.Append(0, make([]byte, 1024)); err == nil {
		t.Error("a film is appended to")
	}
	other, err := livesig.Generate(ppsp.Ed25519, rand.NewChaCha8([32]byte{9}))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no window":         func(c *Config) { c.Window = 0 },
		"huge window":       func(c *Config) { c.Window = MaxLiveWindow + 1 },
		"one a signature":   func(c *Config) { c.ChunksPerSignature = 1 },
		"no power of two":   func(c *Config) { c.ChunksPerSignature = 24 },
		"too many":          func(c *Config) { c.ChunksPerSignature = 2 * MaxMunro },
		"small window":      func(c *Config) { c.Window = 15 },
		"first not aligned": func(c *Config) { c.FirstChunk = 4 },
		"another key":       func(c *Config) { c.Key = other },
		"no store":          func(c *Config) { c.Store = nil },
		"no key in the ID":  func(c *Config) { c.Meta.SwarmID = "\x0fabc" },
		"sign all":          func(c *Config) { c.Meta.Integrity = ppsp.IntegritySignAll },
		"no integrity":      func(c *Config) { c.Meta.Integrity = ppsp.IntegrityNone },
		"unknown hash":      func(c *Config) { c.Meta.Hash = 9 },
	} {
		cfg := l.config(st.config())
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
	st.source.store.err = errFull
	if err := st.source.s.Append(0, make([]byte, 256)); err == nil || !strings.Contains(err.Error(), string(errFull)) {
		t.Errorf("append to a full store: %v", err)
	}
	if st.source.s.NextChunk() != 0 || h.s.NextChunk() != 0 {
		t.Error("a chunk that was refused was counted")
	}
}

// Chunk addressing has an end, which the source reports instead of going around.
func TestLastChunkNumber(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(2, func(m *ppsp.Metadata) { m.Addressing = ppsp.Bins32 })
	st.first = 1<<31 - 4
	st.source.start(st.config())
	var err error
	for range 8 {
		if err = st.source.s.Append(0, make([]byte, 256)); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "new key") {
		t.Errorf("behind the last chunk number: %v", err)
	}
}
