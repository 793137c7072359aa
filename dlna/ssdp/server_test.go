package ssdp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/lan"
)

func TestFollowsInterfaces(t *testing.T) {
	wlan := home("wlan0", 3, "192.168.78.10/24")
	inLAN(t, func(f *fakeLAN, s *Server, stop func()) {
		time.Sleep(time.Second)
		f.take()

		f.set(func() { f.ifis = append(f.ifis, wlan) })
		time.Sleep(3 * time.Second)
		said := f.take()
		if len(said) != 10 || count(said, "ssdp:alive") != 10 || said[0].ifi != "wlan0" {
			t.Errorf("on a new interface: %v", said)
		}
		if st := s.Status(); len(st) != 2 || st[1].Interface != "wlan0" || st[1].Address.String() != "192.168.78.10" || st[1].Problem != "" {
			t.Errorf("status %+v", st)
		}

		moved := home("wlan0", 3, "192.168.79.10/24")
		f.set(func() { f.ifis[1] = moved })
		time.Sleep(3 * time.Second)
		said = f.take() // the old address is taken back first
		if len(said) != 15 || count(said[:5], "ssdp:byebye") != 5 || !strings.Contains(said[5].header("LOCATION"), "192.168.79.10") {
			t.Errorf("after a change of address: %v", said)
		}

		f.set(func() { f.ifis = f.ifis[:1] })
		time.Sleep(3 * time.Second)
		if said = f.take(); len(said) != 0 {
			t.Errorf("on a vanished interface: %v", said)
		}
		if st := s.Status(); len(st) != 1 || st[0].Interface != "lan0" {
			t.Errorf("status %+v", st)
		}
		stop()
		for _, h := range f.take() {
			if h.ifi != "lan0" {
				t.Errorf("farewell on %s", h.ifi)
			}
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

// An address that comes beside the announced one, as those of IPv6 do daily, is no news; who
// asks from its network is told of it.
func TestFurtherAddressIsNotAnnounced(t *testing.T) {
	inLAN(t, func(f *fakeLAN, _ *Server, _ func()) {
		time.Sleep(time.Second)
		f.take()
		f.set(func() { f.ifis[0] = home("lan0", 2, "192.168.77.10/24", "10.0.0.2/8") })
		time.Sleep(3 * time.Second)
		if said := f.take(); len(said) != 0 {
			t.Errorf("said %v", said)
		}
		f.ask("lan0", netip.MustParseAddrPort("10.1.2.3:40000"), searches["GUPnP"])
		time.Sleep(100 * time.Millisecond)
		if said := f.take(); len(said) != 1 || said[0].header("LOCATION") != "http://10.0.0.2:8088/dlna/device.xml" {
			t.Errorf("answered %v", said)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

// Over IPv6 each group hears an address of its own scope (UDA 1.1, A.2.2).
func TestAnnouncesOverIPv6(t *testing.T) {
	const link, site, four = "[FF02::C]:1900", "[FF05::C]:1900", "239.255.255.250:1900"
	at := func(host string) string { return "http://" + host + ":8088/dlna/device.xml" }
	inLAN(t, func(f *fakeLAN, s *Server, stop func()) {
		time.Sleep(time.Second)
		heard := map[string]int{}
		for _, h := range f.take() {
			heard[h.header("HOST")+" "+h.header("NTS")+" "+h.header("LOCATION")]++
		}
		for _, want := range []string{four + " ssdp:alive " + at("192.168.77.10"), link + " ssdp:alive " + at("fe80::10"), site + " ssdp:alive " + at("fd77::10")} {
			if heard[want] != 10 {
				t.Errorf("%d of %q in %v", heard[want], want, heard)
			}
		}
		if heard[link+" ssdp:byebye "] != 5 || len(heard) != 6 {
			t.Errorf("heard %v", heard)
		}
		for asker, own := range map[string]string{"[fe80::99%lan0]:5000": "fe80::10", "[fd77::99]:5000": "fd77::10"} {
			f.ask("lan0 IPv6", netip.MustParseAddrPort(asker), searches["GUPnP"])
			time.Sleep(100 * time.Millisecond)
			said := f.take()
			if len(said) != 1 || said[0].to.String() != asker || said[0].from.String() != own || said[0].header("LOCATION") != at(own) || said[0].header("01-NLS") == "" {
				t.Errorf("%s is answered %v", asker, said)
			}
		}
		if st := s.Status(); len(st) != 1 || st[0].Address.String() != "192.168.77.10" || st[0].Problem != "" {
			t.Errorf("status %+v", st)
		}
		stop()
		if n := count(f.take(), "ssdp:byebye"); n != 30 {
			t.Errorf("%d farewells", n)
		}
	}, home("lan0", 2, "192.168.77.10/24", "fe80::10/64", "fd77::10/64"))
}

// What is wrong with IPv6 alone is logged once, and is no problem of the interface.
func TestTroubleWithIPv6IsHushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLAN(home("lan0", 2, "192.168.77.10/24", "fe80::10/64"), home("six0", 3, "fd77::10/64"))
		c := f.config()
		var log bytes.Buffer
		c.Logger = zerolog.New(zerolog.SyncWriter(&log))
		c.Listen = func(i lan.Interface, six bool) (Conn, error) {
			if six {
				return nil, fmt.Errorf("listen udp6: %w", syscall.EADDRNOTAVAIL)
			}
			return f.open(i, six)
		}
		s := New(c)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		st := s.Status()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if len(st) != 2 || st[0].Problem != "" || !strings.Contains(st[1].Problem, "no multicast on six0: listen udp6") {
			t.Errorf("status %+v", st)
		}
		if n := strings.Count(log.String(), "not announced over IPv6"); n != 1 {
			t.Errorf("logged %d times: %s", n, log.String())
		}
	})
}

func TestSocketErrorIsToldAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLAN(home("lan0", 2, "192.168.77.10/24"))
		f.listen = fmt.Errorf("listen udp4: %w", syscall.EADDRINUSE)
		s := New(f.config())
		go func() {
			time.Sleep(5 * time.Second)
			f.set(func() { f.listen = nil })
		}()
		done := make(chan error)
		go func() { done <- s.Run(t.Context()) }()
		time.Sleep(time.Second)
		want := "no multicast on lan0: listen udp4: address already in use; TVs can't find this server there; " +
			"end the program that keeps UDP port 1900 for itself"
		if st := s.Status(); len(st) != 1 || st[0].Problem != want {
			t.Errorf("status %+v", st)
		}
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
		time.Sleep(6 * time.Second)
		if err := s.Err(); err != nil {
			t.Errorf("the port is free, and yet: %v", err)
		}
		if n := count(f.take(), "ssdp:alive"); n != 10 {
			t.Errorf("%d announcements, want 10", n)
		}
		go func() { <-done }()
	})
}

func TestFailingInterfaceDoesNotDisturbTheOthers(t *testing.T) {
	inLAN(t, func(f *fakeLAN, s *Server, _ func()) {
		time.Sleep(time.Second)
		f.take()
		f.set(func() { f.announce = fmt.Errorf("sendto: %w", syscall.ENETUNREACH) })
		time.Sleep(DefaultInterval)
		problem := "no multicast on lan0: announce: sendto: network is unreachable; TVs can't find this server there; " +
			"connect that interface to the home's network"
		if st := s.Status(); len(st) != 1 || st[0].Problem != problem {
			t.Errorf("status %+v", st)
		}
		f.set(func() { f.announce = nil })
		time.Sleep(DefaultInterval)
		if err := s.Err(); err != nil || count(f.take(), "ssdp:alive") == 0 {
			t.Errorf("the network is back, and yet: %v", err)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

func TestBrokenSocketIsOpenedAgain(t *testing.T) {
	inLAN(t, func(f *fakeLAN, s *Server, _ func()) {
		time.Sleep(time.Second)
		f.take()
		f.ask("lan0", asker, "") // makes Read fail
		synctest.Wait()
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "no multicast on lan0: receive: cable bitten through") {
			t.Errorf("error %v", err)
		}
		time.Sleep(pollInterval + time.Second)
		if err := s.Err(); err != nil || count(f.take(), "ssdp:alive") != 10 {
			t.Errorf("not opened again: %v", err)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

func TestStatusWithoutInterfaces(t *testing.T) {
	inLAN(t, func(f *fakeLAN, s *Server, _ func()) {
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "no network interface of a home is up") {
			t.Errorf("error %v", err)
		}
		f.set(func() { f.problems = []lan.Problem{{Interface: "eth7", Reason: "there is no such interface"}} })
		time.Sleep(3 * time.Second)
		want := "no multicast on eth7: there is no such interface; TVs can't find this server there; `ip -br address` lists what this machine has"
		if st := s.Status(); len(st) != 2 || st[1].Problem != want {
			t.Errorf("status %+v", st)
		}
		f.set(func() { f.problems, f.ifis = nil, []lan.Interface{home("lan0", 2, "192.168.77.10/24")} })
		time.Sleep(3 * time.Second)
		if err := s.Err(); err != nil || len(s.Status()) != 1 {
			t.Errorf("status %+v", s.Status())
		}
	})
}

func TestUnreadableInterfacesKeepWhatRuns(t *testing.T) {
	inLAN(t, func(f *fakeLAN, s *Server, _ func()) {
		f.set(func() { f.listErr = errors.New("no netlink") })
		time.Sleep(DefaultInterval + 3*time.Second)
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "can't see the network interfaces: no netlink") {
			t.Errorf("error %v", err)
		}
		if n := count(f.take(), "ssdp:alive"); n != 15 {
			t.Errorf("%d announcements, want 15", n)
		}
	}, home("lan0", 2, "192.168.77.10/24"))
}

func TestRemedy(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EADDRINUSE:    "end the program",
		syscall.EPERM:         "firewall or sandbox",
		syscall.ENETUNREACH:   "connect that interface",
		syscall.ENODEV:        "address",
		errors.New("unheard"): "--interface",
	} {
		if got := remedy(fmt.Errorf("send: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q does not say %q", err, got, want)
		}
	}
}
