package behaviour

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Servers of all sorts.
func two() *host { return &host{addresses: []netip.Addr{first, second}} }

func plain() *host { return &host{addresses: []netip.Addr{first}, ports: []uint16{3478}, plain: true} }

func plain2() *host { return &host{addresses: []netip.Addr{third}, ports: []uint16{3478}, plain: true} }
func ours() *host   { return &host{addresses: []netip.Addr{first}, own: true} }
func ours2() *host  { return &host{addresses: []netip.Addr{third}, own: true} }

func TestKinds(t *testing.T) {
	shared := []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("100.64.0.1")}
	onePort := func(h host) *host { // OTHER-ADDRESS is another port of the same address
		h.addresses, h.claims = []netip.Addr{first}, netip.AddrPortFrom(first, 3479)
		return &h
	}
	for _, c := range []struct {
		name    string
		home    home
		servers []*host
		want    Kind
		mapping Dependence
		carrier bool
	}{
		{"open", home{none: true, filtering: Independent}, []*host{two()}, Open, Independent, false},
		{"firewall", home{none: true, filtering: OnAddressAndPort}, []*host{two()}, Firewall, Independent, false},
		{"full cone", home{mapping: Independent, filtering: Independent}, []*host{two()}, FullCone, Independent, false},
		{"address", home{mapping: Independent, filtering: OnAddress}, []*host{two()}, AddressRestricted, Independent, false},
		{"port", home{mapping: Independent, filtering: OnAddressAndPort}, []*host{two()}, PortRestricted, Independent, false},
		{"symmetric", home{mapping: OnAddressAndPort, filtering: OnAddressAndPort}, []*host{two()}, Symmetric, OnAddressAndPort, false},
		{"symmetric by address", home{mapping: OnAddress, filtering: OnAddressAndPort}, []*host{two()}, Symmetric, OnAddress, false},
		{"carrier", home{mapping: Independent, filtering: OnAddressAndPort, routers: shared}, []*host{two()}, PortRestricted, Independent, true},
		{"blocked", home{deaf: true}, []*host{two(), ours2()}, Blocked, Unknown, false},

		{"plain servers", home{mapping: Independent, filtering: OnAddress}, []*host{plain(), plain2()}, Cone, Independent, false},
		{"plain servers, symmetric", home{mapping: OnAddress, filtering: OnAddress}, []*host{plain(), plain2()}, Symmetric, OnAddressAndPort, false},
		{"one plain server", home{mapping: Independent, filtering: OnAddress}, []*host{plain()}, NAT, Unknown, false},
		{"open, plain server", home{none: true, filtering: Independent}, []*host{plain()}, Public, Unknown, false},
		{"server that refuses", home{mapping: Independent, filtering: OnAddressAndPort}, []*host{{addresses: []netip.Addr{first, second}, refuses: true}}, Cone, Independent, false},

		// With this project's alone, what one address can show: ports.
		{"ours, open", home{none: true, filtering: Independent}, []*host{ours()}, Open, NotOnPort, false},
		{"ours, firewall", home{none: true, filtering: OnAddressAndPort}, []*host{ours()}, Firewall, NotOnPort, false},
		{"ours, firewall by address", home{none: true, filtering: OnAddress}, []*host{ours()}, Firewall, NotOnPort, false},
		{"ours, cone", home{mapping: Independent, filtering: Independent}, []*host{ours()}, NAT, NotOnPort, false},
		{"ours, symmetric", home{mapping: OnAddressAndPort, filtering: OnAddressAndPort}, []*host{ours()}, Symmetric, OnAddressAndPort, false},
		{"ours, symmetric by address", home{mapping: OnAddress, filtering: OnAddressAndPort}, []*host{ours()}, NAT, NotOnPort, false},
		// Two of them show all.
		{"both ours, full cone", home{mapping: Independent, filtering: Independent}, []*host{ours(), ours2()}, FullCone, Independent, false},
		{"both ours, address", home{mapping: Independent, filtering: OnAddress}, []*host{ours(), ours2()}, AddressRestricted, Independent, false},
		{"both ours, port", home{mapping: Independent, filtering: OnAddressAndPort}, []*host{ours(), ours2()}, PortRestricted, Independent, false},
		{"both ours, symmetric by address", home{mapping: OnAddress, filtering: OnAddressAndPort}, []*host{ours(), ours2()}, Symmetric, OnAddressAndPort, false},

		// A second port is no second address.
		{"one address, symmetric by address", home{mapping: OnAddress, filtering: OnAddress}, []*host{onePort(host{})}, NAT, NotOnPort, false},
		{"one address, symmetric", home{mapping: OnAddressAndPort, filtering: OnAddress}, []*host{onePort(host{})}, Symmetric, OnAddressAndPort, false},
		{"one address, full cone", home{mapping: Independent, filtering: Independent}, []*host{onePort(host{})}, NAT, NotOnPort, false},
		// A second address that is away shows nothing.
		{"lame, full cone", home{mapping: Independent, filtering: Independent}, []*host{{addresses: []netip.Addr{first, second}, lame: true}}, NAT, Unknown, false},
		{"lame, full cone, and another", home{mapping: Independent, filtering: Independent}, []*host{{addresses: []netip.Addr{first, second}, lame: true}, plain2()}, Cone, Independent, false},
		// A server that answers as if it were not asked for anything shows nothing.
		{"ignores, port", home{mapping: Independent, filtering: OnAddressAndPort}, []*host{{addresses: []netip.Addr{first, second}, ignores: true}}, Cone, Independent, false},
		{"ignores, firewall", home{none: true, filtering: OnAddressAndPort}, []*host{{addresses: []netip.Addr{first, second}, ignores: true}}, Public, Independent, false},
		{"drops, firewall", home{none: true, filtering: OnAddressAndPort}, []*host{{addresses: []netip.Addr{first}, ports: []uint16{3478}, drops: true}}, Public, Unknown, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(c.home, c.servers...)
			r, err := examine(t.Context(), w, w.all())
			if err != nil {
				t.Fatal(err)
			}
			if r.Kind() != c.want || r.Mapping != c.mapping || r.Carrier.IsValid() != c.carrier {
				t.Errorf("%s, mapping %q, carrier %s: %+v", r.Kind(), r.Mapping, r.Carrier, r)
			}
		})
	}
}

// What one address shows of filtering is kept, though it makes no name.
func TestFilteringByPort(t *testing.T) {
	for real, want := range map[Dependence]Dependence{Independent: NotOnPort, OnAddress: NotOnPort, OnAddressAndPort: OnAddressAndPort} {
		w := newWorld(home{mapping: Independent, filtering: real}, ours())
		if r, err := examine(t.Context(), w, w.all()); err != nil || r.Filtering != want {
			t.Errorf("%s: %q, %v", real, r.Filtering, err)
		}
	}
}

// Nothing is sent to an address that is known less far than the server that names it.
func TestOtherAddressInside(t *testing.T) {
	for other, server := range map[string]string{
		"192.168.1.1:80": "203.0.113.1", "127.0.0.1:53": "203.0.113.1", "100.64.0.1:3479": "203.0.113.1", "169.254.169.254:80": "203.0.113.1",
		"224.0.0.251:5353": "203.0.113.1", "255.255.255.255:9": "203.0.113.1", "127.0.0.1:3479": "192.168.1.9",
	} {
		s := &host{addresses: []netip.Addr{netip.MustParseAddr(server)}, claims: netip.MustParseAddrPort(other)}
		w := newWorld(home{mapping: Independent, filtering: OnAddressAndPort}, s)
		r, err := examine(t.Context(), w, w.all())
		if err != nil || r.Kind() != NAT {
			t.Errorf("%s of %s: %s, %v", other, server, r.Kind(), err)
		}
		for _, to := range w.sent {
			if to.Addr() != s.addresses[0] {
				t.Errorf("%s named %s, and %s was sent something", server, other, to)
			}
		}
	}
	lan := &host{addresses: []netip.Addr{netip.MustParseAddr("192.168.1.9"), netip.MustParseAddr("192.168.1.10")}}
	w := newWorld(home{mapping: Independent, filtering: OnAddressAndPort}, lan)
	if r, err := examine(t.Context(), w, w.all()); err != nil || r.Kind() != PortRestricted {
		t.Errorf("a laboratory: %s, %v", r.Kind(), err)
	}
}

// Names that are never resolved take no other server's time, and bounded time of all.
func TestDeadNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(home{mapping: Independent, filtering: OnAddressAndPort}, two())
		began := time.Now()
		r, err := examine(t.Context(), w, []string{"dead", "deader", "a", "deadest"})
		if took := time.Since(began); err != nil || r.Kind() != PortRestricted || took > lookupTime {
			t.Errorf("%s, %v, after %v", r.Kind(), err, took)
		}
		began = time.Now()
		_, err = examine(t.Context(), w, []string{"dead", "deader"})
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > lookupTime {
			t.Errorf("%v, after %v", err, took)
		}
	})
}

// Whether strangers get through is shown by one who comes, or by one who was sent and does not come.
func TestHears(t *testing.T) {
	const forwarded = 51000
	for _, c := range []struct {
		name    string
		home    home
		port    uint16
		servers []*host
		want    Arrival
	}{
		{"forwarded", home{mapping: OnAddressAndPort, filtering: OnAddressAndPort, forwards: forwarded}, forwarded, []*host{ours()}, Arrived},
		{"by a server with two addresses", home{mapping: OnAddressAndPort, filtering: OnAddressAndPort, forwards: forwarded}, forwarded, []*host{two()}, Arrived},
		{"by the second", home{mapping: OnAddressAndPort, filtering: OnAddressAndPort, forwards: forwarded}, forwarded, []*host{plain(), ours2()}, Arrived},
		{"by an other address", home{mapping: Independent, filtering: OnAddressAndPort, forwards: 41000}, 41000, []*host{{addresses: []netip.Addr{first, second}, noPort: true}}, Arrived},
		{"no other address gets in", home{mapping: Independent, filtering: OnAddressAndPort}, 41000, []*host{{addresses: []netip.Addr{first, second}, noPort: true}}, Untold},
		{"another port is tried", home{mapping: OnAddressAndPort, filtering: Independent, forwards: forwarded}, forwarded, []*host{{addresses: []netip.Addr{first, second}, noPort: true}}, Untold},
		{"it ignores, with another address", home{mapping: Independent, filtering: Independent, forwards: 41000}, 41000, []*host{{addresses: []netip.Addr{first, second}, ignores: true}}, Untold},
		{"not forwarded", home{mapping: Independent, filtering: OnAddressAndPort}, forwarded, []*host{plain(), ours2()}, Lost},
		{"no server can", home{mapping: Independent, filtering: OnAddressAndPort}, forwarded, []*host{plain()}, Untold},
		{"it ignores", home{mapping: Independent, filtering: Independent}, forwarded, []*host{{addresses: []netip.Addr{first}, ignores: true}}, Untold},
		{"it drops", home{mapping: Independent, filtering: Independent}, forwarded, []*host{{addresses: []netip.Addr{first}, drops: true}}, Untold},
		{"blocked", home{deaf: true}, forwarded, []*host{ours()}, Untold},
		{"nobody", home{}, forwarded, nil, Untold},
		{"open", home{none: true, filtering: Independent}, 40000, []*host{ours()}, Arrived},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(c.home, c.servers...)
			l, err := w.open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := (&Ear{network: w, line: l}).Hears(t.Context(), c.port, w.all()...); got != c.want {
				t.Errorf("%v instead of %v", got, c.want)
			}
		})
	}
}

// A machine that has an address of the carrier's is its customer.
func TestCarrierWithoutARouter(t *testing.T) {
	if got := carrier(netip.MustParseAddr("100.99.1.2"), nil); !got.IsValid() {
		t.Error("not seen")
	}
}

func TestNobodyToAsk(t *testing.T) {
	if _, err := Discover(t.Context()); err == nil {
		t.Error("no server, and no error")
	}
	for _, bad := range []string{"127.0.0.1", "127.0.0.1:many", "[::1]:3478"} {
		if _, err := Discover(t.Context(), bad); err == nil {
			t.Errorf("%s, and no error", bad)
		}
	}
}

// FuzzParse holds that nothing a server sends is more than an answer with usable addresses.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x01\x01\x00\x0c\x21\x12\xa4\x42abcdefghijkl\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"))
	f.Add([]byte("\x01\x11\x00\x00\x21\x12\xa4\x42abcdefghijkl"))
	f.Add([]byte("\x01\x01\x00\x18\x21\x12\xa4\x42abcdefghijkl\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\x80\x2c\x00\x08\x00\x01\x0d\x97\xcb\x00\x71\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, a, ok := parse(b)
		if ok && (a.err == nil) != (a.reply.seen.IsValid() && a.reply.seen.Port() != 0) {
			t.Errorf("%+v", a)
		}
		for _, server := range []netip.AddrPort{netip.AddrPortFrom(first, 3478), netip.MustParseAddrPort("[2001:db8::1]:3478")} {
			if other := usable(a.reply.other, server); other.IsValid() && (other.Port() == 0 || reach(other.Addr()) < 2 || other.Addr().Is4() != server.Addr().Is4()) {
				t.Errorf("%v is to be sent something", other)
			}
		}
	})
}
