// Package membership makes this node a working member of one swarm: the engine on the
// node's socket, the trackers and contacts that its link names, and our own addresses as
// NAT traversal finds them. Gateway, publisher and plain download are all made of it.
package membership

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/condition"
)

// Trackers is what all memberships of a node share towards trackers.
type Trackers struct {
	PeerID ppsp.PeerID
	HTTP   *http.Client // nil for http.DefaultClient's transport with time-outs of its own
	// Addresses returns where we are reached now; nil leaves it to the tracker, which then
	// lists the address it sees.
	Addresses func() []tracker.Address
	// Moves returns a channel that has a value after Addresses changed, until ctx ends; may be nil.
	Moves func(ctx context.Context) <-chan struct{}
	// Named tells of a tracker's URL whether a person of this house named it, whatever links say: see
	// Config.Given. May be nil.
	Named func(url string) bool
	// NAT tells how others get through to us, as peer_num has it (RFC 7846, 3.2.2), empty if that is not known;
	// Condition what this machine is like. Both may be nil.
	NAT       func() string
	Condition func() condition.Condition
	Upload    int64        // bits a second that may be sent to peers in all, 0 for no limit
	Role      tracker.Role // Edge for a cache that is there to upload, else empty
	Prove     Prove        // for certificates from trackers; nil for none
	Known     Known        // keeps the peers that worked; nil keeps none
	Finders   []Finder
	// STUN is told of STUN servers that trackers name, HOST:PORT; nil for nobody. It must not block.
	STUN func(server string)
	// Silent is told when nothing comes from any peer of a swarm any more: our address may have
	// changed. It must not block; nil for nobody.
	Silent func()
}

// Finder finds peers of swarms without a tracker.
type Finder interface {
	// Find hands on addresses at which peers of the swarm may listen, until ctx ends.
	Find(ctx context.Context, id ppsp.SwarmID, found func([]netip.AddrPort))
	// Public tells whether others learn from it which swarms we are in: those for members alone are
	// not named to it.
	Public() bool
}

// Config is what a Member is made of.
type Config struct {
	Node     *node.Node
	Swarm    swarm.Config // Channels, Rand and Epoch are filled in by the node
	Link     ppsp.Link    // trackers and contacts, and whether the swarm is closed
	Seed     bool         // we have everything and look for peers that want it
	Trackers Trackers
	// Given says that a person of this house named the trackers of the link: they may be in the home,
	// also where their names only stand for addresses of it.
	Given bool
	// Credential is our membership certificate: a closed swarm can't be joined without.
	Credential *member.Credential
	Events     func(swarm.Event) // called on the engine's goroutine; may be nil
	Logger     zerolog.Logger
}

// Member is this node in one swarm. Make it by Join.
type Member struct {
	cfg        Config
	swarm      *node.Swarm
	announcers []*tracker.Announcer
	clients    map[string]*tracker.Client // by URL
	complete   atomic.Bool
	peers      atomic.Int32 // connected
	alone      time.Time    // when the last peer left, as far as it mattered; engine's goroutine
	late       atomic.Int64 // chunks that came too late or never
	began      time.Time
}

// aloneEvery is how often the loss of the last peer makes us ask the trackers before their
// time: peers that come and go must not drive us.
const aloneEvery = 5 * time.Second

// wantedPeers is how many connections make us ask the tracker less often.
const wantedPeers = 8

// Join prepares the membership. Run does the work and must be called.
func Join(cfg Config) (*Member, error) {
	m := &Member{cfg: cfg, began: time.Now(), clients: map[string]*tracker.Client{}}
	m.complete.Store(cfg.Seed)
	s, err := m.join()
	if err != nil {
		return nil, err
	}
	m.swarm = s
	tiers := m.tiers()
	if cfg.Seed && len(tiers) > 1 { // who has it all is found at each tier, also by those who reach no other
		for _, t := range tiers {
			m.announce([][]*tracker.Client{t})
		}
	} else if len(tiers) > 0 {
		m.announce(tiers)
	}
	return m, nil
}

// tiers returns clients of the link's trackers.
func (m *Member) tiers() (tiers [][]*tracker.Client) {
	t := &m.cfg.Trackers
	for _, urls := range m.cfg.Link.Tiers() {
		var tier []*tracker.Client
		for _, u := range urls {
			given := m.cfg.Given || t.Named != nil && t.Named(u)
			m.clients[u] = tracker.NewClient(tracker.ClientConfig{URL: u, PeerID: t.PeerID, HTTP: t.HTTP, Given: given, STUN: t.STUN})
			tier = append(tier, m.clients[u])
		}
		tiers = append(tiers, tier)
	}
	return tiers
}

func (m *Member) announce(tiers [][]*tracker.Client) {
	m.announcers = append(m.announcers, tracker.NewAnnouncer(tracker.AnnouncerConfig{
		Tiers: tiers, Swarm: m.cfg.Swarm.Meta.SwarmID,
		Mode: m.mode, Addresses: m.cfg.Trackers.Addresses, Wanted: m.wanted, Peers: m.found, Eager: m.filtered, Stats: m.stats, About: m.about,
		Logger: m.cfg.Logger,
	}))
}

// join joins the swarm as its link says: open, open with membership certificates that peers
// pass on, or closed.
func (m *Member) join() (*node.Swarm, error) {
	cfg := &m.cfg
	if cfg.Link.Authority == "" {
		return cfg.Node.Join(cfg.Swarm, m.event)
	}
	key, err := member.ParseAuthorityKey(cfg.Link.Authority)
	if err != nil {
		return nil, fmt.Errorf("swarm %s: the link's membership authority: %w", cfg.Link.SwarmID.Short(), err)
	}
	if cfg.Link.Closed {
		return cfg.Node.JoinClosed(cfg.Swarm, node.Closed{Authority: key, Credential: cfg.Credential}, m.event)
	}
	cfg.Swarm.Members = node.Members(key, cfg.Link.SwarmID)
	if cfg.Credential != nil {
		if own, ok := cfg.Credential.For(cfg.Link.SwarmID); ok && own.Address() != "" {
			cfg.Swarm.Certificate = own.DER
		}
	}
	return cfg.Node.Join(cfg.Swarm, m.event)
}

// Swarm returns the member's part in the swarm.
func (m *Member) Swarm() *node.Swarm { return m.swarm }

// Run takes part until ctx ends: then it says goodbye to peers and trackers.
func (m *Member) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, a := range m.announcers {
		group.Go(func() { _ = a.Run(ctx) }) // always nil
	}
	group.Go(func() { m.contact(ctx) })
	if m.certifies() {
		group.Go(func() { m.certify(ctx) })
	}
	if m.cfg.Trackers.Known != nil {
		group.Go(func() { m.remember(ctx) })
	}
	for _, f := range m.cfg.Trackers.Finders {
		if !f.Public() || m.open() {
			group.Go(func() { f.Find(ctx, m.cfg.Link.SwarmID, m.meet) })
		}
	}
	if m.cfg.Trackers.Moves != nil {
		group.Go(func() { m.follow(ctx, m.cfg.Trackers.Moves(ctx)) })
	}
	err := m.swarm.Run(ctx)
	group.Wait()
	return err
}

// follow announces our addresses whenever they change.
func (m *Member) follow(ctx context.Context, moves <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-moves:
			if !open {
				return
			}
			m.Moved()
		}
	}
}

// Moved tells the trackers that our addresses have changed.
func (m *Member) Moved() {
	for _, a := range m.announcers {
		a.Update()
	}
}

// Listed returns how many peers the trackers named last.
func (m *Member) Listed() int {
	n := 0
	for _, a := range m.announcers {
		n += a.Status().Listed
	}
	return n
}

func (m *Member) mode() tracker.Mode {
	if m.complete.Load() {
		return tracker.Seeder
	}
	return tracker.Leech
}

// wanted is how many peers the next FIND asks for. A seeder asks too: a publisher that was
// started again finds its viewers that way at once. Who is let in by our NAT only when we turn to
// him must be known to us: so we go on to ask, as long as there is room.
func (m *Member) wanted() int {
	switch peers := int(m.peers.Load()); {
	case peers < wantedPeers:
		return swarm.DefaultTargetPeers
	case m.filtered() && peers < swarm.DefaultTargetPeers:
		return swarm.DefaultTargetPeers - peers
	}
	return 0
}

// meet hands addresses that were found elsewhere to the engine.
func (m *Member) meet(addrs []netip.AddrPort) {
	_ = m.swarm.AddPeers(addrs) // fails only when the swarm was left
}

// open tells whether the swarm is for everybody.
func (m *Member) open() bool { return !m.cfg.Link.Closed && m.cfg.Link.Authority == "" }

// event keeps count and passes on.
func (m *Member) event(e swarm.Event) {
	switch e.Kind {
	case swarm.EventPeerUp:
		m.peers.Add(1)
	case swarm.EventPeerDown:
		if m.peers.Add(-1) == 0 && time.Since(m.alone) > aloneEvery {
			m.alone = time.Now()
			m.Moved() // ask for others at once
		}
	case swarm.EventSilence:
		if m.Moved(); m.cfg.Trackers.Silent != nil { // a tracker may know where the peers are now
			m.cfg.Trackers.Silent()
		}
	case swarm.EventSkip:
		m.late.Add(int64(e.Chunks.Len()))
	case swarm.EventComplete:
		m.complete.Store(true)
		m.Moved()
	}
	if m.cfg.Events != nil {
		m.cfg.Events(e)
	}
}

// contact resolves the link's own contacts, again while they are of no use.
func (m *Member) contact(ctx context.Context) {
	const first, last = time.Second, time.Minute
	for wait := first; len(m.cfg.Link.Peers) > 0; wait = min(2*wait, last) {
		var addrs []netip.AddrPort
		for _, p := range m.cfg.Link.Peers {
			addrs = append(addrs, resolve(ctx, p)...)
		}
		if m.peers.Load() == 0 && len(addrs) > 0 {
			_ = m.swarm.AddPeers(addrs) // fails only when the swarm was left
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
