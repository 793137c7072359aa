package finder

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func home(name string, index int, prefixes ...string) lan.Interface {
	i := lan.Interface{Name: name, Index: index, Flags: net.FlagUp | net.FlagMulticast}
	for _, p := range prefixes {
		i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
	}
	return i
}

// air is a network in virtual time: it counts searches and carries datagrams to the finder.
type air struct {
	start time.Time

	mu       sync.Mutex
	ifis     []lan.Interface
	conns    map[string]*fakeConn
	searches map[string][]time.Duration
	open     int
}

type fakeConn struct {
	air    *air
	name   string
	in     chan datagram
	closed chan struct{}
}

type datagram struct {
	text string
	from netip.AddrPort
	err  error
}

func (c *fakeConn) Read(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-c.in:
		if d.err != nil {
			return 0, netip.AddrPort{}, d.err
		}
		return copy(b, d.text), d.from, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (c *fakeConn) Search() error {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	c.air.searches[c.name] = append(c.air.searches[c.name], time.Since(c.air.start))
	return errors.New("datagrams get lost")
}

func (c *fakeConn) Close() error {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	c.air.open--
	close(c.closed)
	return nil
}

func (a *air) listen(i lan.Interface) ([]Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i.Name == "broken0" {
		return nil, errors.New("no socket")
	}
	c := &fakeConn{air: a, name: i.Name, in: make(chan datagram), closed: make(chan struct{})}
	a.conns[i.Name] = c
	a.open++
	return []Conn{c}, nil
}

func (a *air) send(ifi, from, text string) {
	a.mu.Lock()
	c := a.conns[ifi]
	a.mu.Unlock()
	c.in <- datagram{text: text, from: netip.AddrPortFrom(netip.MustParseAddr(from), 1900)}
}

// set changes the interfaces under the finder's feet.
func (a *air) set(ifis ...lan.Interface) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ifis = ifis
}

// inAir runs a finder in virtual time. take returns what it heard since the last call.
func inAir(t *testing.T, f func(a *air, finder *Finder, take func() []Sighting), ifis ...lan.Interface) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &air{start: time.Now(), ifis: ifis, conns: make(map[string]*fakeConn), searches: make(map[string][]time.Duration)}
		finder := New(Config{
			Interfaces: func() ([]lan.Interface, []lan.Problem, error) {
				a.mu.Lock()
				defer a.mu.Unlock()
				return slices.Clone(a.ifis), nil, nil
			},
			Guard:  &lan.Guard{Interfaces: func() ([]lan.Interface, error) { return ifis, nil }},
			Listen: a.listen,
		})
		ctx, cancel := context.WithCancel(t.Context())
		out := make(chan Sighting, 1000)
		done := make(chan error, 1)
		go func() { done <- finder.Run(ctx, out) }()
		synctest.Wait()
		f(a, finder, func() []Sighting {
			synctest.Wait()
			var list []Sighting
			for len(out) > 0 {
				list = append(list, <-out)
			}
			return list
		})
		cancel()
		if err := <-done; err != nil || a.open != 0 {
			t.Errorf("Run: %v; %d sockets open", err, a.open)
		}
	})
}

func TestSearchesAtOnceThriceAndThenEverySoOften(t *testing.T) {
	inAir(t, func(a *air, f *Finder, _ func() []Sighting) {
		time.Sleep(2 * time.Minute)
		a.mu.Lock()
		got := slices.Clone(a.searches["lan0"])
		a.mu.Unlock()
		if len(got) < 6 || len(got) > 8 || got[0] != 0 || got[2] > 2*time.Second {
			t.Errorf("searched at %v", got)
		}
		for i := 3; i < len(got); i++ {
			if gap := got[i] - got[i-1]; gap < Interval-time.Second || gap > Interval+pollInterval {
				t.Errorf("searched at %v", got)
			}
		}
		f.Search()
		synctest.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.searches["lan0"]) != len(got)+1 {
			t.Error("no search at once when asked for")
		}
	}, home("lan0", 2, "192.168.77.10/24"), home("broken0", 9, "10.0.0.1/8"))
}

func TestFollowsInterfaces(t *testing.T) {
	lan0, wlan0 := home("lan0", 2, "192.168.77.10/24"), home("wlan0", 3, "192.168.78.10/24")
	inAir(t, func(a *air, _ *Finder, take func() []Sighting) {
		a.set(lan0, wlan0)
		time.Sleep(2 * pollInterval)
		a.send("wlan0", "192.168.78.22", strings.ReplaceAll(messages["an LG of version 2"], "192.168.77", "192.168.78"))
		if got := take(); len(got) != 1 || got[0].Interface != "wlan0" {
			t.Errorf("heard %+v", got)
		}
		a.set(wlan0)
		time.Sleep(2 * pollInterval)
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.open != 1 {
			t.Errorf("%d sockets open, want that of wlan0", a.open)
		}
	}, lan0)
}

func TestHears(t *testing.T) {
	inAir(t, func(a *air, _ *Finder, take func() []Sighting) {
		a.send("lan0", "192.168.77.30", messages["gmediarender answers"])
		a.send("lan0", "192.168.77.30", messages["farewell of the root device"])
		got := take()
		if len(got) != 2 || got[0].Location != "http://192.168.77.30:49494/description.xml" || got[0].Host != netip.MustParseAddr("192.168.77.30") ||
			!got[1].Farewell || got[1].From != netip.MustParseAddr("192.168.77.30") {
			t.Errorf("heard %+v", got)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

// A socket that fails, as when the link goes down for a moment, is opened anew.
func TestFailedSocketIsOpenedAnew(t *testing.T) {
	inAir(t, func(a *air, _ *Finder, take func() []Sighting) {
		a.mu.Lock()
		c := a.conns["lan0"]
		a.mu.Unlock()
		c.in <- datagram{err: errors.New("network is down")}
		time.Sleep(2*pollInterval + time.Second)
		a.send("lan0", "192.168.77.30", messages["gmediarender answers"])
		if got := take(); len(got) != 1 {
			t.Errorf("%d heard afterwards", len(got))
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

// Who shouts is not heard without end, and others are heard again a second later.
func TestFloodIsBounded(t *testing.T) {
	inAir(t, func(a *air, _ *Finder, take func() []Sighting) {
		for range 3 * perSecond {
			a.send("lan0", "192.168.77.30", messages["gmediarender answers"])
		}
		if got := take(); len(got) != perSecond {
			t.Errorf("%d of %d heard, want %d", len(got), 3*perSecond, perSecond)
		}
		time.Sleep(time.Second)
		a.send("lan0", "192.168.77.30", messages["gmediarender answers"])
		if got := take(); len(got) != 1 {
			t.Errorf("%d heard a second later", len(got))
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

// A description lies on the host that announces it, or the gateway could be made to ask
// others.
func TestLocationLiesOnTheSender(t *testing.T) {
	lan0 := home("lan0", 2, "192.168.77.10/24", "fd77::10/64", "fe80::10/64")
	f := New(Config{Guard: &lan.Guard{Interfaces: func() ([]lan.Interface, error) { return []lan.Interface{lan0}, nil }}})
	for _, c := range []struct {
		from, location string
		want           bool
	}{
		{"192.168.77.30", "http://192.168.77.30:49494/d.xml", true},
		{"192.168.77.30", "http://192.168.77.30/d.xml", true},
		{"192.168.77.30", "http://192.168.77.1/reboot", false}, // the router
		{"192.168.77.30", "http://192.168.77.10:8088/", false}, // we ourselves
		{"192.168.77.30", "http://127.0.0.1:631/", false},      // something on our machine
		{"192.168.77.30", "http://93.184.216.34/", false},      // somebody in the Internet
		{"93.184.216.34", "http://93.184.216.34/d.xml", false}, // nobody of the home
		{"192.168.77.30", "http://tv.example/d.xml", false},    // a name, which may change
		{"192.168.77.30", "https://192.168.77.30/d.xml", false},
		{"192.168.77.30", "file:///etc/passwd", false},
		{"192.168.77.30", "http://u:p@192.168.77.30/d", false},
		{"192.168.77.30", "http://192.168.77.30:0/d", false},
		{"192.168.77.30", "http://192.168.77.30:99999/d", false},
		{"192.168.77.30", "http://239.255.255.250:1900/", false},
		{"192.168.77.10", "http://192.168.77.10:49494/d", true}, // a player on our own machine
		{"127.0.0.1", "http://192.168.77.10:49494/d", true},
		{"127.0.0.1", "http://192.168.77.30:49494/d", false},
		{"fe80::30%lan0", "http://[fe80::30]:49494/d", true},
		{"fe80::30%lan0", "http://[fd77::30]:49494/d", true}, // another address in a network of the interface
		{"fe80::30%lan0", "http://[2001:db8::30]/d", false},
		{"fe80::30%lan0", "http://192.168.77.1/d", false},
		{"fd77::30", "http://[fd77::10]:8088/d", false}, // we ourselves
	} {
		text := strings.Replace(messages["gmediarender answers"], "http://192.168.77.30:49494/description.xml", c.location, 1)
		if s, ok := f.sighting(lan0, []byte(text), netip.MustParseAddr(c.from)); ok != c.want {
			t.Errorf("%s announces %s: %v, want %v (%+v)", c.from, c.location, ok, c.want, s)
		}
	}
}
