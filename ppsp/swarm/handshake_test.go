package swarm

import (
	"bytes"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// heavy tells whether a message is heavy payload, which only proven addresses get.
func heavy(t wire.Type) bool {
	return t == wire.TypeData || t == wire.TypeIntegrity || t == wire.TypeSignedIntegrity
}

// The three datagrams of RFC 7574, 3.1.1, and what they may hold.
func TestHandshakeDatagrams(t *testing.T) {
	l := newLab(t, 1)
	l.logging = true
	f := newFilm(t, 5000, nil)
	q, p := l.host(f.seed(f.all())), l.host(f.seed(chunk.Range{Start: 1, End: 2}))
	p.want(true)
	p.meet(q)
	l.until(time.Second, "connected", func() bool { return p.connected(q) && q.connected(p) })
	first, second, third := l.log[0], l.log[1], l.log[2]
	if first.from != p.addr || second.from != q.addr || third.from != p.addr {
		t.Fatalf("datagrams from %v, %v, %v: want from p, q, p", first.from, second.from, third.from)
	}
	one, two := messages(t, q.s.format, first.b), messages(t, q.s.format, second.b)

	// "The first datagram the initiating Peer P sends to Peer Q MUST start with a
	// HANDSHAKE message … This first datagram MUST be prefixed with the (destination)
	// channel ID 0"
	if id, _ := wire.Channel(first.b); id != 0 || one[0].Type != wire.TypeHandshake {
		t.Errorf("first datagram goes to channel %d and begins with %v", id, one[0].Type)
	}
	// "In particular, the initiating Peer P MUST include the swarm ID."
	if h := one[0].Handshake; !bytes.Equal(h.SwarmID, []byte(f.meta.SwarmID)) || h.Version != 1 || h.MinVersion != 1 {
		t.Errorf("first HANDSHAKE has swarm ID %x, versions %d to %d", h.SwarmID, h.MinVersion, h.Version)
	}
	chanP := one[0].Handshake.SourceChannel
	// "This reply datagram MUST be prefixed with the channel ID chanP sent by Peer P in the
	// first HANDSHAKE message"
	if id, _ := wire.Channel(second.b); id != chanP || two[0].Type != wire.TypeHandshake {
		t.Errorf("second datagram goes to channel %d, want %d, and begins with %v", id, chanP, two[0].Type)
	}
	chanQ := two[0].Handshake.SourceChannel
	// "Datagrams carrying these messages MUST be prefixed with the channel ID chanQ sent by
	// Peer Q."
	if id, _ := wire.Channel(third.b); id != chanQ {
		t.Errorf("third datagram goes to channel %d, want %d", id, chanQ)
	}
	// "The IDs are different and random for security reasons"
	if chanP == 0 || chanQ == 0 || chanP == chanQ {
		t.Errorf("channel IDs %d and %d", chanP, chanQ)
	}
	// "it MUST NOT include any heavy payload", of the first and of the second datagram
	for _, m := range append(one, two...) {
		if heavy(m.Type) {
			t.Errorf("a %v before the third datagram", m.Type)
		}
	}
	// "This reply datagram MAY also contain some minor additional payload, e.g., HAVE
	// messages to indicate Peer Q's current progress"
	if !spread(two, wire.TypeHave).ContainsAll(f.all()) {
		t.Error("the second datagram does not tell what q has")
	}
	// "Therefore, Peer A MUST respond immediately to the second datagram" (12.1.2)
	if third.sent != second.sent+l.delay {
		t.Errorf("third datagram %d ms after the second came", (third.sent-second.sent-l.delay)/1e6)
	}
	if p.count(EventPeerUp) != 1 || q.count(EventPeerUp) != 1 {
		t.Errorf("told of %d and %d peers, want 1 and 1", p.count(EventPeerUp), q.count(EventPeerUp))
	}
}

// The options that RFC 7574, 7 asks for, of films and of live streams, both ways.
func TestHandshakeOptions(t *testing.T) {
	tests := []struct {
		name string
		live bool
		a    ppsp.Addressing
		want wire.Options
	}{
		{"film", false, ppsp.ChunkRanges32, wire.HasIntegrity | wire.HasHash | wire.HasAddressing},
		{"film with bins", false, ppsp.Bins32, wire.HasIntegrity | wire.HasHash | wire.HasAddressing},
		// "A peer in a live swarm MUST include the discard window it uses." (7.9)
		{"stream", true, ppsp.ChunkRanges32, wire.HasIntegrity | wire.HasHash | wire.HasAddressing | wire.HasSignature | wire.HasDiscardWindow},
		{"stream in bytes", true, ppsp.ByteRanges64, wire.HasIntegrity | wire.HasHash | wire.HasAddressing | wire.HasSignature | wire.HasDiscardWindow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, 1)
			l.logging = true
			set := func(m *ppsp.Metadata) { m.Addressing = tt.a }
			var p, q *host
			if tt.live {
				st := l.stream(4, set)
				q, p = st.source, l.host(st.home(8))
			} else {
				f := newFilm(t, 5000, set)
				q, p = l.host(f.seed(f.all())), l.host(f.leech())
			}
			p.meet(q)
			l.run(time.Second)
			for k, d := range l.log[:2] {
				h := messages(t, q.s.format, d.b)[0].Handshake
				want := tt.want | wire.HasVersion | wire.HasSupported | wire.HasChunkSize
				if k == 0 {
					want |= wire.HasMinVersion | wire.HasSwarmID
				}
				if h.Has != want {
					t.Errorf("datagram %d has options %b, want %b", k+1, h.Has, want)
				}
				meta := q.s.meta
				if h.Integrity != meta.Integrity || h.Hash != meta.Hash || h.Addressing != tt.a || h.ChunkSize != meta.ChunkSize || h.Signature != meta.Signature {
					t.Errorf("datagram %d states %+v, want %+v", k+1, h, meta)
				}
				// "For bins and chunk ranges, it is a number of chunks; for byte ranges, it
				// is a number of bytes."
				window := uint64(4096)
				if tt.a == ppsp.ByteRanges64 {
					window *= uint64(meta.ChunkSize)
				}
				if tt.live && h.DiscardWindow != window {
					t.Errorf("discard window %d, want %d", h.DiscardWindow, window)
				}
				for m := wire.TypeHandshake; m <= wire.TypePexResCert; m++ {
					if !h.Supported.Has(m) {
						t.Errorf("%v is not stated to be understood", m)
					}
				}
			}
			if tt.live && p.s.channelTo(q.addr).discard != 4096 {
				t.Errorf("discard window taken for %d chunks", p.s.channelTo(q.addr).discard)
			}
		})
	}
}

// "If any check by Peer Q fails, or if Peers P and Q are not in the same swarm, Peer Q MUST
// NOT send a HANDSHAKE (or any other) message back" (RFC 7574, 3.1.1).
func TestHandshakeRefusedInSilence(t *testing.T) {
	f := newFilm(t, 5000, nil)
	tests := map[string]func(*wire.Handshake){
		"another swarm":       func(h *wire.Handshake) { h.SwarmID = bytes.Repeat([]byte{7}, 32) },
		"no swarm ID":         func(h *wire.Handshake) { h.SwarmID = nil },
		"longer swarm ID":     func(h *wire.Handshake) { h.SwarmID = append(bytes.Clone(h.SwarmID), 0) },
		"no version":          func(h *wire.Handshake) { h.Version = 0 },
		"too new":             func(h *wire.Handshake) { h.Version, h.MinVersion = 3, 2 },
		"no integrity method": func(h *wire.Handshake) { h.Has &^= wire.HasIntegrity; h.Integrity = 0 },
		"other integrity":     func(h *wire.Handshake) { h.Integrity = ppsp.IntegrityNone },
		"live":                func(h *wire.Handshake) { h.Integrity = ppsp.IntegrityUnified },
		"other hash":          func(h *wire.Handshake) { h.Hash = ppsp.SHA1 },
		"no addressing":       func(h *wire.Handshake) { h.Has &^= wire.HasAddressing; h.Addressing = 0 },
		"other addressing":    func(h *wire.Handshake) { h.Addressing = ppsp.Bins32 },
		"wider addressing":    func(h *wire.Handshake) { h.Addressing = ppsp.ChunkRanges64 },
		"other chunk size":    func(h *wire.Handshake) { h.ChunkSize = 1025 },
		"variable chunks":     func(h *wire.Handshake) { h.ChunkSize = wire.VariableChunks },
		"signed":              func(h *wire.Handshake) { h.Signature = ppsp.Ed25519 },
		"closing":             func(h *wire.Handshake) { h.SourceChannel = 0 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 1)
			q, p := l.host(f.seed(f.all())), l.puppet()
			h := greeting(f.meta, 99)
			change(&h)
			l.send(p.addr, q.addr, initiating(h))
			l.run(20 * time.Second)
			if len(p.inbox) != 0 || len(q.s.order) != 0 {
				t.Errorf("%d datagrams in answer, %d channels", len(p.inbox), len(q.s.order))
			}
			// The same puppet is answered once it says the right thing.
			if k := p.greet(q); k.id == 0 {
				t.Error("no answer to the right HANDSHAKE")
			}
		})
	}
}

// What is no HANDSHAKE opens nothing.
func TestNoHandshake(t *testing.T) {
	f := newFilm(t, 5000, nil)
	good := initiating(greeting(f.meta, 99))
	tests := map[string][]byte{
		"empty":           {},
		"three bytes":     {0, 0, 0},
		"channel 0":       {0, 0, 0, 0},
		"unknown type":    {0, 0, 0, 0, 200},
		"HAVE":            wire.Format{Addressing: ppsp.ChunkRanges32}.AppendHave(make([]byte, 4), chunk.One(0)),
		"cut short":       good[:len(good)-1],
		"wrong channel":   append([]byte{1, 2, 3, 4}, good[4:]...),
		"twice an option": append(append([]byte{}, good[:len(good)-1]...), 0, 1, 255),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 1)
			q, p := l.host(f.seed(f.all())), l.puppet()
			l.send(p.addr, q.addr, b)
			l.run(time.Second)
			if len(p.inbox) != 0 || len(q.s.order) != 0 {
				t.Errorf("%d datagrams in answer, %d channels", len(p.inbox), len(q.s.order))
			}
		})
	}
}

// An answer whose metadata differs opens nothing, nor does one on the wrong channel.
func TestAnswerChecked(t *testing.T) {
	f := newFilm(t, 5000, nil)
	tests := map[string]func(*wire.Handshake){
		"other chunk size": func(h *wire.Handshake) { h.ChunkSize = 7 },
		"other swarm":      func(h *wire.Handshake) { h.SwarmID = []byte("another") },
		"other hash":       func(h *wire.Handshake) { h.Hash = ppsp.SHA512 },
		"no version":       func(h *wire.Handshake) { h.Version = 0 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 1)
			p, q := l.host(f.leech()), l.puppet()
			p.meet(q)
			l.run(30 * time.Millisecond)
			chanP := messages(t, p.s.format, q.inbox[0].b)[0].Handshake.SourceChannel
			reply := greeting(f.meta, 5)
			change(&reply)
			l.send(q.addr, p.addr, wire.AppendHandshake(wire.AppendChannel(nil, chanP), &reply))
			l.send(q.addr, p.addr, wire.AppendHandshake(wire.AppendChannel(nil, chanP+1), &wire.Handshake{SourceChannel: 5}))
			l.run(30 * time.Millisecond)
			if p.s.Peers() != 0 {
				t.Error("the channel is open")
			}
			// "Peer P SHOULD continue to process datagrams from Peer Q that do meet this
			// requirement."
			reply = greeting(f.meta, 5)
			l.send(q.addr, p.addr, wire.AppendHandshake(wire.AppendChannel(nil, chanP), &reply))
			l.run(30 * time.Millisecond)
			if p.s.Peers() != 1 {
				t.Error("the right answer, after a wrong one, does not open the channel")
			}
		})
	}
}

// Only the answer opens the channel: other messages on it, before, are not heard.
func TestNothingBeforeTheAnswer(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	p, q := l.host(f.leech()), l.puppet()
	p.want(true)
	p.meet(q)
	l.run(30 * time.Millisecond)
	chanP := messages(t, p.s.format, q.inbox[0].b)[0].Handshake.SourceChannel
	b := wire.AppendChannel(nil, chanP)
	l.send(q.addr, p.addr, p.s.format.AppendHave(b, f.all()))
	l.run(30 * time.Millisecond)
	if c := p.s.channelTo(q.addr); c == nil || c.state != stateInitiating || c.peerHave.Count() != 0 {
		t.Errorf("channel %+v after a HAVE without HANDSHAKE", c)
	}
}

// A refusal ends the attempt at once.
func TestRefusal(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	p, q := l.host(f.leech()), l.puppet()
	p.meet(q)
	l.run(30 * time.Millisecond)
	chanP := messages(t, p.s.format, q.inbox[0].b)[0].Handshake.SourceChannel
	l.send(q.addr, p.addr, wire.AppendHandshake(wire.AppendChannel(nil, chanP), &wire.Handshake{Version: 1}))
	l.run(30 * time.Millisecond)
	if len(p.s.order) != 0 || p.count(EventPeerUp)+p.count(EventPeerDown) != 0 {
		t.Errorf("%d channels, events %v", len(p.s.order), p.events)
	}
}

// A HANDSHAKE that comes twice, or is sent again since the answer was lost, makes one channel.
func TestRepeatedHandshake(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	q, p := l.host(f.seed(f.all())), l.puppet()
	b := initiating(greeting(f.meta, 99))
	for range 5 {
		l.send(p.addr, q.addr, b)
		l.run(30 * time.Millisecond)
	}
	l.run(30 * time.Millisecond)
	if len(q.s.order) != 1 || len(p.inbox) != 5 {
		t.Fatalf("%d channels and %d answers, want 1 and 5", len(q.s.order), len(p.inbox))
	}
	id := messages(t, q.s.format, p.inbox[0].b)[0].Handshake.SourceChannel
	for _, d := range p.inbox {
		if again := messages(t, q.s.format, d.b)[0].Handshake.SourceChannel; again != id {
			t.Errorf("answers name channels %d and %d", id, again)
		}
	}
	k := link{p: p, to: q, f: q.s.format, id: id}
	k.say(nil)
	l.run(50 * time.Millisecond)
	p.inbox = nil
	l.send(p.addr, q.addr, b) // an old copy
	l.run(50 * time.Millisecond)
	if len(q.s.order) != 1 || q.s.Peers() != 1 || len(p.inbox) != 0 {
		t.Errorf("after an old copy %d channels, %d peers, %d answers", len(q.s.order), q.s.Peers(), len(p.inbox))
	}
	// Another channel from the same address is another matter: the peer was started again.
	l.send(p.addr, q.addr, initiating(greeting(f.meta, 100)))
	l.run(50 * time.Millisecond)
	if len(q.s.order) != 2 {
		t.Errorf("%d channels after a HANDSHAKE with a new channel ID, want 2", len(q.s.order))
	}
}

// "PPSPP does not send back much more data than it received, unless it knows it is talking
// to a live peer" (RFC 7574, 12.1.1).
func TestAmplification(t *testing.T) {
	for _, a := range []ppsp.Addressing{ppsp.ChunkRanges32, ppsp.Bins64, ppsp.ByteRanges64} {
		l := newLab(t, 1)
		f := newFilm(t, 400_000, func(m *ppsp.Metadata) { m.Addressing = a })
		var have []chunk.Range
		for i := uint64(0); i < f.chunks(); i += 2 {
			have = append(have, chunk.One(i))
		}
		q, p := l.host(f.seed(have...)), l.puppet()
		b := initiating(greeting(f.meta, 99))
		l.send(p.addr, q.addr, b)
		l.run(20 * time.Second)
		sum := 0
		for _, d := range p.inbox {
			sum += len(d.b)
		}
		if sum == 0 || sum > replyFactor*len(b) {
			t.Errorf("%v: %d bytes in answer to %d, want at most %d times as much", a, sum, len(b), replyFactor)
		}
		// The whole availability follows once the address is proven.
		k := p.greet(q)
		l.run(100 * time.Millisecond)
		if got := spread(k.heard(), wire.TypeHave); got.Count() != uint64(len(have)) {
			t.Errorf("%v: told of %d chunks, want %d", a, got.Count(), len(have))
		}
	}
}

// An unanswered HANDSHAKE is repeated at a steady pace and then at growing intervals, given up, then tried anew.
func TestHandshakeRetries(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	p, q := l.host(f.leech()), l.puppet()
	p.meet(q)
	l.run(8 * time.Second)
	if len(q.inbox) != handshakeTries {
		t.Fatalf("%d HANDSHAKE datagrams in 8 s, want %d", len(q.inbox), handshakeTries)
	}
	for k := 1; k < len(q.inbox); k++ {
		if !bytes.Equal(q.inbox[k].b, q.inbox[0].b) {
			t.Error("the HANDSHAKE sent again differs")
		}
		gap, want, jitter := q.inbox[k].sent-q.inbox[k-1].sent, handshakePause(k-1), int64(0)
		if k >= handshakeBurst {
			jitter = want / 5
		}
		if gap < want || gap > want+jitter {
			t.Errorf("%d ms to the next, want %d to %d", gap/1e6, want/1e6, (want+jitter)/1e6)
		}
	}
	l.run(10 * time.Minute)
	if n := len(q.inbox); n > 12*5*handshakeTries || n < 5*handshakeTries {
		t.Errorf("%d datagrams to a silent address in 10 minutes", n)
	}
	if len(p.s.order) > 1 {
		t.Errorf("%d channels to one address", len(p.s.order))
	}
}

// A peer that never sends the third datagram does not stay.
func TestThirdDatagramMissing(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	q, p := l.host(f.seed(f.all())), l.puppet()
	l.send(p.addr, q.addr, initiating(greeting(f.meta, 99)))
	l.run(9 * time.Second)
	if len(q.s.order) != 1 || q.s.Peers() != 0 || q.s.Connecting() != 1 {
		t.Errorf("%d channels, %d peers before the timeout", len(q.s.order), q.s.Peers())
	}
	l.run(2 * time.Second)
	if len(q.s.order) != 0 || q.count(EventPeerUp) != 0 {
		t.Errorf("%d channels after the timeout", len(q.s.order))
	}
}
