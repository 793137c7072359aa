package ssdp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

// heard is a message that the fake network carried.
type heard struct {
	at   time.Duration // since the network was made
	ifi  string
	to   netip.AddrPort // invalid for the group
	from netip.Addr     // for an announcement, the group
	text string
}

func (h heard) header(name string) string {
	for line := range strings.SplitSeq(h.text, "\r\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fakeLAN is a network with virtual time: what is said is written down, what hosts ask is
// put in.
type fakeLAN struct {
	start time.Time

	mu       sync.Mutex
	said     []heard
	conns    map[string]*fakeConn
	ifis     []lan.Interface
	problems []lan.Problem
	listErr  error
	listen   error
	announce error
}

func newFakeLAN(ifis ...lan.Interface) *fakeLAN {
	return &fakeLAN{start: time.Now(), conns: make(map[string]*fakeConn), ifis: ifis}
}

func (f *fakeLAN) config() Config {
	return Config{
		Device:   testDevice(),
		Location: func(own netip.Addr) string { return "http://" + own.String() + ":8088/dlna/device.xml" },
		Interfaces: func() ([]lan.Interface, []lan.Problem, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return slices.Clone(f.ifis), f.problems, f.listErr
		},
		MayAsk: func(a netip.Addr) bool { return a.IsPrivate() || a.IsLinkLocalUnicast() },
		Listen: f.open,
	}
}

func (f *fakeLAN) open(i lan.Interface, six bool) (Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listen != nil {
		return nil, f.listen
	}
	c := &fakeConn{lan: f, ifi: i.Name, in: make(chan asked2), closed: make(chan struct{})}
	if six {
		f.conns[i.Name+" IPv6"] = c
	} else {
		f.conns[i.Name] = c
	}
	return c, nil
}

// set changes the network under the server's feet.
func (f *fakeLAN) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// take returns what was said since the last call.
func (f *fakeLAN) take() []heard {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := f.said
	f.said = nil
	return said
}

func (f *fakeLAN) ask(ifi string, from netip.AddrPort, datagram string) {
	f.mu.Lock()
	c := f.conns[ifi]
	f.mu.Unlock()
	c.in <- asked2{datagram, from}
}

type asked2 struct {
	datagram string
	from     netip.AddrPort
}

type fakeConn struct {
	lan    *fakeLAN
	ifi    string
	in     chan asked2
	closed chan struct{}
}

func (c *fakeConn) Read(b []byte) (int, netip.AddrPort, error) {
	select {
	case a := <-c.in:
		if a.datagram == "" {
			return 0, netip.AddrPort{}, errors.New("cable bitten through")
		}
		return copy(b, a.datagram), a.from, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, fmt.Errorf("read: %w", net.ErrClosed)
	}
}

func (c *fakeConn) Announce(b []byte, group netip.AddrPort) error {
	return c.say(b, netip.AddrPort{}, group.Addr())
}

func (c *fakeConn) Answer(b []byte, to netip.AddrPort, from netip.Addr) error {
	return c.say(b, to, from)
}

func (c *fakeConn) say(b []byte, to netip.AddrPort, from netip.Addr) error {
	c.lan.mu.Lock()
	defer c.lan.mu.Unlock()
	if c.lan.announce != nil {
		return c.lan.announce
	}
	c.lan.said = append(c.lan.said, heard{time.Since(c.lan.start), c.ifi, to, from, string(b)})
	return nil
}

func (c *fakeConn) Close() error {
	close(c.closed)
	return nil
}

func home(name string, index int, prefixes ...string) lan.Interface {
	i := lan.Interface{Name: name, Index: index, Flags: net.FlagUp | net.FlagMulticast}
	for _, p := range prefixes {
		i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
	}
	return i
}

// inLAN runs a server on a fake network in virtual time.
func inLAN(t *testing.T, f func(*fakeLAN, *Server, func()), ifis ...lan.Interface) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := newFakeLAN(ifis...)
		server := New(network.config())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- server.Run(ctx) }()
		synctest.Wait()
		stop := sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		defer stop()
		f(network, server, stop)
	})
}

// count returns how many of said have the given NTS.
func count(said []heard, nts string) (n int) {
	for _, h := range said {
		if h.header("NTS") == nts {
			n++
		}
	}
	return n
}

func TestAnnouncesTwiceAndTakesLeave(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, stop func()) {
		time.Sleep(time.Second)
		said := f.take()
		targets := []string{rootDevice, testUDN, testType, testCDS, testCM}
		if len(said) != 15 || count(said[:5], "ssdp:byebye") != 5 || count(said[5:], "ssdp:alive") != 10 {
			t.Fatalf("said %d messages: %v", len(said), said)
		}
		for i, h := range said {
			if h.header("NT") != targets[i%5] || h.to.IsValid() || h.ifi != "lan0" {
				t.Errorf("message %d: %+v", i, h)
			}
		}
		if first, again := said[5], said[10]; first.at > 10*time.Millisecond || again.at < 200*time.Millisecond {
			t.Errorf("announced after %v and %v", first.at, again.at)
		}
		if got := said[5].header("LOCATION"); got != "http://192.168.77.10:8088/dlna/device.xml" {
			t.Errorf("LOCATION %s", got)
		}
		stop()
		if said = f.take(); len(said) != 10 || count(said, "ssdp:byebye") != 10 {
			t.Errorf("said at the end: %v", said)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

// A control point forgets the device when max-age has passed since the last announcement.
// In 40 minutes that never comes near, even if it misses every second one.
func TestNeverExpires(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, _ func()) {
		time.Sleep(40 * time.Minute)
		last := make(map[string]time.Duration)
		for _, h := range f.take() {
			if h.header("NTS") != "ssdp:alive" {
				continue
			}
			if age := h.at - last[h.header("NT")]; age > DefaultMaxAge/4 {
				t.Errorf("%s was silent for %v", h.header("NT"), age)
			}
			last[h.header("NT")] = h.at
		}
		for target, at := range last {
			if at < 36*time.Minute {
				t.Errorf("%s last announced after %v", target, at)
			}
		}
		if len(last) != 5 {
			t.Errorf("%d targets announced, want 5", len(last))
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

func TestAnswersFastAndWithTheAddressThatTheAskerReaches(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, _ func()) {
		time.Sleep(time.Second)
		for _, c := range []struct {
			ifi, from, own string
		}{
			{"lan0", "192.168.77.20:40000", "192.168.77.10"},
			{"lan0", "10.1.2.3:40000", "10.0.0.2"},
			{"guest0", "192.168.78.30:1900", "192.168.78.10"},
		} {
			f.take()
			from, asked := netip.MustParseAddrPort(c.from), time.Since(f.start)
			f.ask(c.ifi, from, searches["GUPnP"])
			time.Sleep(100 * time.Millisecond)
			said := f.take()
			if len(said) != 1 {
				t.Fatalf("%s: %d answers: %v", c.from, len(said), said)
			}
			h := said[0]
			if h.to != from || h.ifi != c.ifi || h.from.String() != c.own || h.header("LOCATION") != "http://"+c.own+":8088/dlna/device.xml" {
				t.Errorf("%s: answer %+v", c.from, h)
			}
			if h.header("ST") != testType || h.at-asked > 20*time.Millisecond {
				t.Errorf("%s: answered %s after %v", c.from, h.header("ST"), h.at-asked)
			}
		}
	}, home("lan0", 2, "192.168.77.10/24", "10.0.0.2/8"), home("guest0", 3, "192.168.78.10/24"))
}

func TestAnswersEveryTargetOfSsdpAll(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, _ func()) {
		time.Sleep(time.Second)
		f.take()
		f.ask("lan0", asker, lines("M-SEARCH * HTTP/1.1", `MAN: "ssdp:discover"`, "MX: 1", "ST: ssdp:all"))
		time.Sleep(100 * time.Millisecond)
		var got []string
		for _, h := range f.take() {
			got = append(got, h.header("ST"))
		}
		if want := []string{rootDevice, testUDN, testType, testCDS, testCM}; !slices.Equal(got, want) {
			t.Errorf("answered %q, want %q", got, want)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

func TestLeavesStrangersAndNoiseUnanswered(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, _ func()) {
		time.Sleep(time.Second)
		f.take()
		f.ask("lan0", netip.MustParseAddrPort("8.8.8.8:53"), searches["GUPnP"]) // spoofed: an amplifier's victim
		f.ask("lan0", asker, lines("M-SEARCH * HTTP/1.1", `MAN: "ssdp:discover"`, "MX: 1", "ST: urn:dial-multiscreen-org:service:dial:1"))
		f.ask("lan0", asker, "M-SEARCH\x00")
		f.ask("lan0", asker, lines("M-SEARCH * HTTP/1.1", "ST: ssdp:all"))
		time.Sleep(10 * time.Second)
		if said := f.take(); len(said) != 0 {
			t.Errorf("said %v", said)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

func TestFloodOfSearchesDelaysNoAnnouncement(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, _ func()) {
		time.Sleep(time.Second)
		f.take()
		for range 300 {
			f.ask("lan0", asker, lines("M-SEARCH * HTTP/1.1", `MAN: "ssdp:discover"`, "MX: 1", "ST: ssdp:all"))
		}
		time.Sleep(DefaultInterval)
		said := f.take()
		if n := len(said) - count(said, "ssdp:alive"); n > answersPerSecond {
			t.Errorf("%d answers to 300 searches at once", n)
		}
		if n := count(said, "ssdp:alive"); n != 5 {
			t.Errorf("%d announcements in an interval, want 5", n)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}
