package nat

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
)

func local(name, prefix string) localAddr {
	return localAddr{net.Interface{Name: name, Flags: net.FlagUp}, netip.MustParsePrefix(prefix)}
}

func TestHostFindings(t *testing.T) {
	machine := []localAddr{
		local("lo", "127.0.0.1/8"), local("lo", "::1/128"),
		local("eth0", "192.168.11.11/24"), local("eth0", "fe80::1/64"), local("eth0", "2001:db8:11::11/64"),
		local("docker0", "169.254.3.4/16"), local("eth1", "203.0.113.11/24"),
	}
	all := []string{"host 192.168.11.11:6881", "host [2001:db8:11::11]:6881", "host 203.0.113.11:6881"}
	for name, c := range map[string]struct {
		list []localAddr
		bind string
		want []string
	}{
		"all":                {machine, "", all},
		"any":                {machine, "::", all},
		"any of IPv4":        {machine, "0.0.0.0", []string{all[0], all[2]}},
		"bound":              {machine, "203.0.113.11", []string{all[2]}},
		"bound, mapped form": {machine, "::ffff:203.0.113.11", []string{all[2]}},
		"bound to loopback":  {machine, "127.0.0.1", []string{"host 127.0.0.1:6881"}},
		"bound elsewhere":    {machine, "198.51.100.1", nil},
		"without network":    {machine[:2], "", []string{"host 127.0.0.1:6881", "host [::1]:6881"}},
		"without anything":   {nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var bind netip.Addr
			if c.bind != "" {
				bind = netip.MustParseAddr(c.bind)
			}
			if got := texts(hostFindings(c.list, bind, 6881)); !slices.Equal(got, c.want) {
				t.Errorf("hostFindings = %q, want %q", got, c.want)
			}
		})
	}
}

func TestHostFindingsAreBounded(t *testing.T) {
	var many []localAddr
	for i := range 100 {
		many = append(many, local("eth0", fmt.Sprintf("10.0.%d.1/24", i)))
	}
	if n := len(hostFindings(many, netip.Addr{}, 1)); n != maxHosts {
		t.Errorf("%d addresses are offered, want %d", n, maxHosts)
	}
}

func TestLocalAddrsOfThisMachine(t *testing.T) {
	list, err := localAddrs(nil)
	if err != nil {
		t.Fatal(err)
	}
	loop := slices.IndexFunc(list, func(l localAddr) bool { return l.Prefix.Addr() == netip.MustParseAddr("127.0.0.1") })
	if loop < 0 {
		t.Fatalf("127.0.0.1 is not among %v", list)
	}
	only, err := localAddrs([]string{list[loop].Interface.Name})
	if err != nil || len(only) == 0 || slices.ContainsFunc(only, func(l localAddr) bool { return !l.Prefix.Addr().IsLoopback() }) {
		t.Errorf("localAddrs(loopback) = %v, %v", only, err)
	}
	if none, err := localAddrs([]string{"no-such"}); err != nil || len(none) != 0 {
		t.Errorf("localAddrs(no-such) = %v, %v", none, err)
	}
}

// A new address must be known within 30 s, and wake those who depend on it.
func TestWatchHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraversal(t, Config{})
		now := []Finding{{addr("192.168.11.11:6881"), Host, "eth0"}}
		var failure error
		var mu sync.Mutex
		set := func(found []Finding, err error) {
			mu.Lock()
			defer mu.Unlock()
			now, failure = found, err
		}
		tr.hosts = func() ([]Finding, error) {
			mu.Lock()
			defer mu.Unlock()
			return now, failure
		}
		ctx, cancel := context.WithCancel(t.Context())
		wake, done := make(chan struct{}, 1), make(chan struct{})
		tr.readHostsOnce()
		<-tr.Changed()
		go func() { defer close(done); tr.watchHosts(ctx, wake, make(chan struct{}, 1), make(chan struct{}, 1)) }()

		time.Sleep(time.Minute) // nothing happens
		synctest.Wait()
		if len(wake) != 0 || len(tr.Changed()) != 0 {
			t.Error("told a change without one")
		}
		set(now, errors.New("no memory"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := texts(tr.Findings()); len(got) != 1 {
			t.Errorf("a failed reading left %q", got)
		}
		set([]Finding{{addr("192.168.12.7:6881"), Host, "wlan0"}}, nil)
		moved := time.Now()
		<-wake
		if took := time.Since(moved); took > 30*time.Second {
			t.Errorf("noticed after %v", took)
		}
		<-tr.Changed()
		if got := texts(tr.Findings()); !slices.Equal(got, []string{"host 192.168.12.7:6881"}) {
			t.Errorf("findings are %q", got)
		}
		if !strings.Contains(tr.Status(), "192.168.12.7:6881 (wlan0)") {
			t.Errorf("status is %q", tr.Status())
		}
		cancel()
		<-done
	})
}

func TestHostWordsWithoutNetwork(t *testing.T) {
	if got := hostWords(nil); !strings.Contains(got, "check its cable") {
		t.Errorf("words are %q", got)
	}
}
