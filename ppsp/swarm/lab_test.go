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

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
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
	other   netip.AddrPort // of the other family, if it has one
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
	again  func(i uint64) bool // tells whether chunk i may be stored a second time; nil: all may
	twice  bool                // one was that may not
}

func (m *memory) WriteChunk(i uint64, b []byte) error {
	if m.err != nil {
		return m.err
	}
	m.wrote++
	if _, here := m.chunks[i]; here && m.again != nil && !m.again(i) {
		m.twice = true
	}
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

// send carries a datagram away.
func (l *lab) send(from, to netip.AddrPort, b []byte) {
	d := flying{sent: l.now, from: from, to: to, b: bytes.Clone(b)}
	if l.logging {
		l.log = append(l.log, d)
	}
	if l.tap != nil && !l.tap(d) {
		return
	}
	if !slices.ContainsFunc(l.hosts, func(h *host) bool { return h.addr == to || h.other == to }) {
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
		from := h.addr
		if to.Addr().Is6() != from.Addr().Is6() {
			from = h.other
		}
		h.l.send(from, to, b)
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
		case h.addr != d.to && h.other != d.to || h.off:
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

// config is the source's.
func (st *stream) config() Config {
	return Config{Meta: st.meta, Window: 4096, Key: st.key, ChunksPerSignature: st.n, FirstChunk: st.first}
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

// invariants that hold between any two calls.
func (s *Swarm) invariants() error {
	var asked chunk.Set
	for _, c := range s.order {
		for k := range c.outstanding.line.len() {
			r := c.outstanding.line.at(k)
			if r.chunks.Empty() {
				return errors.New("a request for nothing")
			}
			for i := r.chunks.Start; i < r.chunks.End; i++ {
				if asked.Has(i) {
					return fmt.Errorf("chunk %d is asked of two peers", i)
				}
				asked.Add(chunk.One(i))
			}
		}
		switch {
		case s.channels[c.id] != c:
			return fmt.Errorf("channel %d is in order but not by ID", c.id)
		case c.dueAt > c.nextTimeout() && !c.inLine:
			return fmt.Errorf("channel %d in state %d is due at %d, but looked at at %d (%d %d %d %d %d %d)", c.id, c.state, c.nextTimeout(), c.dueAt, c.ackAt, c.havesAt, c.requestTimeout(), c.lossTimeout(), c.serveAt(), c.sendAt)
		case c.acks.len() > maxAcks || len(c.sentHashes) > maxSentHashes+1 || c.peerHave.Runs() > maxPeerHaveRuns+1:
			return errors.New("a channel keeps too much")
		case len(c.signatures.list) > maxHeld:
			return errors.New("too many signatures wait for their chunks")
		case c.queue.chunks > maxQueued || len(c.queue.ranges) > maxQueueRanges:
			return errors.New("a peer waits for too much")
		case c.outstanding.live > maxPipeline || c.toCancel.Count() > maxPipeline*4:
			return errors.New("too much is asked of a peer")
		case c.flight.line.len() > 0 && c.flight.line.at(0).chunks.Empty():
			return errors.New("nothing is under way, but kept")
		}
	}
	if l := s.live; l != nil && (len(l.munros) > merkle.MaxMunros || uint64(len(l.signatures)) > l.window) {
		return errors.New("a stream keeps too many signatures")
	}
	if l := s.live; l != nil && uint64(len(l.rarity.counts)) > max(512, 2*(l.window+maxAhead)) {
		return fmt.Errorf("the offers of %d chunks are counted, in a window of %d", len(l.rarity.counts), l.window)
	}
	switch {
	case !asked.Equal(&s.requested):
		return fmt.Errorf("requested are %v, but %v are outstanding", &s.requested, &asked)
	case len(s.channels) != len(s.order) || len(s.order) > MaxChannels:
		return fmt.Errorf("%d channels by ID, %d in order", len(s.channels), len(s.order))
	case s.events.len() > maxEvents:
		return fmt.Errorf("%d events wait", s.events.len())
	case len(s.candidates.list) > MaxCandidates || len(s.bans.list) > maxBans+maxManual:
		return errors.New("too many addresses are kept")
	case 2*s.viaPex() > s.cfg.TargetPeers:
		return fmt.Errorf("%d of %d connections go where peers said", s.viaPex(), s.cfg.TargetPeers)
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
