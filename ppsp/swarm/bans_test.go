package swarm

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// A polluter is out for an hour, its address for new channels a minute, twice as long with
// each further polluter there.
func TestBanOfPolluters(t *testing.T) {
	tests := []struct {
		name                       string
		polluter, port, near, away string
	}{
		{"IPv4", "192.0.2.7:1000", "192.0.2.7:1001", "192.0.2.7:1002", "192.0.2.8:1000"},
		{"IPv6", "[2001:db8:1:2::7]:1000", "[2001:db8:1:2::7]:1001", "[2001:db8:1:2:ffff::9]:5", "[2001:db8:1:3::7]:1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b Bans
			b.Shut(0, at(tt.polluter), "", "bogus")
			for now, want := range map[int64][3]bool{
				0: {true, true, false}, banHostFor - 1: {true, true, false}, banHostFor: {true, false, false}, banFor - 1: {true, false, false}, banFor: {},
			} {
				if got := [3]bool{b.Has(now, at(tt.polluter)), b.Has(now, at(tt.near)), b.Has(now, at(tt.away))}; got != want {
					t.Errorf("at %d s: %v, want %v", now/1e9, got, want)
				}
			}
			now := int64(banHostFor)
			for k, port := range []uint16{1001, 1002, 1003, 1004, 1005, 1006, 1007} {
				b.Shut(now, netip.AddrPortFrom(at(tt.port).Addr(), port), "", "bogus again")
				wait := min(int64(banHostFor)<<(k+1), banFor)
				if next := netip.AddrPortFrom(at(tt.near).Addr(), 9); !b.Has(now+wait-1, next) || b.Has(now+wait, next) {
					t.Errorf("polluter %d: its address is not out for %d s", k+2, wait/1e9)
				}
			}
		})
	}
}

// Programs of one machine have nothing in common but the machine.
func TestBanOnLoopback(t *testing.T) {
	var b Bans
	b.Shut(0, at("127.0.0.1:1000"), "", "bogus")
	if !b.Has(0, at("127.0.0.1:1000")) || b.Has(0, at("127.0.0.1:1001")) {
		t.Errorf("%+v", b.All(0))
	}
}

func TestBanOfMember(t *testing.T) {
	var b Bans
	b.Shut(0, at("192.0.2.7:1000"), "alice", "bogus")
	if !b.HasMember(banFor-1, "alice") || b.HasMember(banFor, "alice") || b.HasMember(0, "bob") || b.HasMember(0, "") {
		t.Errorf("%+v", b.All(0))
	}
}

// Bans that engines make are bounded, do not add up for one address, and never take the
// place of one that a person made.
func TestBansAreBounded(t *testing.T) {
	var b Bans
	if err := b.Add(0, Ban{Net: prefix("198.51.100.0/24"), Until: math.MaxInt64, Reason: strings.Repeat("x", 1000)}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		b.Shut(0, addr(1), "", strings.Repeat("y", 1000))
	}
	if n := len(b.All(0)); n != 3 {
		t.Errorf("%d bans of one network and one polluter", n)
	}
	const polluters = maxBans * 3 / 4 // each costs two
	for k := range polluters {
		b.Shut(int64(k), addr(k), "", "")
	}
	if n := len(b.list); n != maxBans+1 || b.Has(polluters, addr(5)) || !b.Has(polluters, addr(polluters-1)) || !b.Has(polluters, at("198.51.100.77:8")) {
		t.Errorf("%d bans", n)
	}
	if r := b.list[0].Reason; len(r) != maxReason {
		t.Errorf("a reason of %d bytes", len(r))
	}
	if next := b.Next(); next <= polluters || next > polluters+banHostFor {
		t.Errorf("the first ends at %d", next)
	}
	if all := b.All(2 * banFor); len(all) != 1 {
		t.Errorf("after all have ended but one: %v", all)
	}
}

func TestBansByHand(t *testing.T) {
	var b Bans
	hour := int64(time.Hour)
	for _, e := range []Ban{
		{Net: prefix("192.0.2.7/32"), Port: 80, Until: hour},
		{Net: prefix("192.0.2.8/32"), Until: hour},
		{Net: prefix("10.1.2.3/8"), Until: hour},
		{Net: prefix("2001:db8::/32"), Until: hour},
		{Net: prefix("::ffff:203.0.113.9/128"), Until: hour},
		{Member: "mallory", Until: math.MaxInt64},
	} {
		if err := b.Add(0, e); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
	for peer, want := range map[string]bool{
		"192.0.2.7:80": true, "192.0.2.7:81": false, "192.0.2.8:1": true, "10.9.9.9:1": true, "11.0.0.1:1": false,
		"[2001:db8:9::1]:1": true, "[2001:db9::1]:1": false, "203.0.113.9:1": true, "[::ffff:192.0.2.8]:1": true, "[fe80::1%a]:1": false,
	} {
		if b.Has(0, at(peer)) != want {
			t.Errorf("%s is shut out: %v", peer, !want)
		}
	}
	if !b.HasMember(100*hour, "mallory") {
		t.Error("a ban without end has ended")
	}
	if !b.Remove(0, Ban{Net: prefix("10.0.0.0/8")}) || b.Remove(0, Ban{Net: prefix("10.0.0.0/8")}) || b.Has(0, at("10.9.9.9:1")) {
		t.Error("the ban of 10.0.0.0/8 was not removed once")
	}
	for name, e := range map[string]Ban{"nobody": {Until: hour}, "over": {Member: "x", Until: 0}} {
		if b.Add(0, e) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for k := range maxManual {
		_ = b.Add(0, Ban{Net: single(addr(k).Addr()), Until: hour})
	}
	if err := b.Add(0, Ban{Member: "one too many", Until: hour}); !errors.Is(err, ErrBansFull) {
		t.Errorf("beyond the bound: %v", err)
	}
	if err := b.Add(0, Ban{Member: "mallory", Until: hour}); err != nil {
		t.Errorf("one that is there is not replaced: %v", err)
	}
	b.Shut(0, addr(3), "mallory", "bogus")
	if len(b.list) < maxManual || b.HasMember(2*hour, "mallory") {
		t.Error("an engine changed what a person decided")
	}
}

// A person's ban of one port stands beside those that an engine makes of the address, and when it has
// ended it is in nobody's way.
func TestBanOfAPolluterWhoWasBannedByHand(t *testing.T) {
	const hour = int64(time.Hour)
	peer := at("203.0.113.9:7000")
	for name, now := range map[string]int64{"still": 1, "ended": 2 * hour} {
		t.Run(name, func(t *testing.T) {
			var b Bans
			for _, e := range []Ban{{Net: single(peer.Addr()), Port: peer.Port(), Until: hour}, {Member: "mallory", Until: hour}} {
				if err := b.Add(0, e); err != nil {
					t.Fatal(err)
				}
			}
			b.Shut(now, peer, "mallory", "bogus")
			if !b.Has(now+banHostFor/2, at("203.0.113.9:7001")) || !b.Has(now+hour/2, peer) || !b.HasMember(now+hour/2, "mallory") {
				t.Errorf("%+v", b.list)
			}
		})
	}
}

// A ban that is given another time keeps its reason.
func TestBanKeepsItsReason(t *testing.T) {
	var b Bans
	for _, step := range []struct{ given, want string }{{"spam", "spam"}, {"", "spam"}, {"worse", "worse"}} {
		if err := b.Add(0, Ban{Member: "mallory", Until: 5, Reason: step.given}); err != nil || len(b.list) != 1 || b.list[0].Reason != step.want {
			t.Errorf("after %q: %+v, %v", step.given, b.list, err)
		}
	}
}

// Who is named while connected is cut off; who shares an address with a polluter, and was
// there already, is not.
func TestSetBans(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60*1024, nil)
	leech := l.host(f.leech())
	polluter, neighbour, stranger := l.puppet(), l.puppet(), l.puppet()
	neighbour.addr = netip.AddrPortFrom(polluter.addr.Addr(), 7001)
	polluter.accept(leech)
	neighbour.accept(leech)
	stranger.accept(leech)
	set := func(list []Ban) {
		leech.s.SetBans(l.now, list)
		leech.drain()
	}
	var b Bans
	b.Shut(l.now, polluter.addr, "", "bogus")
	set(b.All(l.now))
	if leech.connected(polluter) || !leech.connected(neighbour) || !leech.connected(stranger) {
		t.Error("not the polluter alone is cut off")
	}
	late := l.puppet()
	late.addr = netip.AddrPortFrom(polluter.addr.Addr(), 7002)
	l.send(late.addr, leech.addr, initiating(greeting(f.meta, 7)))
	leech.meet(late)
	l.run(10 * time.Second)
	if len(late.inbox) != 0 {
		t.Error("a polluter comes back from another port at once")
	}
	_ = b.Add(l.now, Ban{Net: single(neighbour.addr.Addr()), Until: math.MaxInt64})
	set(b.All(l.now))
	if leech.connected(neighbour) || !leech.connected(stranger) {
		t.Error("a person's ban does not end the channels")
	}
	if got := leech.s.Bans(l.now); len(got) != 2 {
		t.Errorf("the swarm shuts out %v", got)
	}
	set(nil)
	polluter.inbox = nil
	leech.meet(polluter)
	l.run(time.Second)
	if len(polluter.inbox) == 0 {
		t.Error("the ban was not taken back")
	}
}
