package node

import (
	"bytes"
	"net/netip"
	"sync"
	"time"
)

// Bounds of the handshakes that others begin, of all closed swarms of a node together. None
// gets beyond its first answer, of which a forged address sees nothing, without echoing a
// cookie (RFC 6347, 4.2.1), and under load none begins: see cookies.
const (
	maxHellos     = 64                     // handshakes at a time
	maxHostHellos = 8                      // of one host
	helloRate     = 100                    // a second
	helloBurst    = 64                     // at once
	helloPatience = 500 * time.Millisecond // after which who has not echoed its cookie makes room
)

// sessions finds the DTLS session of a datagram: by our connection ID (RFC 9146), or while
// there is none yet, by the peer's address.
type sessions struct {
	node *Node

	mu     sync.RWMutex
	byID   map[connectionID]*session
	byPeer map[netip.AddrPort]*session // whose handshake was the last there
	rims   map[string]*rim             // by server name
	hellos []*session                  // that others began, oldest first, while they are in handshake
	level  float64                     // what helloRate allows
	filled time.Time

	cookies cookies
}

func newSessions(n *Node) *sessions {
	return &sessions{
		node: n, byID: map[connectionID]*session{}, byPeer: map[netip.AddrPort]*session{}, rims: map[string]*rim{}, level: helloBurst,
		cookies: newCookies(),
	}
}

// open makes a rim known; false when its swarm has one.
func (r *sessions) open(m *rim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rims[m.name] = m
}

func (r *sessions) close(m *rim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rims[m.name] == m {
		delete(r.rims, m.name)
	}
}

// add makes a session known, whose handshake begins.
func (r *sessions) add(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addLocked(s)
}

func (r *sessions) addLocked(s *session) {
	r.byID[s.id], r.byPeer[s.peer] = s, s
}

// free tells whether no handshake is under way with a peer: one that somebody else may have
// begun in its name does not count for long.
func (r *sessions) free(peer netip.AddrPort) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.byPeer[peer]
	return s == nil || s.phase.Load() != handshaking || s.answers && !s.echoed && time.Since(s.began) > helloPatience
}

// remove forgets a session.
func (r *sessions) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, s.id)
	if r.byPeer[s.peer] == s {
		delete(r.byPeer, s.peer)
	}
	r.settleLocked(s)
}

// settle takes a session off those in handshake.
func (r *sessions) settle(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settleLocked(s)
}

func (r *sessions) settleLocked(s *session) {
	for i := range r.hellos {
		if r.hellos[i] == s {
			r.hellos = append(r.hellos[:i], r.hellos[i+1:]...)
			return
		}
	}
}

// route hands a datagram that looks like DTLS to its session. It is called on the reader's
// goroutine.
func (r *sessions) route(b []byte, from netip.AddrPort) {
	if id, ok := recordID(b); ok {
		r.mu.RLock()
		s := r.byID[id]
		r.mu.RUnlock()
		if s != nil {
			s.receive(b, from)
		}
		return
	}
	if h, ok := parseHello(b); ok {
		r.hello(h, b, from)
		return
	}
	r.mu.RLock()
	s := r.byPeer[from]
	r.mu.RUnlock()
	if s != nil {
		s.receive(b, from)
	}
}

// hello takes a ClientHello: one more of a handshake under way, or the first of another.
func (r *sessions) hello(h clientHello, b []byte, from netip.AddrPort) {
	r.mu.Lock()
	s := r.byPeer[from]
	switch {
	case s != nil && s.answers && s.random == h.random:
		if len(h.cookie) > 0 && !bytes.Equal(h.cookie, s.pipe.asked()) {
			r.mu.Unlock() // a guess, or what has been taken already
			return
		}
		s.echoed = s.echoed || len(h.cookie) > 0
		r.mu.Unlock()
		s.receive(b, from)
		return
	case s != nil && s.phase.Load() == handshaking && !s.yields(h):
		r.mu.Unlock() // one at a time
		return
	}
	busy := s != nil && s.phase.Load() == handshaking // what anybody could end who forges an address
	m := r.rims[h.server]
	proven := len(h.cookie) == cookieSize && r.cookies.valid(h.cookie, from, h.random, r.node.now())
	if m == nil || h.again || len(h.cookie) > 0 && !proven || r.node.banned(from, "") {
		r.mu.Unlock() // silence (RFC 7574, 12.6.1)
		return
	}
	if !proven && (busy || len(r.hellos) >= loadedFrom) {
		r.mu.Unlock()
		_ = r.node.Send(verifyRequest(b, r.cookies.cookie(from, h.random, r.node.now()/cookieAge)), from) // lost, as on the way it could be
		return
	}
	if !r.admit(from) {
		r.mu.Unlock()
		return
	}
	fresh := newSession(m, from, h.random, true)
	fresh.echoed = proven
	fresh.pipe.put(withCookie(b, nil), from)
	if m.start(fresh) {
		r.addLocked(fresh)
		r.hellos = append(r.hellos, fresh)
	}
	r.mu.Unlock()
	if busy {
		s.stop()
	}
}

// yields tells whether a handshake gives way to that which a peer begins, once that peer has
// shown to be where it says. When both begin at the same time, both see whose random number
// is the lower, and keep that one.
func (s *session) yields(h clientHello) bool {
	if s.answers { // the peer was started again, or somebody else began in its name
		return !s.echoed || time.Since(s.began) > handshakeRestart
	}
	return bytes.Compare(h.random[4:], s.random[4:]) < 0
}

// admit tells whether one more may begin a handshake. Who did not echo a cookie for a while
// makes room: its address is likely forged.
func (r *sessions) admit(from netip.AddrPort) bool {
	now := time.Now()
	r.level = min(r.level+now.Sub(r.filled).Seconds()*helloRate, helloBurst)
	r.filled = now
	if r.level < 1 {
		return false
	}
	sameHost, stale := 0, (*session)(nil)
	for _, s := range r.hellos {
		if host(s.peer.Addr()) == host(from.Addr()) && !from.Addr().IsLoopback() {
			sameHost++
		}
		if stale == nil && !s.echoed && now.Sub(s.began) > helloPatience {
			stale = s
		}
	}
	if sameHost >= maxHostHellos {
		return false
	}
	if len(r.hellos) >= maxHellos {
		if stale == nil {
			return false
		}
		r.settleLocked(stale)
		delete(r.byID, stale.id)
		if r.byPeer[stale.peer] == stale {
			delete(r.byPeer, stale.peer)
		}
		stale.stop()
	}
	r.level--
	return true
}
