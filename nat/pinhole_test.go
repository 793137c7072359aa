package nat

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/huin/goupnp/soap"
)

// holes is a firewall in memory.
type holes struct {
	mu      sync.Mutex
	list    map[uint16]string // by number
	next    uint16
	updates int
	refuse  int // code
	off     bool
}

func (h *holes) fault(code int) error {
	e := &soap.SOAPFaultError{FaultString: "UPnPError"}
	e.Detail.UPnPError.Errorcode = code
	return e
}

func (h *holes) AddPinholeCtx(_ context.Context, _ string, _ uint16, client string, port, protocol uint16, lease uint32) (uint16, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != 0 {
		return 0, h.fault(h.refuse)
	}
	h.next++
	h.list[h.next] = fmt.Sprintf("%s %d %d %d", client, port, protocol, lease)
	return h.next, nil
}

func (h *holes) there(id uint16) error {
	if _, ok := h.list[id]; !ok {
		return h.fault(holeNoEntry)
	}
	return nil
}

func (h *holes) UpdatePinholeCtx(_ context.Context, id uint16, _ uint32) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.updates++
	return h.there(id)
}

func (h *holes) DeletePinholeCtx(_ context.Context, id uint16) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.there(id)
	delete(h.list, id)
	return err
}

func (h *holes) GetPinholePacketsCtx(_ context.Context, id uint16) (uint32, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return 0, h.there(id)
}

func (h *holes) GetFirewallStatusCtx(ctx context.Context) (enabled, allowed bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.off {
		return false, false, context.DeadlineExceeded
	}
	return true, true, ctx.Err()
}

var homeIPv6 = netip.MustParseAddr("2001:db8:1::11")

// keepHole runs a Traversal at a firewall in virtual time, and calls then while it does.
func keepHole(t *testing.T, h *holes, dir string, then func(tr *Traversal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := newTraversal(t, Config{})
		tr.Remember(dir)
		tr.firewall = func(context.Context) ([]gateway, error) {
			return []gateway{&firewall{title: "gateway", self: homeIPv6, client: h}}, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = tr.Run(ctx) }()
		synctest.Wait()
		then(tr)
		cancel()
		<-done
	})
}

// A hole is made for our own address and port, prolonged, made again when it is gone, and closed at the end.
func TestPinholeIsHeld(t *testing.T) {
	h := &holes{list: map[uint16]string{}}
	keepHole(t, h, "", func(tr *Traversal) {
		if got := texts(tr.Findings()); len(got) == 0 || got[0] != "pinhole [2001:db8:1::11]:6881" {
			t.Errorf("findings %q, want the pinhole first", got)
		}
		if got := h.list[1]; got != "2001:db8:1::11 6881 17 3600" {
			t.Errorf("hole is %q", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		h.mu.Lock()
		if h.updates == 0 || len(h.list) != 1 {
			t.Errorf("after an hour: prolonged %d times, holes %v", h.updates, h.list)
		}
		clear(h.list) // as when the router restarts
		h.mu.Unlock()
		time.Sleep(mappingCheck)
		synctest.Wait()
		if len(h.list) != 1 {
			t.Errorf("holes %v after the router has forgotten them", h.list)
		}
	})
	if len(h.list) != 0 {
		t.Errorf("left behind: %v", h.list)
	}
}

// What a crash has left is closed at the next start, by its number, whatever port it was for.
func TestPinholeAfterCrash(t *testing.T) {
	h, dir := &holes{list: map[uint16]string{}, next: 7}, t.TempDir()
	before := newTraversal(t, Config{Port: 6000})
	before.Remember(dir)
	f := &firewall{self: homeIPv6, client: h}
	if err := f.add(t.Context(), 6000, 6000, 60); err != nil {
		t.Fatal(err)
	}
	before.note(before.pinholeWish(), &mapping{gw: f, external: 6000, internal: netip.AddrPortFrom(homeIPv6, 6000)})
	keepHole(t, h, dir, func(*Traversal) {
		if len(h.list) != 1 || !strings.Contains(h.list[9], " 6881 ") {
			t.Errorf("holes %v, want our own alone", h.list)
		}
	})
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("notes are left: %v, %v", files, err)
	}
}

// Refusals are told in words that help, and a firewall that falls silent takes its finding along.
func TestPinholeProblems(t *testing.T) {
	for code, want := range map[int]string{
		holeNoRoom: "no room", holeNoFirewall: "firewall is off", holeRefused: "Allow IPv6 pinholes", codeNotAuthorized: "Allow IPv6 pinholes", 501: "error 501",
	} {
		h := &holes{list: map[uint16]string{}, refuse: code}
		keepHole(t, h, "", func(tr *Traversal) {
			if !strings.Contains(tr.Status(), want) {
				t.Errorf("code %d: %q, want %q in it", code, tr.Status(), want)
			}
		})
	}
	h := &holes{list: map[uint16]string{}}
	keepHole(t, h, "", func(tr *Traversal) {
		h.mu.Lock()
		h.off, h.refuse = true, holeRefused
		h.mu.Unlock()
		time.Sleep(2 * mappingCheck)
		synctest.Wait()
		if got := texts(tr.Findings()); slices.Contains(got, "pinhole [2001:db8:1::11]:6881") {
			t.Errorf("findings %q of a firewall that is off", got)
		}
	})
	if got := pinholeProblem(errNoIPv6); got != "" {
		t.Errorf("without IPv6 it says %q", got)
	}
}

func TestPinholeAddress(t *testing.T) {
	var list []localAddr
	for _, s := range []string{"192.168.11.11/24", "fe80::1/64", "fd00::1/64", "2001:db8:1::11/64", "2001:db8:1::77/64"} {
		list = append(list, localAddr{Prefix: netip.MustParsePrefix(s)})
	}
	for _, c := range []struct{ bind, preferred, want string }{
		{"", "", "2001:db8:1::11"},
		{"::", "2001:db8:1::77", "2001:db8:1::77"},
		{"", "fd00::1", "2001:db8:1::11"},
		{"2001:db8:1::77", "2001:db8:1::11", "2001:db8:1::77"},
		{"0.0.0.0", "2001:db8:1::11", ""},
		{"192.168.11.11", "", ""},
	} {
		bind, _ := netip.ParseAddr(c.bind)
		preferred, _ := netip.ParseAddr(c.preferred)
		got, ok := pinholeAddress(list, bind, preferred)
		if ok != (c.want != "") || ok && got.Prefix.Addr().String() != c.want {
			t.Errorf("pinholeAddress(bind %q, preferred %q) = %v, %v; want %q", c.bind, c.preferred, got.Prefix, ok, c.want)
		}
	}
}

func TestParseRoutes6(t *testing.T) {
	const none = "00000000000000000000000000000000"
	line := func(destination, bits, hop, nic string) string {
		return fmt.Sprintf("%s %s %s 00 %s 00000400 00000001 00000000 00450003 %8s", destination, bits, none, hop, nic)
	}
	table := strings.Join([]string{
		line("20010db8000100000000000000000000", "40", none, "eth0"),
		line(none, "00", "fe800000000000000000000000000001", "eth0"),
		line(none, "00", "20010db8000200000000000000000001", "wlan0"),
		line(none, "00", none, "lo"),
		line(none, "00", "nonsense", "eth0"),
		"short",
	}, "\n")
	for _, c := range []struct{ only, want []string }{
		{nil, []string{"fe80::1%eth0", "2001:db8:2::1"}},
		{[]string{"wlan0"}, []string{"2001:db8:2::1"}},
	} {
		var got []string
		for _, a := range parseRoutes6(strings.NewReader(table), c.only) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("parseRoutes6(%v) = %v, want %v", c.only, got, c.want)
		}
	}
}

func FuzzParseRoutes6(f *testing.F) {
	f.Add(strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 fe800000000000000000000000000001 0 0 0 0 eth0")
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range parseRoutes6(strings.NewReader(s), nil) {
			if !a.Is6() || a.IsUnspecified() {
				t.Fatalf("router %v", a)
			}
		}
	})
}
