package node

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"
)

// sockets are all that this system has, by name.
func sockets() map[string]func(*net.UDPConn) (socket, error) {
	spare := make(slots, spareSlots)
	return map[string]func(*net.UDPConn) (socket, error){
		"helped":   func(c *net.UDPConn) (socket, error) { return newSocket(c, true, spare) },
		"unhelped": func(c *net.UDPConn) (socket, error) { return newSocket(c, false, spare) },
		"plain":    func(c *net.UDPConn) (socket, error) { return plainSocket{c}, nil },
	}
}

// bound opens a socket; at is where others on this machine reach it.
func bound(t testing.TB, listen, at string, make func(*net.UDPConn) (socket, error)) (socket, netip.AddrPort) {
	t.Helper()
	local, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadBuffer(socketBuffer)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s, err := make(conn)
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := conn.LocalAddr().(*net.UDPAddr)
	return s, netip.AddrPortFrom(netip.MustParseAddr(at), addr.AddrPort().Port())
}

// trainsOf returns trains to an address, whose datagrams tell who they are.
func trainsOf(random *rand.Rand, to netip.AddrPort, count int) (b batch, datagrams [][]byte) {
	for n := range count {
		segment := 20 + random.IntN(1400)
		whole := 1 + random.IntN(40)
		if n%3 == 0 {
			whole = 1
		}
		size := min(whole*segment-random.IntN(min(segment, 19)), 60_000)
		bytes := make([]byte, size)
		for k := range bytes {
			bytes[k] = byte(random.Uint32())
		}
		t := train{peer: to, bytes: bytes, segment: segment}
		if whole == 1 {
			t.segment = size
		}
		b.trains = append(b.trains, t)
		for d := range t.datagrams() {
			datagrams = append(datagrams, d)
		}
	}
	return b, datagrams
}

// What is sent by one kind of socket arrives at any other, datagram by datagram, in order.
func TestSockets(t *testing.T) {
	for _, way := range []struct{ listen, at string }{{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}, {":0", "127.0.0.1"}} {
		for from, makeFrom := range sockets() {
			for to, makeTo := range sockets() {
				t.Run(fmt.Sprintf("%s from %s to %s", way.listen, from, to), func(t *testing.T) {
					a, sender := bound(t, way.listen, way.at, makeFrom)
					b, receiver := bound(t, way.listen, way.at, makeTo)
					exchange(t, a, b, sender, receiver)
				})
			}
		}
	}
}

func exchange(t *testing.T, a, b socket, sender, receiver netip.AddrPort) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	out := a.newSender()
	var in batch
	for range 5 {
		sent, want := trainsOf(random, receiver, 20)
		out.send(&sent, func(to netip.AddrPort, err error) { t.Errorf("send to %v: %v", to, err) })
		for len(want) > 0 {
			if err := b.receive(&in); err != nil {
				t.Fatal(err)
			}
			for k := range in.trains {
				got := &in.trains[k]
				if got.peer != sender {
					t.Fatalf("from %v, want %v", got.peer, sender)
				}
				for d := range got.datagrams() {
					if len(want) == 0 || !bytes.Equal(d, want[0]) {
						t.Fatalf("a datagram of %d bytes, %d are to come", len(d), len(want))
					}
					want = want[1:]
				}
				if k%2 == 0 { // somebody keeps it
					got.slot = nil
				}
			}
		}
	}
}

// What the kernel does not cut is cut here: trains of too many datagrams, or too long.
func TestTrainsThatTheKernelRefuses(t *testing.T) {
	for name, sizes := range map[string][2]int{"many": {100, 200}, "long": {1400, 60}} {
		for kind, make := range sockets() {
			a, _ := bound(t, loopback, "127.0.0.1", make)
			b, to := bound(t, loopback, "127.0.0.1", make)
			sent := batch{trains: []train{{peer: to, bytes: bytes.Repeat([]byte{7}, sizes[0]*sizes[1]), segment: sizes[0]}}}
			a.newSender().send(&sent, func(_ netip.AddrPort, err error) { t.Errorf("%s, %s: %v", name, kind, err) })
			var in batch
			for got := 0; got < sizes[1]; {
				if err := b.receive(&in); err != nil {
					t.Fatalf("%s, %s: %d of %d datagrams, %v", name, kind, got, sizes[1], err)
				}
				for _, tr := range in.trains {
					got += tr.count()
				}
			}
		}
	}
}

// A destination that the socket cannot reach costs the others nothing.
func TestRefusedInTheMiddle(t *testing.T) {
	for kind, make := range sockets() {
		a, _ := bound(t, loopback, "127.0.0.1", make)
		b, to := bound(t, loopback, "127.0.0.1", make)
		var sent batch
		nowhere := netip.MustParseAddrPort("[2001:db8::1]:9")
		for _, peer := range []netip.AddrPort{to, nowhere, to, netip.MustParseAddrPort("255.255.255.255:9"), to} {
			sent.trains = append(sent.trains, train{peer: peer, bytes: []byte("hello"), segment: 5})
		}
		refused := 0
		a.newSender().send(&sent, func(netip.AddrPort, error) { refused++ })
		var in batch
		for got := 0; got < 3; {
			if err := b.receive(&in); err != nil {
				t.Fatalf("%s: %d datagrams, %v", kind, got, err)
			}
			for _, tr := range in.trains {
				got += tr.count()
			}
		}
		if refused == 0 {
			t.Errorf("%s: nobody was told of what was refused", kind)
		}
	}
}

// Sending and receiving allocates nothing.
func TestSocketsAllocateNothing(t *testing.T) {
	for _, listen := range [][2]string{{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}} {
		for kind, make := range sockets() {
			a, _ := bound(t, listen[0], listen[1], make)
			b, to := bound(t, listen[0], listen[1], make)
			out := a.newSender()
			sent := batch{trains: []train{
				{peer: to, bytes: bytes.Repeat([]byte{7}, 14_000), segment: 1000},
				{peer: to, bytes: bytes.Repeat([]byte{8}, 300), segment: 300},
			}}
			refused := func(_ netip.AddrPort, err error) { t.Error(err) }
			var in batch
			if n := testing.AllocsPerRun(200, func() {
				out.send(&sent, refused)
				for got := 0; got < 15; {
					if err := b.receive(&in); err != nil {
						t.Fatal(err)
					}
					for k := range in.trains {
						got += in.trains[k].count()
					}
				}
			}); n != 0 {
				t.Errorf("%s at %s: %.1f allocations for 15 datagrams", kind, listen[0], n)
			}
		}
	}
}

// Link-local addresses keep their zone on the way through the kernel's form.
func TestZones(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) == 0 {
		t.Fatalf("no interface: %v", err)
	}
	for _, i := range interfaces {
		want := netip.MustParseAddrPort("[fe80::1%" + i.Name + "]:7000")
		if got := throughKernel(t, want); got != want {
			t.Errorf("%v became %v", want, got)
		}
	}
	for _, a := range []string{"1.2.3.4:5", "[2001:db8::1]:65535"} {
		if got := throughKernel(t, netip.MustParseAddrPort(a)); got != netip.MustParseAddrPort(a) {
			t.Errorf("%s became %v", a, got)
		}
	}
}
