package nat

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func gatewayAt(location string) device {
	u, err := url.Parse(location)
	if err != nil {
		panic(err)
	}
	return device{u, netip.AddrPortFrom(netip.MustParseAddr(u.Hostname()), httpPort(u))}
}

func TestCollect(t *testing.T) {
	one, two := gatewayAt("http://192.168.11.2:5000/d"), gatewayAt("http://192.168.11.1/d")
	type arrival struct {
		after time.Duration
		device
	}
	for name, c := range map[string]struct {
		arrivals []arrival
		want     []string
		took     time.Duration
	}{
		"none":                  {nil, nil, searchTime},
		"one":                   {[]arrival{{10 * time.Millisecond, one}}, []string{"192.168.11.2:5000"}, 260 * time.Millisecond},
		"one, often":            {[]arrival{{0, one}, {0, one}, {0, one}}, []string{"192.168.11.2:5000"}, searchPatience},
		"default gateway first": {[]arrival{{0, one}, {100 * time.Millisecond, two}}, []string{"192.168.11.1:80", "192.168.11.2:5000"}, 100 * time.Millisecond},
		"second too late":       {[]arrival{{0, one}, {300 * time.Millisecond, two}}, []string{"192.168.11.2:5000"}, searchPatience},
		"late":                  {[]arrival{{2 * time.Second, two}}, []string{"192.168.11.1:80"}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), searchTime)
				defer cancel()
				answers := make(chan device, maxGateways)
				for _, a := range c.arrivals {
					time.AfterFunc(a.after, func() { answers <- a.device })
				}
				start := time.Now()
				list, err := collect(ctx, answers, []netip.Addr{netip.MustParseAddr("192.168.11.1")})
				var got []string
				for _, d := range list {
					got = append(got, d.addr.String())
				}
				if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) || time.Since(start) != c.took {
					t.Errorf("collect = %q, %v after %v; want %q after %v", got, err, time.Since(start), c.want, c.took)
				}
				time.Sleep(searchTime)
			})
		})
	}
}

func TestCollectIsBounded(t *testing.T) {
	answers := make(chan device, 1000)
	for i := range 1000 {
		answers <- gatewayAt("http://192.168.11.1:" + string("123456789"[i%9]) + strings.Repeat("0", i%3) + "/" + strings.Repeat("d", i))
	}
	if list, err := collect(t.Context(), answers, nil); err != nil || len(list) != maxGateways {
		t.Errorf("%d gateways, %v", len(list), err)
	}
}

func TestSearchFindsGateway(t *testing.T) {
	g := newFakeIGD(t)
	begin := time.Now()
	list, err := search{only: []netip.AddrPort{g.addr()}, times: searchTimes}.run(t.Context())
	if err != nil || len(list) != 1 || list[0].location.String() != g.location() {
		t.Fatalf("search = %v, %v", list, err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("search took %v", took)
	}
}

// A lost search is sent again.
func TestSearchIsRepeated(t *testing.T) {
	g := newFakeIGD(t)
	g.set(func() {
		g.answer = func(location, target string) []byte {
			if g.count("M-SEARCH") <= len(searchTargets) {
				return []byte("lost")
			}
			return searchAnswer(location, target)
		}
	})
	if list, err := (search{only: []netip.AddrPort{g.addr()}, times: searchTimes}).run(t.Context()); err != nil || len(list) != 1 {
		t.Fatalf("search = %v, %v", list, err)
	}
}

func TestSearchEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	_, err := search{only: []netip.AddrPort{addr("127.0.0.1:9")}, times: searchTimes}.run(ctx)
	if !errors.Is(err, errNoGateway) || time.Since(begin) > time.Second {
		t.Errorf("search: %v after %v", err, time.Since(begin))
	}
}

// An answer from beyond the home's networks does not count, whatever it says.
func TestNear(t *testing.T) {
	home := []localAddr{local("eth0", "192.168.11.11/24"), local("lo", "127.0.0.1/8")}
	asked := search{only: []netip.AddrPort{addr("203.0.113.1:1900")}}
	for a, want := range map[string]bool{
		"192.168.11.1": true, "192.168.12.1": false, "127.0.0.1": true, "203.0.113.1": true, "203.0.113.2": false, "8.8.8.8": false,
	} {
		if got := asked.near(netip.MustParseAddr(a), home); got != want {
			t.Errorf("near(%s) = %v", a, got)
		}
	}
}

func TestSearchSocketsOnThisMachine(t *testing.T) {
	askers := search{}.open(t.Context(), []localAddr{local("lo", "127.0.0.1/8"), local("none", "192.0.2.77/24"), local("v6", "2001:db8::1/64")},
		[]netip.Addr{netip.MustParseAddr("192.168.11.1")})
	for _, a := range askers {
		defer a.conn.Close()
	}
	// Loopback and IPv6 are not searched, and an address that is not ours cannot be bound: what is left is the router.
	if len(askers) != 1 || !slices.Equal(askers[0].to, []netip.AddrPort{addr("192.168.11.1:1900")}) {
		t.Errorf("%d sockets", len(askers))
	}
}

func TestBoundElsewhere(t *testing.T) {
	g := newFakeIGD(t)
	tr := newTraversal(t, Config{Search: []netip.AddrPort{g.addr()}, Bind: netip.MustParseAddr("127.0.0.2")})
	if _, err := tr.findGateways(t.Context()); err == nil || !strings.Contains(err.Error(), "bound to 127.0.0.2") {
		t.Errorf("findGateways: %v", err)
	}
}
