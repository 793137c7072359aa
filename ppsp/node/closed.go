package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Closed is what makes a swarm closed: its datagrams travel over DTLS 1.2 (RFC 7574, 12.4)
// between members alone, who show each other certificates of the swarm's authority.
type Closed struct {
	Authority  member.AuthorityKey
	Credential *member.Credential // our own
}

// MaxClosedChunk bounds the chunks of a closed swarm in bytes: a DTLS record is read whole.
const MaxClosedChunk = 7 << 10

// JoinClosed is Join for a closed swarm. The error says why our certificate does not do.
func (n *Node) JoinClosed(cfg swarm.Config, c Closed, events func(swarm.Event)) (*Swarm, error) {
	id := cfg.Meta.SwarmID
	if c.Credential == nil {
		return nil, fmt.Errorf("swarm %s is closed: it takes a membership certificate; ask the publisher for one", id.Short())
	}
	own, ok := c.Credential.For(id)
	if !ok {
		return nil, fmt.Errorf("swarm %s is closed, and the membership certificate is for another; ask the publisher for one of this swarm", id.Short())
	}
	if err := own.Verify(c.Authority, id, time.Now()); err != nil {
		return nil, fmt.Errorf("swarm %s is closed: %w", id.Short(), err)
	}
	if cfg.Meta.ChunkSize == ppsp.VariableChunks {
		return nil, fmt.Errorf("swarm %s is closed: its chunks must not vary in size; publish it with --chunk-size 1024", id.Short())
	}
	if cfg.Meta.ChunkSize > MaxClosedChunk {
		return nil, fmt.Errorf("swarm %s is closed: its chunks may have %d bytes at most, not %d; publish it with --chunk-size 1024", id.Short(), MaxClosedChunk, cfg.Meta.ChunkSize)
	}
	cfg.Members = members{c.Authority, id}
	if _, lasting := own.AddrPort(); lasting {
		cfg.Certificate = own.DER
	}
	m := &rim{
		authority: c.Authority, certificate: tlsCertificate(own, c.Credential), name: serverName(id),
		byPeer: map[netip.AddrPort]*session{}, all: map[*session]struct{}{},
		log: n.log.With().Str("swarm", id.Short()).Logger(),
	}
	return n.join(cfg, m, events)
}

// serverName is how a ClientHello names a closed swarm: by a hash, so that who listens in
// does not learn its ID (RFC 6066, 3).
func serverName(id ppsp.SwarmID) string {
	sum := sha256.Sum256([]byte("swarmgate closed swarm\x00" + string(id)))
	return hex.EncodeToString(sum[:16])
}

// Members returns what checks membership certificates for the engine of an open swarm, whose
// peers pass them on (RFC 7574, 12.2.2): its swarm.Config.Members.
func Members(authority member.AuthorityKey, id ppsp.SwarmID) swarm.Members {
	return members{authority, id}
}

// members is the engine's view of the authority.
type members struct {
	authority member.AuthorityKey
	swarm     ppsp.SwarmID
}

// Check verifies a certificate that a peer passed on (RFC 7574, 12.2.1).
func (m members) Check(der []byte, at int64) (swarm.Membership, error) {
	c, err := member.Parse(der)
	if err != nil {
		return swarm.Membership{}, err
	}
	if err := c.Verify(m.authority, m.swarm, time.Unix(0, at)); err != nil {
		return swarm.Membership{}, err
	}
	where, _ := c.AddrPort()
	return swarm.Membership{Where: where, Member: c.ID, Until: c.NotAfter.UnixNano()}, nil
}

// Bounds of a rim.
const (
	maxSessions = swarm.MaxChannels + 56
	maxDialing  = 32 // handshakes that we began
)

// rim is what a closed swarm has around it: its sessions. It is the sender of the swarm's
// loop.
type rim struct {
	swarm       *Swarm
	authority   member.AuthorityKey
	certificate tls.Certificate
	name        string
	log         zerolog.Logger
	running     sync.WaitGroup // one goroutine for each session

	mu      sync.Mutex
	byPeer  map[netip.AddrPort]*session // by which datagrams go out
	all     map[*session]struct{}
	dialing int
	closed  bool
}

func (m *rim) node() *Node { return m.swarm.node }

// start lets a session run; false when there are too many, or the swarm has ended.
func (m *rim) start(s *session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.all) >= maxSessions {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	s.cancel = cancel
	m.all[s] = struct{}{}
	if s.dials = !s.answers; s.dials {
		m.dialing++
	}
	m.running.Go(func() { s.run(ctx) })
	return true
}

// establish makes a session that by which datagrams go out.
func (m *rim) establish(s *session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.dialed(s)
	s.phase.Store(established)
	m.byPeer[s.peer] = s
	s.release()
	m.log.Debug().Stringer("peer", s.peer).Str("member", s.member).Msg("session with a member")
	return true
}

// remove forgets a session that is over.
func (m *rim) remove(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, s)
	if m.byPeer[s.peer] == s {
		delete(m.byPeer, s.peer)
	}
	m.dialed(s)
}

// dialed takes a session off those that we began and that are in handshake.
func (m *rim) dialed(s *session) {
	if s.dials {
		s.dials = false
		m.dialing--
	}
}

// end stops all sessions and waits for them.
func (m *rim) end() {
	m.node().sessions.close(m)
	for _, s := range m.halt() {
		s.stop()
	}
	m.running.Wait()
}

// halt lets no session begin, and returns those that there are.
func (m *rim) halt() []*session {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.sessions()
}

func (m *rim) sessions() []*session {
	list := make([]*session, 0, len(m.all))
	for s := range m.all {
		list = append(list, s)
	}
	return list
}

// expel ends the sessions of members that are shut out.
func (m *rim) expel() {
	m.mu.Lock()
	list := m.sessions()
	m.mu.Unlock()
	for _, s := range list {
		s.mu.Lock()
		who := s.member
		s.mu.Unlock()
		if who != "" && m.node().banned(netip.AddrPort{}, who) {
			s.stop()
		}
	}
}

// memberAt returns who is at the other end, empty for nobody.
func (m *rim) memberAt(peer netip.AddrPort) member.ID {
	m.mu.Lock()
	s := m.byPeer[peer]
	m.mu.Unlock()
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.member
}

// send sends what the swarm's loop has gathered.
func (m *rim) send(b *batch, _ func(netip.AddrPort, error)) {
	for _, t := range b.trains {
		for d := range t.datagrams() {
			m.transmit(d, t.peer)
		}
	}
}

// transmit sends one datagram by the session with its peer; where there is none another
// begins. So it does when a silent peer is greeted once more, as the engine does when it
// thinks that the peer was started again: then it knows no session.
func (m *rim) transmit(b []byte, to netip.AddrPort) {
	m.mu.Lock()
	s := m.byPeer[to]
	m.mu.Unlock()
	if s != nil {
		s.write(b)
	}
	if id, ok := wire.Channel(b); s == nil || ok && id == 0 && s.silent() {
		if fresh := m.dial(to); fresh != nil {
			fresh.write(b)
		}
	}
}

// dial returns the handshake that is under way with a peer, or begins it; nil if it can't.
func (m *rim) dial(to netip.AddrPort) *session {
	known := m.node().sessions
	if !known.free(to) {
		return m.waitsFor(to)
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	m.mu.Lock()
	full := m.dialing >= maxDialing
	m.mu.Unlock()
	if full || m.node().banned(to, "") {
		return nil
	}
	s := newSession(m, to, random, false)
	known.add(s)
	if !m.start(s) {
		known.remove(s)
		return nil
	}
	return s
}

// waitsFor returns the session of this swarm that is in handshake with a peer.
func (m *rim) waitsFor(to netip.AddrPort) *session {
	known := m.node().sessions
	known.mu.RLock()
	defer known.mu.RUnlock()
	if s := known.byPeer[to]; s != nil && s.rim == m {
		return s
	}
	return nil
}

// dtlsLog takes what the DTLS library has to say: it is for debugging.
type dtlsLog struct{ log zerolog.Logger }

// NewLogger satisfies logging.LoggerFactory.
func (d dtlsLog) NewLogger(string) logging.LeveledLogger { return d }

// The levels of logging.LeveledLogger.
func (d dtlsLog) Trace(string)             {}
func (d dtlsLog) Tracef(string, ...any)    {}
func (d dtlsLog) Debug(string)             {}
func (d dtlsLog) Debugf(string, ...any)    {}
func (d dtlsLog) Info(string)              {}
func (d dtlsLog) Infof(string, ...any)     {}
func (d dtlsLog) Warn(s string)            { d.log.Debug().Msg("DTLS: " + s) }
func (d dtlsLog) Warnf(f string, v ...any) { d.log.Debug().Msgf("DTLS: "+f, v...) }
func (d dtlsLog) Error(s string)           { d.log.Debug().Msg("DTLS: " + s) }
func (d dtlsLog) Errorf(f string, v ...any) {
	d.log.Debug().Msgf("DTLS: "+f, v...)
}
