package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
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

// lab is a network of engines and puppets in virtual time.
type lab struct {
	t       testing.TB
	now     int64
	random  *rand.Rand
	delay   int64 // one way, ns
	jitter  int64 // more delay at random: reorders
	loss    float64
	again   float64 // share of datagrams that arrive twice
	flying  []flying
	seq     int
	hosts   []*host
	tap     func(d flying) bool // sees each datagram sent; false drops it
	log     []flying            // all that was sent, if logging
	logging bool
}

// flying is a datagram on its way.
type flying struct {
	at, sent int64
	seq      int
	from, to netip.AddrPort
	b        []byte
}

// host is an engine, or a puppet: a peer that a test plays.
type host struct {
	l       *lab
	addr    netip.AddrPort
	s       *Swarm
	store   *memory
	events  []Event
	inbox   []flying // of puppets
	off     bool
	scratch []byte
}

func newLab(t testing.TB, seed uint64) *lab {
	return &lab{t: t, random: rand.New(rand.NewPCG(seed, 1)), delay: 20e6}
}

// memory is a store without bounds that can be made to fail.
type memory struct {
	chunks map[uint64][]byte
	err    error
	wrote  int
}

func (m *memory) WriteChunk(i uint64, b []byte) error {
	if m.err != nil {
		return m.err
	}
	m.wrote++
	m.chunks[i] = bytes.Clone(b)
	return nil
}

func (m *memory) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	b, ok := m.chunks[i]
	if !ok {
		return dst, errors.New("not here")
	}
	return append(dst, b...), nil
}

// ids are the channel IDs of one host.
type ids struct {
	random *rand.Rand
	open   map[uint32]bool
}

func (c *ids) Open() uint32 {
	for {
		if id := c.random.Uint32(); id != 0 && !c.open[id] {
			c.open[id] = true
			return id
		}
	}
}

func (c *ids) Close(id uint32) { delete(c.open, id) }

// addr is the address of the k-th host.
func addr(k int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(k >> 8), byte(k)}), 7000)
}

// config fills in what every engine needs.
func (l *lab) config(cfg Config) Config {
	if cfg.Store == nil {
		cfg.Store = &memory{chunks: map[uint64][]byte{}}
	}
	cfg.Channels = &ids{rand.New(rand.NewPCG(l.random.Uint64(), 2)), map[uint32]bool{}}
	cfg.Rand = rand.New(rand.NewPCG(l.random.Uint64(), 3))
	cfg.Epoch = 1_700_000_000e9
	return cfg
}

// host adds an engine.
func (l *lab) host(cfg Config) *host {
	l.t.Helper()
	h := &host{l: l, addr: addr(len(l.hosts) + 1)}
	h.start(cfg)
	l.hosts = append(l.hosts, h)
	return h
}

// start gives h a new engine: at first, or as if it was started again.
func (h *host) start(cfg Config) {
	h.l.t.Helper()
	cfg = h.l.config(cfg)
	s, err := New(cfg)
	if err != nil {
		h.l.t.Fatal(err)
	}
	h.s, h.events = s, nil
	h.store, _ = cfg.Store.(*memory)
}

// puppet adds a peer that the test plays.
func (l *lab) puppet() *host {
	h := &host{l: l, addr: addr(len(l.hosts) + 1)}
	l.hosts = append(l.hosts, h)
	return h
}

// send carries a datagram away.
func (l *lab) send(from, to netip.AddrPort, b []byte) {
	d := flying{sent: l.now, from: from, to: to, b: bytes.Clone(b)}
	if l.logging {
		l.log = append(l.log, d)
	}
	if l.tap != nil && !l.tap(d) {
		return
	}
	if !slices.ContainsFunc(l.hosts, func(h *host) bool { return h.addr == to }) {
		return
	}
	copies := 1
	if l.random.Float64() < l.again {
		copies = 2
	}
	for range copies {
		if l.random.Float64() < l.loss {
			continue
		}
		d.at = l.now + l.delay
		if l.jitter > 0 {
			d.at += l.random.Int64N(l.jitter)
		}
		d.seq = l.seq
		l.seq++
		l.flying = append(l.flying, d)
	}
}

// drain sends what the engine has to send and hears its events. It must come to an end.
func (h *host) drain() {
	const most = 5000
	for range most {
		b, to, ok := h.s.AppendDatagram(h.l.now, h.scratch[:0])
		h.scratch = b
		if !ok {
			for e, ok := h.s.NextEvent(); ok; e, ok = h.s.NextEvent() {
				h.events = append(h.events, e)
			}
			if err := h.s.invariants(); err != nil {
				h.l.t.Fatalf("%v at %d ms: %v", h.addr, h.l.now/1e6, err)
			}
			return
		}
		h.l.send(h.addr, to, b)
	}
	h.l.t.Fatalf("%v wants to send more than %d datagrams at once", h.addr, most)
}

// step goes to the next thing that happens, at most to the time given.
func (l *lab) step(until int64) bool {
	l.t.Helper()
	at, next := until, -1
	for k, d := range l.flying {
		if next < 0 && d.at <= at || next >= 0 && (d.at < l.flying[next].at || d.at == l.flying[next].at && d.seq < l.flying[next].seq) {
			at, next = d.at, k
		}
	}
	var sleeper *host
	for _, h := range l.hosts {
		if h.s == nil || h.off {
			continue
		}
		if wake := max(h.s.NextTimeout(), l.now); wake < at {
			at, sleeper = wake, h
		}
	}
	if sleeper != nil {
		l.now = at
		sleeper.wake()
		return true
	}
	if next < 0 {
		l.now = until
		return false
	}
	d := l.flying[next]
	l.flying = slices.Delete(l.flying, next, next+1)
	l.now = d.at
	l.deliver(d)
	return true
}

func (l *lab) deliver(d flying) {
	for _, h := range l.hosts {
		switch {
		case h.addr != d.to || h.off:
		case h.s == nil:
			h.inbox = append(h.inbox, d)
		default:
			h.s.HandleDatagram(l.now, d.from, d.b)
			h.drain()
		}
	}
}

// wake lets the engine do what is due, after which nothing may be due still.
func (h *host) wake() {
	h.s.HandleTimeout(h.l.now)
	h.drain()
	if at := h.s.NextTimeout(); at <= h.l.now {
		h.s.HandleTimeout(h.l.now)
		h.drain()
		if again := h.s.NextTimeout(); again <= h.l.now {
			h.l.t.Fatalf("%v is due at %d again and again, at %d: %s", h.addr, again, h.l.now, h.s.due())
		}
	}
}

// run lets so much time pass.
func (l *lab) run(d time.Duration) {
	l.t.Helper()
	for until := l.now + int64(d); l.now < until; {
		l.step(until)
	}
}

// until lets time pass until done, and fails after d.
func (l *lab) until(d time.Duration, what string, done func() bool) {
	l.t.Helper()
	for until := l.now + int64(d); !done(); {
		if !l.step(until) && l.now >= until {
			l.t.Fatalf("after %v: still not %s", d, what)
		}
	}
}

// meet tells h of others.
func (h *host) meet(others ...*host) {
	var addrs []netip.AddrPort
	for _, o := range others {
		addrs = append(addrs, o.addr)
	}
	h.s.AddPeers(h.l.now, addrs)
	h.drain()
}

// want tells h what it waits for.
func (h *host) want(all bool, windows ...chunk.Range) {
	h.s.Want(h.l.now, windows, all)
	h.drain()
}

// count returns how many events of a kind there were.
func (h *host) count(kind EventKind) int {
	n := 0
	for _, e := range h.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// of returns the events of a kind.
func (h *host) of(kind EventKind) []Event {
	var found []Event
	for _, e := range h.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// connected tells whether h has an open channel to o.
func (h *host) connected(o *host) bool {
	c := h.s.channelTo(o.addr)
	return c != nil && c.state == stateOpen
}

// messages returns what a datagram consists of.
func messages(t testing.TB, f wire.Format, b []byte) []wire.Message {
	t.Helper()
	var d wire.Decoder
	var all []wire.Message
	d.Reset(b, f)
	for {
		var m wire.Message
		ok, err := d.Next(&m)
		if err != nil {
			t.Fatalf("datagram %x: %v", b, err)
		}
		if !ok {
			return all
		}
		all = append(all, m)
	}
}

// types returns the types of the messages in a datagram.
func types(t testing.TB, f wire.Format, b []byte) []wire.Type {
	t.Helper()
	var all []wire.Type
	for _, m := range messages(t, f, b) {
		all = append(all, m.Type)
	}
	return all
}

// film is content with its tree and what a publisher and a receiver need of it.
type film struct {
	content []byte
	meta    ppsp.Metadata
	tree    *merkle.Tree
}

func newFilm(t testing.TB, size int, change func(*ppsp.Metadata)) film {
	t.Helper()
	content := make([]byte, size)
	random := rand.New(rand.NewPCG(uint64(size), 4))
	for k := range content {
		content[k] = byte(random.Uint32())
	}
	meta := ppsp.StaticDefaults("")
	if change != nil {
		change(&meta)
	}
	tree, length, err := merkle.Build(meta.Hash, meta.ChunkSize, bytes.NewReader(content))
	if err != nil || length != int64(size) {
		t.Fatalf("tree of %d bytes: %d, %v", size, length, err)
	}
	meta.SwarmID = ppsp.SwarmID(tree.Root())
	return film{content, meta, tree}
}

// chunks returns how many there are.
func (f film) chunks() uint64 {
	return (uint64(len(f.content)) + uint64(f.meta.ChunkSize) - 1) / uint64(f.meta.ChunkSize)
}

// chunk returns the bytes of chunk i.
func (f film) chunk(i uint64) []byte {
	size := uint64(f.meta.ChunkSize)
	return f.content[i*size : min((i+1)*size, uint64(len(f.content)))]
}

// all are the chunks of the film.
func (f film) all() chunk.Range { return chunk.Range{End: f.chunks()} }

// seed is who has some chunks.
func (f film) seed(have ...chunk.Range) Config {
	cfg := Config{Meta: f.meta, Tree: f.tree}
	store := &memory{chunks: map[uint64][]byte{}}
	for _, r := range have {
		cfg.Have.Add(r)
		for i := r.Start; i < r.End; i++ {
			store.chunks[i] = f.chunk(i)
		}
	}
	cfg.Store = store
	return cfg
}

// leech is who has nothing.
func (f film) leech() Config { return Config{Meta: f.meta} }

// check fails unless h has exactly the film.
func (f film) check(t testing.TB, h *host) {
	t.Helper()
	var got []byte
	for i := range f.chunks() {
		got = append(got, h.store.chunks[i]...)
	}
	if !bytes.Equal(got, f.content) || uint64(len(h.store.chunks)) != f.chunks() {
		t.Fatalf("%v has %d chunks, which are not the film of %d", h.addr, len(h.store.chunks), f.chunks())
	}
}

// channel is a live stream.
type stream struct {
	l      *lab
	source *host
	meta   ppsp.Metadata
	key    *livesig.PrivateKey
	n      uint64 // chunks per signature
	first  uint64
	sent   map[uint64][]byte
}

// stream adds the source of a live stream.
func (l *lab) stream(perSignature uint64, change func(*ppsp.Metadata)) *stream {
	l.t.Helper()
	key, err := livesig.Generate(ppsp.Ed25519, rand.NewChaCha8([32]byte{5}))
	if err != nil {
		l.t.Fatal(err)
	}
	st := &stream{l: l, key: key, n: perSignature, meta: ppsp.LiveDefaults(key.SwarmID()), sent: map[uint64][]byte{}}
	st.meta.ChunkSize = 256
	if change != nil {
		change(&st.meta)
	}
	st.source = l.host(st.config())
	return st
}

// config is the source's.
func (st *stream) config() Config {
	return Config{Meta: st.meta, Window: 4096, Key: st.key, ChunksPerSignature: st.n, FirstChunk: st.first}
}

// home is a viewer's.
func (st *stream) home(behind uint64) Config {
	return Config{Meta: st.meta, Window: 4096, Behind: behind}
}

// append publishes n chunks, one each interval.
func (st *stream) append(n uint64, interval time.Duration) {
	st.l.t.Helper()
	for range n {
		i := st.source.s.NextChunk()
		b := make([]byte, st.meta.ChunkSize)
		for k := range b {
			b[k] = byte(i) + byte(i>>8)*7 + byte(k)
		}
		if err := st.source.s.Append(st.l.now, b); err != nil {
			st.l.t.Fatal(err)
		}
		st.sent[i] = b
		st.source.drain()
		st.l.run(interval)
	}
}

// check fails unless all that h has, and at least what it played, is what was published.
func (st *stream) check(t testing.TB, h *host) {
	t.Helper()
	for i, b := range h.store.chunks {
		if !bytes.Equal(b, st.sent[i]) {
			t.Fatalf("%v has a chunk %d that the source did not publish", h.addr, i)
		}
	}
	for _, e := range h.of(EventPlay) {
		for i := e.Chunks.Start; i < e.Chunks.End; i++ {
			if h.store.chunks[i] == nil {
				t.Fatalf("%v plays chunk %d, which it does not have", h.addr, i)
			}
		}
	}
}

// played returns the chunks that h played, which must be in order.
func played(t testing.TB, h *host) []chunk.Range {
	t.Helper()
	var runs []chunk.Range
	for _, e := range h.events {
		if e.Kind != EventPlay {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].End > e.Chunks.Start {
			t.Fatalf("%v plays %v after %v", h.addr, e.Chunks, runs[n-1])
		} else if n > 0 && runs[n-1].End == e.Chunks.Start {
			runs[n-1].End = e.Chunks.End
			continue
		}
		runs = append(runs, e.Chunks)
	}
	return runs
}

// greeting is a HANDSHAKE that opens a channel to the swarm.
func greeting(meta ppsp.Metadata, id uint32) wire.Handshake {
	h := wire.Handshake{
		SourceChannel: id, Has: wire.HasIntegrity | wire.HasHash | wire.HasAddressing,
		Version: 1, MinVersion: 1, SwarmID: []byte(meta.SwarmID), Integrity: meta.Integrity, Hash: meta.Hash,
		Signature: meta.Signature, Addressing: meta.Addressing, ChunkSize: meta.ChunkSize,
	}
	if meta.Kind() == ppsp.Live {
		h.Has |= wire.HasDiscardWindow
		h.DiscardWindow = 1000
	}
	return h
}

// initiating is the datagram with that HANDSHAKE.
func initiating(h wire.Handshake) []byte {
	return wire.AppendHandshake(wire.AppendChannel(nil, 0), &h)
}

// link is a puppet's open channel to an engine.
type link struct {
	p  *host
	to *host
	f  wire.Format
	id uint32 // the engine's
}

// greet opens a channel from the puppet to the engine of h.
func (p *host) greet(h *host) link {
	p.l.t.Helper()
	p.inbox = nil
	p.l.send(p.addr, h.addr, initiating(greeting(h.s.meta, 0xabcd)))
	p.l.until(time.Second, "answered", func() bool { return len(p.inbox) > 0 })
	m := messages(p.l.t, h.s.format, p.inbox[0].b)
	k := link{p: p, to: h, f: h.s.format, id: m[0].Handshake.SourceChannel}
	p.inbox = nil
	k.say(nil)
	p.l.run(50 * time.Millisecond)
	return k
}

// accept answers the HANDSHAKE of an engine that was told of the puppet.
func (p *host) accept(h *host) link {
	p.l.t.Helper()
	p.inbox = nil
	h.meet(p)
	p.l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
	m := messages(p.l.t, h.s.format, p.inbox[0].b)
	k := link{p: p, to: h, f: h.s.format, id: m[0].Handshake.SourceChannel}
	reply := greeting(h.s.meta, 0xabcd)
	reply.SwarmID, reply.MinVersion = nil, 0
	p.inbox = nil
	p.l.send(p.addr, h.addr, wire.AppendHandshake(wire.AppendChannel(nil, k.id), &reply))
	p.l.run(50 * time.Millisecond)
	return k
}

// say sends messages on the channel.
func (k link) say(b []byte) {
	k.p.l.send(k.p.addr, k.to.addr, append(wire.AppendChannel(nil, k.id), b...))
}

// heard returns the messages that came since the last call.
func (k link) heard() []wire.Message {
	k.p.l.t.Helper()
	var all []wire.Message
	for _, d := range k.p.inbox {
		all = append(all, messages(k.p.l.t, k.f, d.b)...)
	}
	k.p.inbox = nil
	return all
}

// take acknowledges what comes for a while, and returns all messages.
func (k link) take(d time.Duration) []wire.Message {
	k.p.l.t.Helper()
	var all []wire.Message
	for until := k.p.l.now + int64(d); k.p.l.now < until; {
		k.p.l.run(10 * time.Millisecond)
		for _, m := range k.heard() {
			all = append(all, m)
			if m.Type == wire.TypeData {
				k.say(k.f.AppendAck(nil, m.Chunks, 1000))
			}
		}
	}
	return all
}

// data is a chunk of a film with all its hashes, peaks first.
func (k link) data(f film, i uint64) []byte {
	var b []byte
	for n := range chunk.Peaks(f.chunks()) {
		hash, _ := f.tree.Hash(n)
		b = k.f.AppendIntegrity(b, n.Range(), hash)
	}
	for _, n := range f.tree.AppendUncles(nil, i, func(chunk.Bin) bool { return false }) {
		hash, _ := f.tree.Hash(n)
		b = k.f.AppendIntegrity(b, n.Range(), hash)
	}
	return k.f.AppendData(b, i, 1, f.chunk(i))
}

// has counts the messages of a type.
func has(all []wire.Message, t wire.Type) int {
	n := 0
	for _, m := range all {
		if m.Type == t {
			n++
		}
	}
	return n
}

// spread returns the chunks that the messages of a type name.
func spread(all []wire.Message, t wire.Type) *chunk.Set {
	var set chunk.Set
	for _, m := range all {
		if m.Type == t {
			set.Add(m.Chunks)
		}
	}
	return &set
}

// invariants that hold between any two calls.
func (s *Swarm) invariants() error {
	var asked chunk.Set
	for _, c := range s.order {
		for k := range c.outstanding.line.len() {
			r := c.outstanding.line.at(k)
			if r.dead {
				continue
			}
			if asked.Has(r.chunk) {
				return fmt.Errorf("chunk %d is asked of two peers", r.chunk)
			}
			asked.Add(chunk.One(r.chunk))
		}
		switch {
		case s.channels[c.id] != c:
			return fmt.Errorf("channel %d is in order but not by ID", c.id)
		case c.dueAt > c.nextTimeout() && !c.inLine:
			return fmt.Errorf("channel %d in state %d is due at %d, but looked at at %d (%d %d %d %d %d %d)", c.id, c.state, c.nextTimeout(), c.dueAt, c.ackAt, c.havesAt, c.requestTimeout(), c.lossTimeout(), c.serveAt(), c.sendAt)
		case c.acks.len() > maxAcks || len(c.sentHashes) > maxSentHashes+1 || c.peerHave.Runs() > maxPeerHaveRuns+1:
			return errors.New("a channel keeps too much")
		case c.queue.chunks > maxQueued || len(c.queue.ranges) > maxQueueRanges+1:
			return errors.New("a peer waits for too much")
		case c.outstanding.live > maxPipeline || c.toCancel.Count() > maxPipeline*4:
			return errors.New("too much is asked of a peer")
		case c.flight.line.len() > 0 && c.flight.line.at(0).size == 0:
			return errors.New("the first of the flight was acknowledged")
		case c.outstanding.live > 0 && c.outstanding.line.at(0).dead:
			return errors.New("the first request is not open")
		}
	}
	switch {
	case !asked.Equal(&s.requested):
		return fmt.Errorf("requested are %v, but %v are outstanding", &s.requested, &asked)
	case len(s.channels) != len(s.order) || len(s.order) > MaxChannels:
		return fmt.Errorf("%d channels by ID, %d in order", len(s.channels), len(s.order))
	case s.events.len() > maxEvents:
		return fmt.Errorf("%d events wait", s.events.len())
	case len(s.candidates.list) > MaxCandidates || len(s.bans.list) > maxBans:
		return errors.New("too many addresses are kept")
	}
	return nil
}

// offersItsStore fails if an engine offers what is not in its store.
func (l *lab) offersItsStore() {
	l.t.Helper()
	for _, h := range l.hosts {
		if h.s != nil && h.store != nil {
			for r := range h.s.have.Ranges() {
				for i := r.Start; i < r.End; i++ {
					if h.store.chunks[i] == nil {
						l.t.Fatalf("%v offers chunk %d, which is not in its store", h.addr, i)
					}
				}
			}
		}
	}
}

const never = math.MaxInt64

// due names what an engine waits for, to find who keeps it busy.
func (s *Swarm) due() string {
	var b strings.Builder
	fmt.Fprintf(&b, "connect %d pick %d", s.nextConnect(), s.picking.pickAt())
	if s.live != nil {
		fmt.Fprintf(&b, " live %d", s.live.nextTimeout())
	}
	for _, c := range s.order {
		fmt.Fprintf(&b, "; channel state %d due %d/%d keep-alive %d dead %d ack %d have %d request %d loss %d serve %d",
			c.state, c.dueAt, c.nextTimeout(), c.spokeAt+keepAliveAfter, c.deadAt(), c.ackAt, c.havesAt, c.requestTimeout(), c.lossTimeout(), c.serveAt())
		if r := c.outstanding.oldest(); r != nil {
			fmt.Fprintf(&b, " (oldest %+v of %d, data %d, patience %d, latency %d)", *r, c.outstanding.live, c.dataAt, c.patience(), c.latency)
		}
	}
	return b.String()
}
