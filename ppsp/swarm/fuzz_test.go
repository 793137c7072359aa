package swarm

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// script reads the numbers that a fuzzer's input stands for; it never runs dry.
type script struct{ b []byte }

func (s *script) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	v := s.b[0]
	s.b = s.b[1:]
	return v
}

func (s *script) take(n int) []byte {
	v := s.b[:min(n, len(s.b))]
	s.b = s.b[len(v):]
	return v
}

// number returns mostly small numbers, at times huge ones.
func (s *script) number() uint64 {
	v := uint64(s.byte())
	switch {
	case v < 0xe0:
		return v
	case v < 0xf8:
		return v<<8 | uint64(s.byte())
	}
	var b [8]byte
	copy(b[:], s.take(8))
	return binary.BigEndian.Uint64(b[:]) >> (8 * (v & 7))
}

func (s *script) span() chunk.Range {
	start := s.number()
	end := start + 1 + s.number()
	if end <= start {
		end = start + 1
	}
	return chunk.Range{Start: start, End: end}
}

// jumping returns a span that may begin far from where others do, as the numbers of a stream
// whose source was started again.
func (s *script) jumping() chunk.Range {
	r := s.span()
	if k := s.byte(); k >= 0xc0 {
		far := uint64(1) << (k % 64)
		r = chunk.Range{Start: r.Start + far, End: r.End + far}
	}
	if r.End <= r.Start {
		r = chunk.One(r.Start % (1 << 62))
	}
	return r
}

// fuzzed is an engine under the fuzzer, with what is needed to tell it truths among lies.
type fuzzed struct {
	*host
	t     *testing.T
	s     *script
	f     film
	key   *livesig.PrivateKey
	peers []netip.AddrPort
	lost  map[uint64]bool // chunks that the store lost, and may take again
}

// The films and keys are the same for all inputs.
var fuzzFilm = newFilm(&testing.T{}, 200*20-7, func(m *ppsp.Metadata) { m.ChunkSize = 20 })

// The engines that a script can play with: films and streams, by each integrity method.
const (
	fuzzLeech = iota
	fuzzSeed
	fuzzUnprotected // film
	fuzzHome        // by each of liveMethods
	fuzzSource      = fuzzHome + 3
	fuzzKinds       = fuzzSource + 3
)

func newFuzzed(t *testing.T, s *script) *fuzzed {
	l := newLab(t, uint64(s.byte()))
	l.tap = func(flying) bool { return false }
	l.logging = true
	z := &fuzzed{t: t, s: s, f: fuzzFilm, lost: map[uint64]bool{}}
	choice := s.byte()
	var cfg Config
	switch kind := int(choice) % fuzzKinds; kind {
	case fuzzLeech:
		cfg = z.f.leech()
	case fuzzSeed:
		cfg = z.f.seed(chunk.Range{End: 100}, chunk.Range{Start: 150, End: 160})
	case fuzzUnprotected:
		z.f = z.f.unprotected()
		cfg = z.f.expecting()
	default:
		method := liveMethods[(kind-fuzzHome)%3]
		key, err := livesig.Generate(ppsp.Ed25519, rand.NewChaCha8([32]byte{5}))
		if err != nil {
			t.Fatal(err)
		}
		z.key = key
		meta := ppsp.LiveDefaults(key.SwarmID())
		meta.ChunkSize, meta.Addressing, meta.Integrity = 20, addressings[int(choice)/fuzzKinds%5], method.integrity
		if choice >= 5*fuzzKinds && meta.Addressing != ppsp.ByteRanges64 {
			meta.ChunkSize = ppsp.VariableChunks
		}
		cfg = Config{Meta: meta, Window: 64, Behind: 8}
		if kind >= fuzzSource {
			cfg.Key = key
			if method.n > 0 {
				cfg.ChunksPerSignature = 4
			}
		}
	}
	cfg.Members, cfg.Certificate = &passes{}, []byte("10.0.0.1:7000 self")
	z.host = l.host(cfg)
	z.host.store.again = func(i uint64) bool { return z.lost[i] }
	for k := range 6 {
		z.peers = append(z.peers, addr(100+k))
	}
	return z
}

// datagram begins one on some channel, and tells who sends it.
func (z *fuzzed) datagram() (netip.AddrPort, []byte) {
	n := int(z.s.byte())
	if len(z.host.s.order) == 0 || n == 255 {
		return z.peers[n%len(z.peers)], wire.AppendChannel(nil, uint32(z.s.number()))
	}
	c := z.host.s.order[n%len(z.host.s.order)]
	return c.remote, wire.AppendChannel(nil, c.id)
}

// messages appends some to b, of any kind.
func (z *fuzzed) messages(b []byte) []byte {
	s, f := z.s, z.host.s.format
	for range s.byte() % 8 {
		switch s.byte() % 14 {
		case 0:
			b = f.AppendHave(b, s.jumping())
		case 1:
			b = f.AppendRequest(b, s.span())
		case 2:
			b = f.AppendCancel(b, s.span())
		case 3:
			b = f.AppendAck(b, s.span(), s.number())
		case 4:
			b = f.AppendIntegrity(b, chunk.Bin(s.number()).Range(), append(make([]byte, max(f.HashSize, 1)-1), s.byte()))
		case 5:
			b = f.AppendSignedIntegrity(b, chunk.Bin(s.number()).Range(), s.number(), make([]byte, f.SignatureSize))
		case 6:
			b = wire.AppendChoke(b)
		case 7:
			b = wire.AppendUnchoke(b)
		case 8:
			b = f.AppendData(b, s.number(), s.number(), s.take(int(s.byte()%32)))
		case 9:
			b = z.truth(b, s.number())
		case 10:
			b = z.gossip(b)
		case 11:
			b = append(b, s.take(int(s.byte()))...)
		case 12:
			h := greeting(z.host.s.meta, uint32(s.number()))
			b = wire.AppendHandshake(b, &h)
		case 13:
			b = wire.AppendHandshake(b, &wire.Handshake{})
		}
	}
	return b
}

// gossip appends a message of peer exchange.
func (z *fuzzed) gossip(b []byte) []byte {
	k := z.s.byte()
	who := z.peers[int(k/4)%len(z.peers)]
	switch k % 4 {
	case 0:
		return wire.AppendPexRes(b, who)
	case 1:
		return wire.AppendPexCert(b, []byte(who.String()+" member"))
	case 2:
		return wire.AppendPexCert(b, append(z.s.take(int(k/8)), 0))
	}
	return wire.AppendPexReq(b)
}

// truth appends chunk i with what proves it.
func (z *fuzzed) truth(b []byte, i uint64) []byte {
	if z.key == nil {
		return append(b, link{f: z.host.s.format}.data(z.f, i%z.f.chunks())...)
	}
	far, later := uint64(0), int64(0)
	if k := z.s.byte(); k >= 0xe0 { // the source goes on with other numbers
		far, later = 1<<(k%32*2)&^3, 256*int64(k%32)
	}
	f, r := z.host.s.format, chunk.Range{Start: far + i%256/4*4, End: far + i%256/4*4 + 4}
	var leaves [4][]byte
	st := newLeaves(r, &leaves)
	ntp := livesig.NTP(time.Unix(1_700_000_000+int64(r.Start%256)+later, 0))
	switch i = far + i%256; z.host.s.meta.Integrity {
	case ppsp.IntegrityNone:
		return f.AppendData(b, i, 1, leaves[i%4])
	case ppsp.IntegritySignAll:
		ntp += (i % 4) << 32
		sig, err := z.key.Sign(f.AppendSpec(nil, chunk.One(i)), ntp, leaves[i%4])
		if err != nil {
			z.t.Fatal(err)
		}
		return f.AppendData(f.AppendSignedIntegrity(b, chunk.One(i), ntp, sig), i, 1, leaves[i%4])
	}
	sig, err := z.key.Sign(f.AppendSpec(nil, r), ntp, st.root)
	if err != nil {
		z.t.Fatal(err)
	}
	b = f.AppendSignedIntegrity(f.AppendIntegrity(b, r, st.root), r, ntp, sig)
	k := i % 4
	b = f.AppendIntegrity(b, chunk.Range{Start: r.Start + (k&2 ^ 2), End: r.Start + (k&2 ^ 2) + 2}, st.pairs[(k>>1)^1])
	b = f.AppendIntegrity(b, chunk.One(r.Start+k^1), st.leaf[k^1])
	return f.AppendData(b, r.Start+k, 1, leaves[k])
}

// leaves is a subtree of four chunks.
type leaves struct {
	leaf, pairs [4][]byte
	root        []byte
}

// newLeaves makes the chunks of r, and their subtree.
func newLeaves(r chunk.Range, chunks *[4][]byte) leaves {
	var v leaves
	h := merkle.NewHasher(ppsp.SHA256)
	for k := range chunks {
		chunks[k] = bytes.Repeat([]byte{byte(r.Start) + byte(k) + 1}, 20)
		v.leaf[k] = h.AppendLeaf(nil, chunks[k])
	}
	v.pairs[0] = h.AppendParent(nil, v.leaf[0], v.leaf[1])
	v.pairs[1] = h.AppendParent(nil, v.leaf[2], v.leaf[3])
	v.root = h.AppendParent(nil, v.pairs[0], v.pairs[1])
	return v
}

// step does the next thing of the script.
func (z *fuzzed) step() {
	s, e := z.s, z.host.s
	switch s.byte() % 12 {
	case 0, 1, 2, 3:
		from, b := z.datagram()
		e.HandleDatagram(z.l.now, from, z.messages(b))
	case 4:
		h := greeting(e.meta, uint32(s.number()))
		b := wire.AppendHandshake(wire.AppendChannel(nil, 0), &h)
		e.HandleDatagram(z.l.now, z.peers[int(s.byte())%len(z.peers)], z.messages(b))
	case 5:
		e.HandleDatagram(z.l.now, z.peers[int(s.byte())%len(z.peers)], s.take(int(s.byte())))
	case 6:
		z.pass(int64(s.byte()) * 1e6)
	case 7:
		z.pass(int64(s.byte()) * 1e9)
	case 8:
		e.Want(z.l.now, []chunk.Range{s.span(), s.span()}, s.byte()%2 == 0)
	case 9:
		e.AddPeers(z.l.now, z.peers[int(s.byte())%len(z.peers):])
	case 10:
		z.answer()
	case 11:
		switch s.byte() % 4 {
		case 0:
			e.SetUpload(int64(s.number()))
		case 1:
			_ = e.Append(z.l.now, make([]byte, 20))
		case 2:
			if i, ok := e.have.First(); ok {
				var lost chunk.Set
				lost.Add(chunk.One(i))
				delete(z.store.chunks, i)
				z.lost[i] = true
				before := e.have.Clone()
				e.Lost(&lost)
				for r := range before.Ranges() { // what lies beside lost hashes is taken back, too
					for gone := range e.have.Missing(r) {
						for k := gone.Start; k < gone.End; k++ {
							z.lost[k] = true
						}
					}
				}
			}
		case 3:
			switch s.byte() {
			case 77:
				e.Close(z.l.now)
			case 79:
				var bans Bans
				bans.Shut(z.l.now, z.peers[int(s.byte())%len(z.peers)], "member", "")
				e.SetBans(z.l.now, bans.All(z.l.now))
			case 78:
				_ = e.Finish(z.l.now, s.take(int(s.byte()%30)))
			}
		}
	}
}

// answer lets a peer that we greet answer.
func (z *fuzzed) answer() {
	for _, c := range z.host.s.order {
		if c.state == stateInitiating {
			h := greeting(z.host.s.meta, uint32(z.s.number())|1)
			h.SwarmID = nil
			b := wire.AppendHandshake(wire.AppendChannel(nil, c.id), &h)
			z.host.s.HandleDatagram(z.l.now, c.remote, z.messages(b))
			return
		}
	}
}

// pass lets time pass, with all that falls due meanwhile. Nothing may be due so often that
// it keeps the caller busy.
func (z *fuzzed) pass(span int64) {
	until := z.l.now + span
	for wakes := 0; ; wakes++ {
		at := z.host.s.NextTimeout()
		if at > until {
			z.l.now = until
			return
		}
		if wakes > 2000+int(span/1e6)*int(len(z.host.s.order)+1) {
			z.t.Fatalf("woken %d times in %d ms", wakes, span/1e6)
		}
		z.l.now = max(z.l.now, at)
		z.wake()
	}
}

// check fails unless all is well.
func (z *fuzzed) check() {
	z.drain()
	for r := range z.host.s.have.Ranges() {
		for i := r.Start; i < r.End; i++ {
			if z.store.chunks[i] == nil {
				z.t.Fatalf("chunk %d is had, but not in the store", i)
			}
		}
	}
	if z.store.twice {
		z.t.Fatal("a chunk was stored a second time")
	}
	if z.key == nil && z.f.meta.Integrity == ppsp.IntegrityMerkle {
		for i, b := range z.store.chunks {
			if string(b) != string(z.f.chunk(i)) {
				z.t.Fatalf("chunk %d is wrong", i)
			}
		}
	}
	z.events = z.events[:0]
}

// FuzzEngine plays any script of datagrams, true and false, commands and time. The same script
// does the same, to the byte.
func FuzzEngine(f *testing.F) {
	for kind := range byte(6 * fuzzKinds) {
		f.Add([]byte{1, kind})
		f.Add([]byte{2, kind, 9, 0, 10, 5, 0, 8, 0, 9, 1, 200, 0, 0, 0, 3, 2, 9, 7, 0, 9, 1, 9, 8, 6, 200, 7, 3})
		f.Add([]byte{3, kind, 4, 7, 1, 2, 0, 5, 6, 6, 9, 0, 0, 2, 1, 0, 200, 6, 255, 11, 1, 11, 1, 11, 1, 11, 1, 6, 100, 0, 0, 1, 1, 0, 4, 7, 9})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		b := make([]byte, 400)
		for k := range b {
			b[k] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, again := play(t, b), play(t, b)
		if len(first) != len(again) {
			t.Fatalf("%d datagrams, and then %d", len(first), len(again))
		}
		for k := range first {
			if x, y := first[k], again[k]; x.sent != y.sent || x.to != y.to || !bytes.Equal(x.b, y.b) {
				t.Fatalf("datagram %d: %x to %v, and then %x to %v", k, x.b, x.to, y.b, y.to)
			}
		}
	})
}

// play plays a script to its end, and returns what was sent.
func play(t *testing.T, b []byte) []flying {
	z := newFuzzed(t, &script{b[:min(len(b), 2000)]})
	for len(z.s.b) > 0 {
		z.step()
		z.check()
	}
	z.pass(30e9)
	z.check()
	if z.host.s.closed {
		return z.l.log
	}
	z.host.s.Close(z.l.now)
	z.drain()
	if open := len(z.host.s.cfg.Channels.(*ids).open); open != 0 || len(z.host.s.order) != 0 {
		t.Fatalf("%d channels, %d IDs after Close", len(z.host.s.order), open)
	}
	return z.l.log
}

// Long scripts that the fuzzer does not get to in the time it has.
func TestRandomScripts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	n := 300
	if testing.Short() {
		n = 30
	}
	for range n {
		b := make([]byte, 2000)
		for k := range b {
			b[k] = byte(random.Uint32())
		}
		play(t, b)
	}
}
