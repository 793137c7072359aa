package swarm

import (
	"bytes"
	"math"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Peer address exchange (RFC 7574, 3.10, 8.13 and 12.2). What a peer names need not be a
// peer: it may be a victim that many are to knock at (12.2.1), or accomplices that are to
// surround us (12.2.3). So
//
//   - plain addresses are given and taken within a private network only; on the Internet
//     certificates are, which say that their holder is where they name it;
//   - addresses come only from whom we asked, few at a time;
//   - they make up a small part of those known, never take the place of a tracker's, are
//     tried after these, seldom, with fewer datagrams, and not for long;
//   - at most half of the connections are to such peers, and a live source, which it hurts
//     most to surround, does not ask at all: trackers name its peers.
const (
	pexLook        = 5e9  // ns between two peers that are asked
	pexFirst       = 1e9  // ns after a channel has opened, when its peer may be asked
	pexAskEvery    = 60e9 // ns between two requests to one peer
	pexPatience    = 10e9 // ns in which an answer is taken
	pexMost        = 8    // addresses given or taken in one answer
	pexAnswerEvery = 10e9 // ns between two answers to one peer
	pexHeard       = 60e9 // ns: "Peer B MUST have exchanged messages with Peer Ci in the last 60 seconds"
	maxPex         = 100  // addresses kept that only peers have named
	pexTries       = 2    // attempts to connect to one
	pexHandshakes  = 2    // HANDSHAKE datagrams of an attempt
	pexConnect     = 250e6
	pexIntroEvery  = 60e9    // ns until a peer may show another certificate of its own unasked
	certWork       = 1 << 13 // of maxWork: four to a datagram
)

// Members checks membership certificates (RFC 7574, 12.2.1).
type Members interface {
	// Check tells what a certificate of this swarm says; an error when it proves nothing. at is
	// the wall clock in nanoseconds since 1970. It must keep no part of der.
	Check(der []byte, at int64) (Membership, error)
}

// Membership is what a certificate says of its holder.
type Membership struct {
	Where  netip.AddrPort // where it listens, the zero AddrPort when it does not say
	Member string         // who it is
	Until  int64          // how long that holds, nanoseconds since 1970
}

// pexState is what a swarm has of peer address exchange.
type pexState struct {
	lookAt    int64 // when to see whether a peer is to be asked
	connectAt int64 // not before: when the next address that a peer named is tried
	turn      int
}

// exchange is what a channel has of it.
type exchange struct {
	viaPex      bool  // we have the address from a peer …
	viaProof    bool  // … with a certificate
	askAt       int64 // not before: when the peer is asked again
	takeUntil   int64 // its answer is taken
	takes       int   // how many more addresses of it are
	answerAt    int64 // not before: when it is answered again
	askDue      bool
	answerDue   bool
	introDue    bool  // our own certificate is to be sent
	introAt     int64 // not before: when it may show one unasked
	distrusted  bool  // it has sent a certificate that proves nothing
	member      string
	certificate []byte // the peer's own, for its address
	certUntil   int64  // how long it holds, nanoseconds since 1970
}

// reach is how far an address leads.
type reach uint8

const (
	reachNone reach = iota // no peer's address
	reachLoopback
	reachLink
	reachPrivate
	reachShared // behind a provider's NAT (RFC 6598): not for others, nor a benign network
	reachPublic
)

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// reachOf sorts an address: "private, unique-local, link-local, or multicast" (RFC 7574, 8.13).
func reachOf(a netip.Addr) reach {
	switch {
	case !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return reachNone
	case a.IsLoopback():
		return reachLoopback
	case a.IsLinkLocalUnicast():
		return reachLink
	case a.IsPrivate():
		return reachPrivate
	case ppsp.Public(a):
		return reachPublic
	case sharedSpace.Contains(a):
		return reachShared
	}
	return reachNone
}

// benign tells whether a peer there shares a private network with us.
func benign(a netip.Addr) bool { r := reachOf(a); return r >= reachLoopback && r <= reachPrivate }

// mayName tells whether a peer at to may learn of addr without proof: both are in private
// networks, and who knows the one can reach the other.
func mayName(to, addr netip.Addr) bool {
	if !benign(to) || !benign(addr) || reachOf(to) > reachOf(addr) {
		return false
	}
	return reachOf(addr) != reachLink || to.Zone() == addr.Zone()
}

// mayProve tells whether a peer at to may learn of addr by certificate: "the PEX_RES*
// messages sent in reply MUST NOT contain such addresses" to others (RFC 7574, 8.13).
func mayProve(to, addr netip.Addr) bool { return reachOf(addr) == reachPublic || mayName(to, addr) }

// nextExchange returns when exchange has something to do.
func (s *Swarm) nextExchange() int64 {
	if s.live != nil && s.live.source != nil || len(s.order) == 0 {
		return math.MaxInt64
	}
	return s.pex.lookAt
}

// exchange asks one peer for others while there are too few.
func (s *Swarm) exchange(now int64) {
	if now < s.nextExchange() {
		return
	}
	s.pex.lookAt = now + pexLook
	idle := s.live == nil && (!s.wanted() || s.Complete())
	if idle || s.taken() >= s.cfg.TargetPeers || s.untried() >= s.cfg.TargetPeers {
		return
	}
	s.pex.turn++
	for k := range s.order {
		c := s.order[(s.pex.turn+k)%len(s.order)]
		if c.state != stateOpen || now < c.askAt || c.distrusted || !c.understands(wire.TypePexReq) {
			continue
		}
		c.askAt, c.takeUntil, c.takes = now+pexAskEvery, now+pexPatience, pexMost
		c.askDue, c.speakDue = true, true
		s.markReady(c)
		return
	}
}

// untried counts the addresses at which we did not knock yet.
func (s *Swarm) untried() int {
	n := 0
	for i := range s.candidates.list {
		if s.candidates.list[i].tries == 0 {
			n++
		}
	}
	return n
}

// introduce lets a new channel begin with our certificate, so that its peer can pass it on
// (RFC 7574, 12.2.2), and be asked soon.
func (c *channel) introduce(now int64) {
	c.askAt = now + pexFirst
	c.s.pex.lookAt = min(c.s.pex.lookAt, c.askAt)
	if len(c.s.cfg.Certificate) > 0 && c.understands(wire.TypePexResCert) {
		c.introDue, c.speakDue = true, true
	}
}

// SetCertificate takes our own membership certificate, DER, in place of the one before, and shows
// it to the peers that there are; nil for none. It keeps der.
func (s *Swarm) SetCertificate(now int64, der []byte) {
	if bytes.Equal(s.cfg.Certificate, der) {
		return
	}
	s.cfg.Certificate = der
	for _, c := range s.order {
		if c.introDue = false; c.state == stateOpen && len(der) > 0 && c.understands(wire.TypePexResCert) {
			c.introDue, c.speakDue = true, true
			s.markReady(c)
		}
	}
}

// handlePexReq has a PEX_REQ answered, if the last one is long past.
func (c *channel) handlePexReq(now int64) {
	if now < c.answerAt {
		return
	}
	c.answerAt = now + pexAnswerEvery
	c.answerDue, c.speakDue = true, true
	c.s.markReady(c)
}

// appendExchange adds what is due.
func (c *channel) appendExchange(now int64, b []byte, start int) []byte {
	s := c.s
	if c.askDue {
		c.askDue = false
		b = wire.AppendPexReq(b)
	}
	if c.introDue && fits(b, start, 3+len(s.cfg.Certificate)) {
		c.introDue = false
		b = wire.AppendPexCert(b, s.cfg.Certificate)
	}
	if c.answerDue {
		c.answerDue = false
		b = c.appendPeers(now, b, start)
	}
	return b
}

// appendPeers names peers that were heard lately, any of them first.
func (c *channel) appendPeers(now int64, b []byte, start int) []byte {
	s := c.s
	first := s.rand.IntN(len(s.order))
	for k, named := 0, 0; k < len(s.order) && named < pexMost; k++ {
		o := s.order[(first+k)%len(s.order)]
		if o.state != stateOpen || o.remote == c.remote || now-o.heardAt > pexHeard {
			continue
		}
		n := len(b)
		if b = c.appendPeer(now, b, start, o); len(b) > n {
			named++
		}
	}
	return b
}

// appendPeer names o as c's peer may learn of it, if it may.
func (c *channel) appendPeer(now int64, b []byte, start int, o *channel) []byte {
	plain := wire.TypePexResV4
	if o.remote.Addr().Is6() {
		plain = wire.TypePexResV6
	}
	switch to, addr := c.remote.Addr(), o.remote.Addr(); {
	case mayName(to, addr) && c.understands(plain) && fits(b, start, 1+16+2):
		return wire.AppendPexRes(b, o.remote)
	case o.certificate != nil && c.s.cfg.Epoch+now < o.certUntil && mayProve(to, addr) && c.understands(wire.TypePexResCert) && fits(b, start, 3+len(o.certificate)):
		return wire.AppendPexCert(b, o.certificate)
	}
	return b
}

// allows tells whether one more address of this peer is looked at.
func (x *exchange) allows(now int64) bool {
	if x.takes == 0 || now > x.takeUntil {
		return false
	}
	x.takes--
	return true
}

// handlePexRes takes a plain address, within a private network.
func (c *channel) handlePexRes(now int64, peer netip.AddrPort) {
	if !c.allows(now) || peer.Port() == 0 {
		return
	}
	addr := peer.Addr()
	if from := c.remote.Addr(); addr.Is6() && addr.IsLinkLocalUnicast() && from.IsLinkLocalUnicast() {
		addr = addr.WithZone(from.Zone())
	}
	if mayName(c.remote.Addr(), addr) {
		c.s.hearsay(now, netip.AddrPortFrom(addr, peer.Port()), false)
	}
}

// handlePexCert takes a certificate: the peer's own, or one of those that we asked for.
// "Peer A SHOULD check a few of the certificates sent and discard the rest if they are
// defective." (RFC 7574, 12.2.2) False discards the rest of the datagram.
func (c *channel) handlePexCert(now int64, der []byte) bool {
	s := c.s
	asked := c.allows(now)
	if s.cfg.Members == nil || c.distrusted || !asked && now < c.introAt {
		return true
	}
	if !asked {
		c.introAt = now + pexIntroEvery
	}
	s.work -= certWork
	m, err := s.cfg.Members.Check(der, s.cfg.Epoch+now)
	switch {
	case err != nil:
		c.distrusted = true
		return false
	case s.bans.HasMember(now, m.Member):
		if m.Where == c.remote {
			c.close("the peer is a member that was shut out")
			return false
		}
	case m.Where == c.remote:
		c.member, c.certificate, c.certUntil = m.Member, bytes.Clone(der), m.Until
	case asked && m.Where.Port() != 0 && mayProve(c.remote.Addr(), m.Where.Addr()):
		s.hearsay(now, m.Where, true)
	}
	return true
}

// hearsay keeps an address that a peer named.
func (s *Swarm) hearsay(now int64, addr netip.AddrPort, proven bool) {
	k := &s.candidates
	if s.bans.Has(now, addr) || k.find(addr) >= 0 {
		return
	}
	n, worst := 0, -1
	for i := range k.list {
		if e := &k.list[i]; e.pex {
			if n++; worst < 0 || e.tries > k.list[worst].tries {
				worst = i
			}
		}
	}
	e := candidate{addr: addr, nextAt: now, pex: true, proven: proven}
	switch {
	case n < maxPex && len(k.list) < MaxCandidates:
		k.list = append(k.list, e)
	case worst >= 0 && k.list[worst].tries > 0:
		k.list[worst] = e
	default:
		return
	}
	k.changed = true
	s.connect(now)
}

// rank orders addresses: what failed least first, and what only peers have named behind.
func (e *candidate) rank() int {
	if e.pex {
		return e.tries + fruitless
	}
	return e.tries
}

// tryAt returns when an address may be tried. "Peers MUST ensure that part of their
// connections are to peers whose addresses came from a trusted and secured tracker" (RFC
// 7574, 3.10.1).
func (s *Swarm) tryAt(e *candidate) int64 {
	switch {
	case !e.pex:
		return e.nextAt
	case e.tries >= pexTries || 2*s.viaPex() >= s.cfg.TargetPeers:
		return math.MaxInt64
	}
	return max(e.nextAt, s.pex.connectAt)
}

// viaPex counts the channels that we opened to addresses of peers.
func (s *Swarm) viaPex() int {
	n := 0
	for _, c := range s.order {
		if c.viaPex {
			n++
		}
	}
	return n
}

// dial opens a channel to an address.
func (s *Swarm) dial(now int64, e *candidate) {
	pex, proven, ways := e.pex, e.proven, e.ways()
	c := s.initiate(now, e.addr)
	if pex {
		s.pex.connectAt = now + pexConnect
	}
	if c != nil {
		c.ways, c.viaPex, c.viaProof = ways, pex, pex && proven
	}
}

// handshakeLimit is how many HANDSHAKE datagrams go to an address that may not be a peer's.
func (c *channel) handshakeLimit() int {
	switch {
	case c.viaProof:
		return handshakeBurst
	case c.viaPex:
		return pexHandshakes
	}
	return handshakeTries
}
