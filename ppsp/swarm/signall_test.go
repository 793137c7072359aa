package swarm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// signAll adds the source of a stream whose every chunk is signed.
func (l *lab) signAll(change func(*ppsp.Metadata)) *stream {
	return l.stream(0, func(m *ppsp.Metadata) {
		m.Integrity = ppsp.IntegritySignAll
		if change != nil {
			change(m)
		}
	})
}

// signed returns the messages that prove chunk i and hold it, signed so long after 1.7e9.
func (st *stream) signed(i uint64, at time.Duration, b []byte) []byte {
	st.l.t.Helper()
	f := st.source.s.format
	ntp := livesig.NTP(time.Unix(1_700_000_000, int64(at)))
	sig, err := st.key.Sign(f.AppendSpec(nil, chunk.One(i)), ntp, b)
	if err != nil {
		st.l.t.Fatal(err)
	}
	return f.AppendData(f.AppendSignedIntegrity(nil, chunk.One(i), ntp, sig), i, 1, b)
}

// "A peer that wants to send a chunk of content creates a datagram that MUST contain a
// SIGNED_INTEGRITY message with the chunk's signature, followed by a DATA message … If the
// SIGNED_INTEGRITY message and DATA message cannot be contained into a single datagram,
// because of a limitation on datagram size, the SIGNED_INTEGRITY message MUST be sent first in
// a separate datagram" (RFC 7574, 6.1.1).
func TestSignatureBeforeChunk(t *testing.T) {
	for _, size := range []uint32{100, 1024, 1270, 1316, 1400, 8000} {
		l := newLab(t, 1)
		l.logging = true
		st := l.signAll(func(m *ppsp.Metadata) { m.ChunkSize = size })
		h := l.host(st.home(16))
		h.meet(st.source)
		l.run(time.Second)
		st.append(59, 10*time.Millisecond)
		st.finish(90) // has room beside its signature, whatever the others have
		l.run(2 * time.Second)
		together := 4+signedSize+64+1+maxSpec+8+int(size) <= MaxDatagram
		signed := map[uint64]int{}
		chunks := 0
		for _, d := range l.log {
			all := messages(t, h.s.format, d.b)
			for k, m := range all {
				switch m.Type {
				case wire.TypeSignedIntegrity:
					signed[m.Chunks.Start]++
				case wire.TypeIntegrity:
					t.Fatal("a hash where every chunk is signed")
				case wire.TypeData:
					chunks++
					if signed[m.Chunks.Start] == 0 {
						t.Errorf("chunks of %d: %d went before its signature", size, m.Chunks.Start)
					}
					if before := k > 0 && all[k-1].Type == wire.TypeSignedIntegrity && all[k-1].Chunks == m.Chunks; before != (together || m.Chunks.Start == 59) {
						t.Errorf("chunks of %d: signature in the datagram of chunk %d: %v", size, m.Chunks.Start, before)
					}
				}
			}
		}
		if runs := played(t, h); len(runs) != 1 || runs[0].Len() != 60 || chunks != 60 {
			t.Errorf("chunks of %d: %d were sent, played %v", size, chunks, runs)
		}
		st.check(t, h)
	}
}

// A signature may come ahead, or behind its chunk; chunk, number and time are all signed.
func TestSignedChunks(t *testing.T) {
	l := newLab(t, 1)
	st := l.signAll(func(m *ppsp.Metadata) { m.ChunkSize = 100 })
	b := make([]byte, 100)
	good := st.signed(40, time.Second, b)
	size := st.source.s.format.SpecSize()
	head := 1 + size + 8 + 64 // SIGNED_INTEGRITY
	t.Run("behind", func(t *testing.T) {
		h, p := l.host(st.home(16)), l.puppet()
		k := p.accept(h)
		k.say(good[head:])
		l.run(50 * time.Millisecond)
		if h.s.have.Count() != 0 {
			t.Fatal("a chunk without signature was taken")
		}
		k.say(good[:head])
		l.run(50 * time.Millisecond)
		if e, _ := h.s.Edge(); e != 41 || !h.s.have.Has(40) || !h.s.order[0].provable(40) {
			t.Errorf("edge %d, have %v", e, &h.s.have)
		}
	})
	for name, at := range map[string]int{"timestamp": 1 + size, "signature": head - 1, "chunk": len(good) - 1} {
		t.Run(name, func(t *testing.T) {
			h, p := l.host(st.home(16)), l.puppet()
			k := p.accept(h)
			bad := append([]byte{}, good...)
			bad[at] ^= 1
			k.say(bad)
			l.run(50 * time.Millisecond)
			if len(h.of(EventBan)) != 1 || h.s.have.Count() != 0 {
				t.Errorf("%d bans, have %v", len(h.of(EventBan)), &h.s.have)
			}
		})
	}
	t.Run("of several chunks", func(t *testing.T) {
		h, p := l.host(st.home(16)), l.puppet()
		k := p.accept(h)
		r := chunk.Range{Start: 40, End: 42}
		k.say(append(h.s.format.AppendSignedIntegrity(nil, r, 1, make([]byte, 64)), good...))
		l.run(50 * time.Millisecond)
		if h.s.have.Count() != 0 || h.s.counts.BadMessages != 1 {
			t.Errorf("have %v, %+v", &h.s.have, h.s.counts)
		}
	})
}

// "The timestamp in the SIGNED_INTEGRITY message protects against such replays" (RFC 7574,
// 12.6.5): what was signed out of the order of the chunks is not taken, and moves nothing.
func TestReplayedChunks(t *testing.T) {
	l := newLab(t, 1)
	st := l.signAll(func(m *ppsp.Metadata) { m.ChunkSize = 100 })
	cfg := st.home(16)
	cfg.Window = 32
	h, p := l.host(cfg), l.puppet()
	k := p.accept(h)
	b := make([]byte, 100)
	k.say(st.signed(40, 40*time.Second, b))
	l.run(50 * time.Millisecond)
	for name, d := range map[string][]byte{
		"later chunk signed earlier": st.signed(44, 30*time.Second, b),
		"earlier chunk signed later": st.signed(32, 50*time.Second, b),
		"far ahead of the edge":      st.signed(41+aheadSigned, 60*time.Second, b),
		"behind the window":          st.signed(0, 1*time.Second, b),
	} {
		k.say(d)
		l.run(50 * time.Millisecond)
		if e, _ := h.s.Edge(); e != 41 || h.s.have.Count() != 1 {
			t.Errorf("%s: edge %d, have %v", name, e, &h.s.have)
		}
	}
	k.say(st.signed(39, 39*time.Second, b))
	k.say(st.signed(41, 41*time.Second, b))
	l.run(50 * time.Millisecond)
	if e, _ := h.s.Edge(); e != 42 || h.s.have.Count() != 3 || len(h.of(EventBan)) != 0 {
		t.Errorf("edge %d, have %v, bans %v", e, &h.s.have, h.of(EventBan))
	}
}

// A peer that opened a second channel, and has delivered nothing on it yet, is asked for what
// lies beyond the edge all the same: with Sign All nothing else moves that.
func TestEdgeBySecondChannel(t *testing.T) {
	l := newLab(t, 1)
	st := l.signAll(nil)
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	k.say(st.signed(40, time.Second, make([]byte, 256)))
	l.run(50 * time.Millisecond)
	h.s.order[0].useful = false
	k.heard()
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 40, End: 42}))
	l.run(50 * time.Millisecond)
	if asked := spread(k.heard(), wire.TypeRequest); !asked.Has(41) {
		t.Errorf("asked for %v, want chunk 41", asked)
	}
}

// Signatures that wait are bounded, and the newest stay.
func TestSignaturesAreBounded(t *testing.T) {
	var v signatures
	random := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(10 * maxHeld) {
		v.hold(&wire.Message{Chunks: chunk.One(i), Time: i, Spec: []byte{1, 2}, Payload: []byte{byte(i), 1}})
		if random.IntN(3) == 0 {
			v.hold(&wire.Message{Chunks: chunk.One(i), Time: i + 1, Spec: []byte{1, 2}, Payload: []byte{byte(i), 2}})
			if g := v.get(i); g.ntp != i+1 || g.bytes[1] != 2 {
				t.Fatalf("chunk %d: the newer signature is not kept: %+v", i, g)
			}
		}
		if len(v.list) > maxHeld {
			t.Fatalf("%d signatures are kept", len(v.list))
		}
	}
	for i := range uint64(10 * maxHeld) {
		if g := v.get(i); (g != nil) != (i >= 9*maxHeld) {
			t.Errorf("chunk %d: %+v", i, g)
		}
	}
}

// Who hears nothing for longer than the ring of its peers is goes on with what they have then:
// nobody has what came next.
func TestSignAllAfterSleep(t *testing.T) {
	for _, asleep := range []uint64{200, 600, 3000} {
		l := newLab(t, 1)
		st := l.signAll(nil)
		small := st.config()
		small.Window = 512
		st.source.start(small)
		cfg := st.home(16)
		cfg.Window = 512
		h := l.host(cfg)
		h.meet(st.source)
		l.run(time.Second)
		st.append(100, 5*time.Millisecond)
		l.tap = func(flying) bool { return false }
		st.append(asleep, 5*time.Millisecond)
		l.tap = nil
		from := st.source.s.NextChunk()
		st.append(2000, 5*time.Millisecond)
		l.run(time.Second)
		runs := played(t, h)
		last := runs[len(runs)-1]
		if last.End != from+2000 || last.Start > from+1600 {
			t.Errorf("asleep for %d chunks up to %d, played %v", asleep, from, runs)
		}
		st.check(t, h)
	}
}
