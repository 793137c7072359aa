package dht

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // BEP 5
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/dht/v2/krpc"
	peer_store "github.com/anacrolix/dht/v2/peer-store"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var loopback = netip.MustParseAddr("127.0.0.1")

// network starts a DHT of n nodes on loopback, all of which know the first.
func network(t *testing.T, n int) []*Service {
	t.Helper()
	var all []*Service
	bootstrap := []string{"127.0.0.1:9"} // nobody
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	t.Cleanup(func() { cancel(); group.Wait() })
	for i := range n {
		s := New(Config{Listen: loopback, Port: func() uint16 { return uint16(20000 + i) }, Bootstrap: bootstrap, Logger: zerolog.Nop()})
		group.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		at := s.Addr(t.Context())
		if i == 0 {
			bootstrap = []string{at.String()}
		}
		all = append(all, s)
	}
	return all
}

// Two nodes find each other through a DHT of ten, on loopback alone.
func TestTwoOfTen(t *testing.T) {
	all := network(t, 10)
	const news = ppsp.SwarmID("a swarm of the test")
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	found := make(chan string, 100)
	for _, i := range []int{3, 8} {
		group.Go(func() {
			all[i].Find(ctx, news, func(addrs []netip.AddrPort) {
				for _, a := range addrs {
					select {
					case found <- fmt.Sprintf("%d finds %s", i, a):
					default:
					}
				}
			})
		})
	}
	want := map[string]bool{"3 finds 127.0.0.1:20008": true, "8 finds 127.0.0.1:20003": true}
	limit := time.After(60 * time.Second)
	for len(want) > 0 {
		select {
		case words := <-found:
			if words == "3 finds 127.0.0.1:20003" || words == "8 finds 127.0.0.1:20008" {
				t.Errorf("%s: itself", words)
			}
			delete(want, words)
		case <-limit:
			t.Fatalf("within 60 s it was not so that %v", want)
		}
	}
}

func TestInfoHash(t *testing.T) {
	id, err := ppsp.ParseSwarmID("47a013e660d408619d894b20806b1d5086aab03b")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := hex.DecodeString("47a013e660d408619d894b20806b1d5086aab03b")
	if InfoHash(id) != sha1.Sum(raw) { //nolint:gosec // BEP 5
		t.Error("the name in the DHT is not the SHA-1 of the swarm ID")
	}
}

func TestWhereTheDHTMayLead(t *testing.T) {
	s := &Service{cfg: Config{Port: func() uint16 { return 7000 }}, addr: netip.MustParseAddrPort("[::]:5000")}
	for at, want := range map[string]bool{
		"198.51.100.1:7000": true, "[2001:db8::1]:1": true, "192.168.1.1:80": false, "127.0.0.1:7001": false, "10.0.0.1:1": false,
		"100.64.0.1:1": false, "[fd00::1]:1": false, "[fe80::1]:1": false, "224.0.0.1:1": false, "0.0.0.0:1": false,
		"0.0.0.1:1": false, "[64:ff9b::10.0.0.1]:1": false, "[2002:a00:1::1]:1": false,
	} {
		if got := s.mayFollow(netip.MustParseAddrPort(at)); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
	if !s.Public() {
		t.Error("swarms for members would be named to strangers")
	}
	if len(New(Config{}).cfg.Bootstrap) == 0 {
		t.Error("no way in by default")
	}
}

// Without a way in, and before Run, Find ends with its context.
func TestFindEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	New(Config{}).Find(ctx, "x", nil)
	s := New(Config{Listen: loopback, Port: func() uint16 { return 1 }, Bootstrap: []string{"nonsense", "127.0.0.1:9"}})
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { _ = s.Run(ctx) })
	s.Find(ctx, "x", func([]netip.AddrPort) { t.Error("somebody was found where nobody is") })
	group.Wait()
	s.Find(t.Context(), "x", nil) // it has ended
	if at := New(Config{}).Addr(ctx); at.IsValid() {
		t.Errorf("a node that does not run is at %s", at)
	}
}

func addr(i int) krpc.NodeAddr {
	return krpc.NodeAddr{IP: net.IPv4(10, 0, byte(i>>8), byte(i)), Port: 1 + i%60000}
}

func TestStoreIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	s := newStore(func() time.Time { return now })
	name := func(i int) (h peer_store.InfoHash) { h[0], h[1] = byte(i), byte(i>>8); return h }
	for i := range 3 * maxPerName {
		s.AddPeer(name(0), addr(i))
	}
	got := s.GetPeers(name(0))
	if len(got) != maxPerName || !got[maxPerName-1].Equal(addr(3*maxPerName-1)) {
		t.Errorf("%d peers of a swarm, the last %v", len(got), got[len(got)-1])
	}
	s.AddPeer(name(0), addr(3*maxPerName-1))
	if len(s.GetPeers(name(0))) != maxPerName {
		t.Error("a peer that came again stands there twice")
	}
	for _, port := range []int{0, -1, 1 << 16} {
		s.AddPeer(name(1), krpc.NodeAddr{IP: net.IPv4(10, 0, 0, 1), Port: port})
	}
	if len(s.GetPeers(name(1))) != 0 {
		t.Error("port 0 is kept")
	}
	for i := range 2 * maxNames {
		now = now.Add(time.Second)
		s.AddPeer(name(i+2), addr(i))
	}
	if len(s.names) > maxNames || len(s.GetPeers(name(0))) != 0 || len(s.GetPeers(name(2*maxNames+1))) != 1 {
		t.Errorf("%d names", len(s.names))
	}
	now = now.Add(keepFor)
	if len(s.GetPeers(name(2*maxNames+1))) != 0 {
		t.Error("a peer is listed after its time")
	}
	s.AddPeer(name(0), addr(1))
	if len(s.names) != 1 {
		t.Errorf("%d names after the time of all but one", len(s.names))
	}
}

// FuzzDatagrams holds that nothing that comes by the socket ends the node.
func FuzzDatagrams(f *testing.F) {
	ctx, cancel := context.WithCancel(context.Background())
	s := New(Config{Listen: loopback, Port: func() uint16 { return 1 }, Bootstrap: []string{"127.0.0.1:9"}, Logger: zerolog.Nop()})
	s.rate = 1 << 30 // each ping is answered
	var group sync.WaitGroup
	group.Go(func() { _ = s.Run(ctx) })
	f.Cleanup(func() { cancel(); group.Wait() })
	<-s.ready
	conn, err := net.Dial("udp", s.addr.String())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close() })
	f.Add([]byte("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"))
	f.Add([]byte("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe"))
	f.Add([]byte("d1:ad2:id20:abcdefghij0123456789e1:q3:put1:t2:aa1:y1:qe"))
	f.Add([]byte("dllllllllllllllllllllllllllllllll"))
	serial := 0
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := conn.Write(b); err != nil {
			t.Skip() // too long for a datagram
		}
		serial++
		mark := fmt.Sprintf("1:t4:%04x", serial&0xffff)
		buffer := make([]byte, 2000)
		for range 10 { // datagrams get lost
			if _, err := conn.Write([]byte("d1:ad2:id20:abcdefghij0123456789e1:q4:ping" + mark + "1:y1:qe")); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					break
				}
				if bytes.Contains(buffer[:n], []byte(mark)) {
					return
				}
			}
		}
		t.Fatalf("no answer to a ping after %q", b)
	})
}
