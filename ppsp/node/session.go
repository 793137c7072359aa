package node

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"

	"github.com/swarmgate/swarmgate/ppsp/member"
)

// Times of a session.
const (
	handshakeTimeout = 6 * time.Second
	handshakeRestart = 2 * time.Second         // of a peer in handshake that begins anew
	flightInterval   = 400 * time.Millisecond  // until a flight of the handshake is repeated; doubles
	sessionIdle      = 4 * time.Minute         // without a word of either end; PPSPP is silent 3 at most
	suspectAfter     = 1500 * time.Millisecond // without a word of the peer, which may have been started again
	plainInterval    = 200 * time.Millisecond  // between plain records that are let in once the handshake is over
)

const (
	maxQueued = 4 // datagrams that wait for the end of the handshake
	// recordExtra is what DTLS adds to a datagram, bytes: header with connection ID, nonce, tag, type.
	recordExtra  = recordHeader + recordCIDBytes + 8 + 16 + 1
	maxPlaintext = 8 << 10 // bytes of a datagram in a session
	replayWindow = 1024    // records by which one may be late
	sessionMTU   = 1200    // bytes of handshake datagrams
)

// Phases of a session.
const (
	handshaking int32 = iota
	established
	ended
)

// sealedMTU is linkMTU for what goes into a record, which must not be longer than is read.
func sealedMTU(to netip.AddrPort) int {
	return max(min(linkMTU(to), maxPlaintext)-recordExtra, 0)
}

// session is a DTLS association with one peer in one closed swarm. Its goroutine runs it
// and is waited for by its rim.
type session struct {
	rim     *rim
	peer    netip.AddrPort // as the engine knows it, wherever a NAT moves it
	answers bool           // the peer has begun it
	random  [32]byte       // of the ClientHello
	id      connectionID
	began   time.Time
	pipe    *pipe
	cancel  context.CancelFunc // of the handshake
	phase   atomic.Int32
	heardAt atomic.Int64 // now of the node
	plainAt atomic.Int64 // when the last plain record was let in
	echoed  bool         // the peer has shown to be where it says; under sessions.mu
	dials   bool         // counts among rim.dialing; under rim.mu

	mu       sync.Mutex
	conn     *dtls.Conn
	stopped  bool
	waiting  [][]byte // until the handshake is over
	member   member.ID
	notAfter time.Time
}

// newSession prepares a session. Nothing runs before rim.start.
func newSession(m *rim, peer netip.AddrPort, random [32]byte, answers bool) *session {
	s := &session{rim: m, peer: peer, answers: answers, random: random, began: time.Now(), pipe: newPipe(m.swarm.node)}
	_, _ = rand.Read(s.id[:]) // never fails
	s.heardAt.Store(m.swarm.node.now())
	return s
}

// receive takes in a datagram from the reader.
func (s *session) receive(b []byte, from netip.AddrPort) {
	if cookie := ourCookie(b); cookie != nil {
		s.prove(cookie)
		return
	}
	if s.phase.Load() != handshaking {
		plain, ok := late(b)
		if !ok {
			return
		}
		if now := s.rim.swarm.node.now(); plain {
			if now-s.plainAt.Load() < int64(plainInterval) {
				return
			}
			s.plainAt.Store(now)
		}
	}
	s.pipe.put(b, from)
}

// prove answers a rim that is under load: our ClientHello goes out again with its cookie.
func (s *session) prove(cookie []byte) {
	if s.answers || s.phase.Load() != handshaking {
		return
	}
	if hello := s.pipe.first(); hello != nil {
		_ = s.rim.node().Send(withCookie(hello, cookie), s.peer) // lost, as on the way it could be
	}
}

// run is the session's goroutine: handshake, then reading until it ends.
func (s *session) run(ctx context.Context) {
	defer s.over()
	conn, err := s.connect()
	if err != nil {
		s.rim.log.Error().Err(err).Msg("DTLS")
		return
	}
	if !s.adopt(conn) {
		return
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		if strings.Contains(err.Error(), "BadCertificate") {
			s.rim.log.Warn().Stringer("peer", s.peer).Msg("a peer refuses our membership certificate: it may have been taken back")
		}
		s.rim.log.Debug().Err(err).Stringer("peer", s.peer).Msg("no session with this peer")
		return
	}
	s.rim.node().sessions.settle(s)
	if !s.rim.establish(s) {
		return
	}
	s.read(conn)
}

// adopt notes the connection, so that stop can close it; false if that has happened.
func (s *session) adopt(conn *dtls.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	return !s.stopped
}

// stop ends the session; run returns soon. Any goroutine may call it.
func (s *session) stop() {
	s.mu.Lock()
	s.stopped = true
	conn := s.conn
	s.mu.Unlock()
	s.cancel()
	if conn != nil && s.phase.Load() == established {
		_ = conn.Close() // says goodbye, if it can
	}
}

// over frees what the session has.
func (s *session) over() {
	s.phase.Store(ended)
	s.cancel()
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	_ = s.pipe.Close()
	s.rim.node().sessions.remove(s)
	s.rim.remove(s)
}

// read hands what comes to the swarm's loop.
func (s *session) read(conn *dtls.Conn) {
	node := s.rim.node()
	buffer := make([]byte, maxPlaintext)
	for {
		s.mu.Lock()
		expires := s.notAfter
		s.mu.Unlock()
		wake := time.Now().Add(sessionIdle / 8)
		if expires.Before(wake) {
			wake = expires
		}
		_ = conn.SetReadDeadline(wake) // never fails
		n, err := conn.Read(buffer)
		var timeout net.Error
		switch {
		case err == nil:
			s.heardAt.Store(node.now())
			s.rim.swarm.inbox.put(train{peer: s.peer, bytes: buffer[:n], segment: n})
		case errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
			if !time.Now().Before(expires) || node.now()-s.heardAt.Load() > int64(sessionIdle) {
				return
			}
		default:
			return
		}
	}
}

// write sends a datagram, or keeps it until the handshake is over.
func (s *session) write(b []byte) {
	s.mu.Lock()
	conn := s.conn
	if s.phase.Load() == handshaking {
		if len(s.waiting) == maxQueued {
			s.waiting = s.waiting[1:]
		}
		s.waiting = append(s.waiting, append([]byte(nil), b...))
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if conn == nil { // it ended before there was any
		return
	}
	_, _ = conn.Write(b) // a session that ends loses what is under way
}

// release sends what waited.
func (s *session) release() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	conn := s.conn
	s.mu.Unlock()
	for _, b := range waiting {
		_, _ = conn.Write(b)
	}
}

// silent tells whether nothing was heard of the peer for a while.
func (s *session) silent() bool {
	return s.rim.node().now()-s.heardAt.Load() > int64(suspectAfter)
}

// connect makes the connection; its handshake comes later.
func (s *session) connect() (*dtls.Conn, error) {
	m := s.rim
	shared := []dtls.Option{
		dtls.WithCertificates(m.certificate),
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		dtls.WithEllipticCurves(elliptic.X25519, elliptic.P256),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithVerifyPeerCertificate(s.verify),
		dtls.WithConnectionIDGenerator(func() []byte { return append([]byte(nil), s.id[:]...) }),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithMTU(sessionMTU),
		dtls.WithReplayProtectionWindow(replayWindow),
		dtls.WithLoggerFactory(dtlsLog{m.log}),
	}
	addr := net.UDPAddrFromAddrPort(s.peer)
	if s.answers {
		options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range shared {
			options = append(options, o)
		}
		return dtls.ServerWithOptions(s.pipe, addr, options...)
	}
	options := []dtls.ClientOption{
		// The chain and names of the Web's certificates are not ours: verify is what checks.
		dtls.WithInsecureSkipVerify(true),
		dtls.WithServerName(m.name),
		dtls.WithHelloRandomBytesGenerator(func() [handshake.RandomBytesLength]byte {
			return [handshake.RandomBytesLength]byte(s.random[4:])
		}),
	}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.ClientWithOptions(s.pipe, addr, options...)
}

// verify checks the peer's membership certificate; that it has the key is DTLS's to check.
func (s *session) verify(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("the peer shows no membership certificate")
	}
	c, err := member.Parse(raw[0])
	if err != nil {
		return err
	}
	m := s.rim
	if err := c.Verify(m.authority, m.swarm.Metadata().SwarmID, time.Now()); err != nil {
		return err
	}
	if m.node().banned(s.peer, c.ID) {
		return errors.New("the member is shut out")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.notAfter = c.ID, c.NotAfter.Add(member.Leeway)
	return nil
}

// tlsCertificate is a membership certificate as DTLS wants it.
func tlsCertificate(c *member.Certificate, k *member.Credential) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.DER}, PrivateKey: k.Key}
}
