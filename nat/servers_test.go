package nat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"
)

func TestServerName(t *testing.T) {
	for in, want := range map[string]string{
		"stun.example":           "stun.example:3478",
		"stun.example:19302":     "stun.example:19302",
		"203.0.113.2":            "203.0.113.2:3478",
		"203.0.113.2:3479":       "203.0.113.2:3479",
		"2001:db8::2":            "[2001:db8::2]:3478",
		"[2001:db8::2]":          "[2001:db8::2]:3478",
		"[2001:db8::2]:3479":     "[2001:db8::2]:3479",
		"":                       "not a host name",
		":3478":                  "not a host name",
		"stun:stun.example:1":    "HOST or HOST:PORT",
		"stun://stun.example/":   "not a number",
		"stun.example:port":      "not a number",
		"stun.example:0":         "not a number from 1",
		"stun.example:65536":     "to 65535",
		"two words:3478":         "not a host name",
		strings.Repeat("a", 300): "not a host name",
	} {
		got, err := serverName(in)
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && got != want {
			t.Errorf("serverName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestAddSTUN(t *testing.T) {
	send := func([]byte, netip.AddrPort) error { return nil }
	tr := newTraversal(t, Config{Send: send, STUN: []string{"a", "b:3478"}})
	for _, again := range []string{"a:3478", "b", "c", "d"} {
		if err := tr.AddSTUN(again); err != nil {
			t.Errorf("AddSTUN(%s): %v", again, err)
		}
	}
	if err := tr.AddSTUN("e"); !errors.Is(err, ErrTooManyServers) {
		t.Errorf("a fifth server: %v", err)
	}
	if err := tr.AddSTUN("d"); err != nil {
		t.Errorf("a known server when full: %v", err)
	}
	if err := newTraversal(t, Config{}).AddSTUN("a"); err == nil {
		t.Error("a server without a way to send is taken")
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "port") {
		t.Errorf("without a port: %v", err)
	}
	if _, err := New(Config{Port: 1, STUN: []string{"a:b:c"}, Send: func([]byte, netip.AddrPort) error { return nil }}); err == nil {
		t.Error("a malformed server is taken")
	}
}

func TestStunWords(t *testing.T) {
	a, b := addr("203.0.113.11:4000"), addr("203.0.113.11:4001")
	inside, v6 := addr("192.168.11.11:6881"), addr("[2001:db8::1]:6881")
	for name, c := range map[string]struct {
		list []sighting
		want []string
	}{
		"none asked":         {nil, nil},
		"one":                {[]sighting{{"s", a, nil}}, []string{"Seen from outside as 203.0.113.11:4000."}},
		"the same by two":    {[]sighting{{"s", a, nil}, {"t", a, nil}}, []string{"the same by 2 servers"}},
		"symmetric":          {[]sighting{{"s", a, nil}, {"t", b, nil}}, []string{"another port to each server", "UPnP"}},
		"one in the home":    {[]sighting{{"s", a, nil}, {"t", inside, nil}}, []string{"Seen from outside as 203.0.113.11:4000."}},
		"only in the home":   {[]sighting{{"t", inside, nil}}, []string{"192.168.11.11:6881"}},
		"both families":      {[]sighting{{"s", a, nil}, {"t", v6, nil}}, []string{"Seen from outside as 203.0.113.11:4000."}},
		"IPv6 alone":         {[]sighting{{"t", v6, nil}}, []string{"[2001:db8::1]:6881"}},
		"one silent":         {[]sighting{{"s", a, nil}, {"t", netip.AddrPort{}, errNoAnswer}}, []string{"203.0.113.11:4000", "t: no answer"}},
		"all silent":         {[]sighting{{"s", netip.AddrPort{}, errNoAnswer}}, []string{"blocks UDP", "s: no answer"}},
		"hostile error text": {[]sighting{{"s", netip.AddrPort{}, errors.New("\x1b[2J" + strings.Repeat("x", 999))}}, []string{"…"}},
	} {
		got := stunWords(c.list)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", name, got, want)
			}
		}
		if len(c.list) == 0 && got != "" || strings.ContainsRune(got, '\x1b') || len(got) > 600 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// internet is several STUN servers in memory that see the same router.
type internet struct {
	mu      sync.Mutex
	tr      *Traversal
	seen    map[netip.AddrPort]string // what each server sees; a missing one is silent
	asked   map[netip.AddrPort][]time.Time
	payload int
}

func (n *internet) send(b []byte, to netip.AddrPort) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[to] = append(n.asked[to], time.Now())
	n.payload += len(b)
	var request stun.Message
	if err := stun.Decode(b, &request); err != nil {
		return err
	}
	if seen, ok := n.seen[to]; ok {
		go n.tr.HandleSTUN(sees(&request, seen), to)
	}
	return nil
}

func (n *internet) sees(server, seen string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if seen == "" {
		delete(n.seen, addr(server))
		return
	}
	n.seen[addr(server)] = seen
}

func (n *internet) questions(server string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.asked[addr(server)])
}

// runWith starts a Traversal in the bubble of a synctest; stop ends it. seen are pairs of a STUN
// server and what it answers from the beginning.
func runWith(t *testing.T, cfg Config, with func(*Traversal), seen ...string) (*Traversal, *internet, func()) {
	t.Helper()
	n := &internet{seen: make(map[netip.AddrPort]string), asked: make(map[netip.AddrPort][]time.Time)}
	for pair := range slices.Chunk(seen, 2) {
		n.sees(pair[0], pair[1])
	}
	cfg.Send = n.send
	tr := newTraversal(t, cfg)
	n.tr = tr
	if with != nil {
		with(tr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tr.Run(ctx) }()
	return tr, n, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestReflexiveAddressIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const one, two = "203.0.113.2:3478", "203.0.113.3:3478"
		tr, net, stop := runWith(t, Config{STUN: []string{one, two}}, nil, one, "203.0.113.11:6881", two, "203.0.113.11:6881")
		defer stop()
		synctest.Wait()
		host, seen := "host 192.168.11.11:6881", "reflexive 203.0.113.11:6881"
		if got := texts(tr.Findings()); !slices.Equal(got, []string{host, seen}) {
			t.Fatalf("findings are %q", got)
		}
		if !strings.Contains(tr.Status(), "the same by 2 servers") {
			t.Errorf("status is %q", tr.Status())
		}
		<-tr.Changed()

		net.sees(one, "203.0.113.99:6881")
		net.sees(two, "203.0.113.99:6881")
		start := time.Now()
		<-tr.Changed()
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("a new public address is noticed after %v", took)
		}
		synctest.Wait()
		if got := texts(tr.Findings()); !slices.Equal(got, []string{host, "reflexive 203.0.113.99:6881"}) {
			t.Errorf("findings are %q", got)
		}
	})
}

func TestBlockedUDPIsToldWithin5s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const server = "203.0.113.2:3478"
		tr, net, stop := runWith(t, Config{STUN: []string{server}}, nil)
		defer stop()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !strings.Contains(tr.Status(), "blocks UDP") {
			t.Errorf("after 5 s the status is %q", tr.Status())
		}
		// A silent server is asked less and less.
		time.Sleep(time.Hour)
		if n := len(net.questions(server)); n > 3*20 {
			t.Errorf("%d questions in an hour", n)
		}
		net.sees(server, "203.0.113.11:6881")
		time.Sleep(stunRetryMax + 5*time.Second)
		synctest.Wait()
		if got := texts(tr.Findings()); !slices.Contains(got, "reflexive 203.0.113.11:6881") {
			t.Errorf("when UDP is back, findings are %q", got)
		}
	})
}

func TestNewHostAddressAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const server = "203.0.113.2:3478"
		var mu sync.Mutex
		own := "192.168.11.11:6881"
		_, net, stop := runWith(t, Config{STUN: []string{server}}, func(tr *Traversal) {
			tr.hosts = func() ([]Finding, error) {
				mu.Lock()
				defer mu.Unlock()
				return []Finding{{addr(own), Host, "eth0"}}, nil
			}
		})
		defer stop()
		time.Sleep(10 * time.Minute) // the server is silent: the next question would be minutes away
		before := len(net.questions(server))
		mu.Lock()
		own = "192.168.12.7:6881"
		mu.Unlock()
		time.Sleep(hostInterval + time.Second)
		if after := len(net.questions(server)); after == before {
			t.Error("nobody was asked after the machine's address changed")
		}
	})
}

// What the system tells of is looked at when it has settled, not at the next tick; what means nothing for our addresses
// has nobody asked.
func TestMovesAreFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const server = "203.0.113.2:3478"
		var mu sync.Mutex
		own, router := "192.168.11.11:6881", "192.168.11.1"
		told := make(chan struct{}, 1)
		_, net, stop := runWith(t, Config{STUN: []string{server}}, func(tr *Traversal) {
			tr.hosts = func() ([]Finding, error) {
				mu.Lock()
				defer mu.Unlock()
				return []Finding{{addr(own), Host, "eth0"}}, nil
			}
			tr.routers = func() []netip.Addr {
				mu.Lock()
				defer mu.Unlock()
				return []netip.Addr{netip.MustParseAddr(router)}
			}
			tr.system = func() (<-chan struct{}, func(), error) { return told, func() {}, nil }
		}, server, "203.0.113.11:6881")
		defer stop()
		time.Sleep(time.Second)
		for name, c := range map[string]struct {
			change func()
			asked  int
		}{
			"a route of no consequence": {func() {}, 0},
			"another address":           {func() { own = "192.168.12.7:6881" }, 1},
			"another router":            {func() { router = "192.168.11.254" }, 1},
		} {
			before := len(net.questions(server))
			mu.Lock()
			c.change()
			mu.Unlock()
			told <- struct{}{}
			time.Sleep(hostSettle + time.Millisecond)
			synctest.Wait()
			if n := len(net.questions(server)) - before; n != c.asked {
				t.Errorf("%s: %d questions, want %d", name, n, c.asked)
			}
			time.Sleep(hostGap)
		}
	})
}

// A doubt about the address is settled at once, but not as often as somebody doubts.
func TestRecheckAsksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const server = "203.0.113.2:3478"
		tr, net, stop := runWith(t, Config{STUN: []string{server}}, nil, server, "203.0.113.11:6881")
		defer stop()
		time.Sleep(2 * time.Second)
		net.sees(server, "203.0.113.77:6881")
		for range 100 {
			tr.Recheck()
			synctest.Wait()
		}
		if got := texts(tr.Findings()); !slices.Contains(got, "reflexive 203.0.113.77:6881") {
			t.Errorf("findings are %q", got)
		}
		if n := len(net.questions(server)); n != 2 {
			t.Errorf("%d questions within 2 s, want 2", n)
		}
		time.Sleep(recheckGap)
		tr.Recheck()
		synctest.Wait()
		if n := len(net.questions(server)); n != 3 {
			t.Errorf("%d questions a second later, want 3", n)
		}
	})
}

func TestServersAreAddedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, net, stop := runWith(t, Config{}, nil)
		defer stop()
		for i := range MaxServers {
			server := fmt.Sprintf("203.0.113.%d:3478", i+2)
			net.sees(server, fmt.Sprintf("203.0.113.11:%d", 4000+i))
			if err := tr.AddSTUN(server); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := len(tr.Findings()); n != 1+MaxServers {
			t.Errorf("%d findings: %q", n, texts(tr.Findings()))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if net.payload > MaxServers*200*20 {
			t.Errorf("an hour costs %d bytes of questions", net.payload)
		}
	})
}

func TestSendErrorIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraversal(t, Config{
			STUN: []string{"203.0.113.2"},
			Send: func([]byte, netip.AddrPort) error { return errors.New("network is unreachable") },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = tr.Run(ctx) }()
		synctest.Wait()
		if !strings.Contains(tr.Status(), "network is unreachable") {
			t.Errorf("status is %q", tr.Status())
		}
		cancel()
		<-done
	})
}

func TestLookup(t *testing.T) {
	got, err := lookup(t.Context(), "[::ffff:203.0.113.2]:3478")
	if err != nil || !slices.Equal(got, []netip.AddrPort{addr("203.0.113.2:3478")}) {
		t.Errorf("lookup of an address = %v, %v", got, err)
	}
	got, err = lookup(t.Context(), "localhost:3479")
	if err != nil || len(got) == 0 || !got[0].Addr().IsLoopback() || got[0].Port() != 3479 {
		t.Errorf("lookup of localhost = %v, %v", got, err)
	}
}

// What a tracker names may be an address of the home, as it stands, but no name that stands for one.
func TestNamesOfTheHome(t *testing.T) {
	home, outer := addr("192.168.1.1:3478"), addr("198.51.100.1:3478")
	for name, c := range map[string]struct{ given, want []netip.AddrPort }{
		"192.168.1.1:3478":  {[]netip.AddrPort{home}, []netip.AddrPort{home}},
		"stun.example:3478": {[]netip.AddrPort{home, outer}, []netip.AddrPort{outer}},
		"evil.example:3478": {[]netip.AddrPort{home}, nil},
	} {
		if got, err := outside(name, slices.Clone(c.given)); !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A name that stands for addresses of the home is not asked, and nothing is said of it.
func TestNamedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraversal(t, Config{Disabled: true, Send: func(_ []byte, to netip.AddrPort) error {
			t.Errorf("sent to %s", to)
			return nil
		}})
		if err := tr.AddNamedSTUN("localhost:3478"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = tr.Run(ctx)
		if s := tr.Status(); strings.Contains(s, "STUN") {
			t.Error(s)
		}
	})
}
