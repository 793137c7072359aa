package node

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"
)

// door is a closed swarm's node, a peer that says nothing by itself, and a ClientHello.
type door struct {
	*Node
	part  *part
	peer  netip.AddrPort
	conn  *net.UDPConn
	hello []byte
}

func newDoor(t *testing.T) *door {
	t.Helper()
	f := newFilm(t, 20_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	d := &door{Node: open(t, loopback)}
	d.part = joinClosed(t, d.Node, f.seed(), c.member(t))
	config, _ := f.leech()
	d.hello = helloOf(t, joinClosed(t, open(t, loopback), config, c.member(t)).Swarm)
	var err error
	if d.conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close() })
	addr, _ := d.conn.LocalAddr().(*net.UDPAddr)
	d.peer = addr.AddrPort()
	return d
}

// say hands in a ClientHello from the peer's address, with all of its random number of one byte.
func (d *door) say(random byte, cookie []byte) {
	b := withCookie(d.hello, cookie)
	copy(b[helloHeader+2:], bytes.Repeat([]byte{random}, 32))
	d.dispatch(train{peer: d.peer, bytes: b, segment: len(b)})
}

// cookie waits for the cookie that the peer is to echo.
func (d *door) cookie(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, 2048)
	_ = d.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := d.conn.Read(b)
		if err != nil {
			t.Fatal("the peer was not asked for a cookie: ", err)
		}
		if cookie := ourCookie(b[:n]); cookie != nil {
			return bytes.Clone(cookie)
		}
	}
}

// now returns the handshake that belongs to the peer's address.
func (d *door) now() *session {
	d.sessions.mu.RLock()
	defer d.sessions.mu.RUnlock()
	return d.sessions.byPeer[d.peer]
}

// meet begins a handshake with the peer.
func (d *door) meet(t *testing.T) *session {
	t.Helper()
	d.part.meet(t, d.peer)
	_ = d.conn.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 2048)
	for {
		n, err := d.conn.Read(b) // what answered a ClientHello before may come first
		if err != nil {
			t.Fatal("the peer hears of no handshake of ours: ", err)
		}
		if _, ok := parseHello(b[:n]); ok {
			break
		}
	}
	s := d.now()
	if s == nil || s.answers {
		t.Fatal("it is the peer that began")
	}
	return s
}

// Our handshake gives way to one that the peer begins, and not to one that somebody begins in
// its name.
func TestYieldsToProvenPeer(t *testing.T) {
	d := newDoor(t)
	ours := d.meet(t)
	d.say(0, nil)
	if d.now() != ours {
		t.Fatal("our handshake gave way to a ClientHello from a forged address")
	}
	d.say(0, make([]byte, cookieSize))
	if d.now() != ours {
		t.Fatal("our handshake gave way to a guess")
	}
	d.say(0, d.cookie(t))
	if s := d.now(); s == ours || s == nil || !s.answers {
		t.Error("our handshake did not give way to the peer's")
	}
}

// A handshake that somebody began in a peer's name keeps out neither the peer nor, for long, us.
func TestForgedHandshakeKeepsNobodyOut(t *testing.T) {
	d := newDoor(t)
	d.say(1, nil)
	forged := d.now()
	if forged == nil || !forged.answers {
		t.Fatal("there is no handshake")
	}
	d.say(1, make([]byte, 20))
	d.sessions.mu.Lock()
	echoed := forged.echoed
	forged.began = forged.began.Add(-helloPatience)
	d.sessions.mu.Unlock()
	if echoed {
		t.Error("a guessed cookie passes for an echo")
	}
	d.meet(t) // ours takes its place

	d = newDoor(t)
	d.say(1, nil)
	forged = d.now()
	d.say(2, nil)
	if d.now() != forged {
		t.Error("one unproven handshake displaces another")
	}
	d.say(2, d.cookie(t))
	if s := d.now(); s == forged || s == nil || s.random[0] != 2 {
		t.Error("the peer was kept out")
	}
}
