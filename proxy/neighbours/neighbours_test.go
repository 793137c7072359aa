package neighbours

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/localpeers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The sockets are tested in network namespaces (cmd/swarmgate/e2e); a service whose socket is on
// loopback alone sends nothing anywhere.
func TestServiceHandsOnWhoIsThere(t *testing.T) {
	s := New(Config{Addr: netip.MustParseAddrPort("127.0.0.1:7000")})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	found := make(chan netip.AddrPort, 10)
	looking, enough := context.WithCancel(ctx)
	const news = ppsp.SwarmID("news")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Find(looking, news, func(addrs []netip.AddrPort) { found <- addrs[0] })
	}()
	there := localpeers.NewDirectory(rand.New(rand.NewPCG(1, 2)))
	there.Join(0, news)
	from := netip.MustParseAddr("192.168.7.2")
	until(t, func() bool { // Find may not have begun
		s.heard <- datagram{from, there.Compose(from, 7001)[0]}
		s.heard <- datagram{from, []byte("noise")}
		select {
		case at := <-found:
			return at == netip.AddrPortFrom(from, 7001)
		case <-time.After(10 * time.Millisecond):
			return false
		}
	})
	enough()
	<-ended
	cancel()
	group.Wait()
	if len(s.links) != 0 {
		t.Errorf("there are %d sockets", len(s.links))
	}
	s.Find(t.Context(), news, nil) // it has ended, so there is nothing to wait for
	if s.Public() {
		t.Error("swarms for members alone are left out")
	}
}

func until(t *testing.T, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); {
		if time.Since(began) > 30*time.Second {
			t.Fatal("not so within 30 s")
		}
	}
}

func TestFindWithoutRun(t *testing.T) {
	s := New(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Find(ctx, "news", nil)
}

// What comes from elsewhere is no neighbour's, whatever it says.
func TestNeighboursAreOfTheNetwork(t *testing.T) {
	p := place{nets: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("fd00::/64")}}
	for a, want := range map[string]bool{"192.168.7.200": true, "192.168.8.1": false, "8.8.8.8": false, "fd00::9": true, "2001:db8::1": false} {
		if got := p.has(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	nics := []net.Interface{
		{Index: 3, Name: "wlan0", Flags: net.FlagUp | net.FlagMulticast},
		{Index: 1, Name: "lo", Flags: net.FlagUp | net.FlagLoopback | net.FlagMulticast},
		{Index: 2, Name: "eth0", Flags: net.FlagUp | net.FlagMulticast},
		{Index: 4, Name: "tun0", Flags: net.FlagUp | net.FlagPointToPoint | net.FlagMulticast},
		{Index: 5, Name: "down", Flags: net.FlagMulticast},
		{Index: 6, Name: "gone", Flags: net.FlagUp | net.FlagMulticast},
	}
	of := map[string][]string{
		"lo": {"127.0.0.1/8"}, "eth0": {"192.168.7.9/24", "192.168.7.2/24", "10.0.0.1/8", "fe80::1/64", "fd00::2/64", "::1/128"},
		"wlan0": {"fe80::2/64"}, "tun0": {"10.9.9.9/32"}, "down": {"192.168.8.1/24"},
	}
	list := func() ([]net.Interface, error) { return nics, nil }
	addresses := func(nic *net.Interface) ([]net.Addr, error) {
		if nic.Name == "gone" {
			return nil, errors.New("no such interface")
		}
		var out []net.Addr
		for _, s := range of[nic.Name] {
			ip, n, err := net.ParseCIDR(s)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		return out, nil
	}
	for bind, want := range map[string][]string{
		"::":          {"eth0 10.0.0.1 192.168.7.2", "eth0 fd00::2"},
		"0.0.0.0":     {"eth0 10.0.0.1 192.168.7.2"},
		"192.168.7.9": {"eth0 192.168.7.9"},
		"fd00::2":     {"eth0 fd00::2"},
		"127.0.0.1":   nil,
		"203.0.113.1": nil,
	} {
		var got []string
		for _, p := range places(netip.MustParseAddr(bind), list, addresses) {
			var words strings.Builder
			words.WriteString(p.nic.Name)
			for _, a := range p.addrs {
				words.WriteString(" " + a.String())
				if a.Is6() != p.six {
					t.Errorf("%s: family of %s", bind, a)
				}
			}
			got = append(got, words.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("bound to %s: %q, want %q", bind, got, want)
		}
	}
	if places(netip.IPv6Unspecified(), func() ([]net.Interface, error) { return nil, errors.New("no rights") }, addresses) != nil {
		t.Error("places without interfaces")
	}
}

// A swarm for which there was no room is announced as soon as another is left, and one that
// somebody else still seeks is not left.
func TestSwarmsWaitForRoom(t *testing.T) {
	s := New(Config{})
	var all []*seeker
	for i := range localpeers.MaxSwarms + 1 {
		all = append(all, &seeker{swarm: ppsp.SwarmID(fmt.Sprint(i))})
		s.join(all[i])
	}
	s.leave(all[0])
	if s.directory.Join(0, "one more") {
		t.Error("the swarm that waited did not take the place")
	}
	again := &seeker{swarm: all[1].swarm}
	s.join(again)
	s.leave(all[1])
	if s.directory.Join(0, "one more") {
		t.Error("a swarm was left that somebody seeks")
	}
	s.leave(again)
	if !s.directory.Join(0, "one more") {
		t.Error("a swarm that nobody seeks is not left")
	}
	for _, who := range all {
		s.leave(who)
	}
	s.directory.Leave("one more")
	if n := len(s.directory.Compose(netip.MustParseAddr("192.0.2.1"), 1)); n != 0 || len(s.seekers) != 0 {
		t.Errorf("%d datagrams and %d seekers are left", n, len(s.seekers))
	}
}
