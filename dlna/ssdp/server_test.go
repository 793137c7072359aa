package ssdp

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

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
		said = f.take()
		if len(said) != 10 || count(said, "ssdp:byebye") != 0 || !strings.Contains(said[0].header("LOCATION"), "192.168.79.10") {
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
		syscall.ENODEV:        "IPv4 address",
		errors.New("unheard"): "--interface",
	} {
		if got := remedy(fmt.Errorf("send: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q does not say %q", err, got, want)
		}
	}
}
