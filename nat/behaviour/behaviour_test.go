package behaviour

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// model is a NAT of which all is known, before a server with two addresses and two ports.
type model struct {
	mapping, filtering Dependence
	none               bool // no NAT: a public address
	deaf               bool // nothing passes
	plain              bool // servers do not know RFC 5780
	refuses            bool // they do, and answer from nowhere else
	routers            []netip.Addr

	lines uint16
}

var (
	first  = netip.MustParseAddrPort("203.0.113.1:3478")
	second = netip.MustParseAddrPort("203.0.113.2:3479")
	inside = netip.MustParseAddr("192.168.1.5")
	public = netip.MustParseAddr("198.51.100.7")
)

func (m *model) open(context.Context) (line, error) {
	m.lines++
	return &modelLine{m, netip.AddrPortFrom(inside, 40000+m.lines)}, nil
}

func (m *model) hops(context.Context, netip.AddrPort) []netip.Addr { return m.routers }

type modelLine struct {
	*model
	from netip.AddrPort
}

func (l *modelLine) Close() error { return nil }

func (l *modelLine) local(netip.AddrPort) netip.AddrPort {
	if l.none {
		return netip.AddrPortFrom(public, l.from.Port())
	}
	return l.from
}

func (l *modelLine) ask(_ context.Context, to netip.AddrPort, c change) (reply, error) {
	if l.deaf {
		return reply{}, errSilent
	}
	answersFrom := to
	if c != nothing && (l.plain || l.refuses) {
		return reply{}, errors.New("refused")
	}
	if c&port != 0 {
		answersFrom = netip.AddrPortFrom(answersFrom.Addr(), first.Port()+second.Port()-to.Port())
	}
	if c&both == both {
		answersFrom = netip.AddrPortFrom(second.Addr(), answersFrom.Port())
	}
	// What was sent lets the same in that was sent to, or more.
	switch l.filtering {
	case OnAddress:
		if answersFrom.Addr() != to.Addr() {
			return reply{}, errSilent
		}
	case OnAddressAndPort:
		if answersFrom != to {
			return reply{}, errSilent
		}
	}
	seen := netip.AddrPortFrom(public, l.from.Port())
	if !l.none {
		shift := uint16(1000)
		if l.mapping != Independent && to.Addr() == second.Addr() {
			shift += 7
		}
		if l.mapping == OnAddressAndPort && to.Port() == second.Port() {
			shift += 70
		}
		seen = netip.AddrPortFrom(public, l.from.Port()+shift)
	}
	other := second
	if l.plain {
		other = netip.AddrPort{}
	}
	return reply{seen, other}, nil
}

func TestKinds(t *testing.T) {
	both := []netip.AddrPort{first, netip.AddrPortFrom(second.Addr(), first.Port())}
	shared := []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("100.64.0.1")}
	for _, c := range []struct {
		name    string
		net     model
		servers []netip.AddrPort
		want    Kind
		mapping Dependence
		carrier bool
	}{
		{"open", model{none: true, filtering: Independent}, both[:1], Open, Independent, false},
		{"firewall", model{none: true, filtering: OnAddressAndPort}, both[:1], Firewall, Independent, false},
		{"full cone", model{mapping: Independent, filtering: Independent}, both[:1], FullCone, Independent, false},
		{"address", model{mapping: Independent, filtering: OnAddress}, both[:1], AddressRestricted, Independent, false},
		{"port", model{mapping: Independent, filtering: OnAddressAndPort}, both[:1], PortRestricted, Independent, false},
		{"symmetric", model{mapping: OnAddressAndPort, filtering: OnAddressAndPort}, both[:1], Symmetric, OnAddressAndPort, false},
		{"symmetric by address", model{mapping: OnAddress, filtering: OnAddressAndPort}, both[:1], Symmetric, OnAddress, false},
		{"carrier", model{mapping: Independent, filtering: OnAddressAndPort, routers: shared}, both[:1], PortRestricted, Independent, true},
		{"blocked", model{deaf: true}, both, Blocked, Unknown, false},
		{"plain servers", model{mapping: Independent, plain: true}, both, Cone, Independent, false},
		{"plain servers, symmetric", model{mapping: OnAddress, plain: true}, both, Symmetric, OnAddressAndPort, false},
		{"one plain server", model{mapping: Independent, plain: true}, both[:1], NAT, Unknown, false},
		{"open, plain server", model{none: true, plain: true}, both[:1], Open, Unknown, false},
		{"server that refuses", model{mapping: Independent, filtering: OnAddressAndPort, refuses: true}, both[:1], Cone, Independent, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := examine(t.Context(), &c.net, c.servers)
			if err != nil {
				t.Fatal(err)
			}
			if r.Kind() != c.want || r.Mapping != c.mapping || r.Carrier.IsValid() != c.carrier {
				t.Errorf("%s, mapping %q, carrier %s: %+v", r.Kind(), r.Mapping, r.Carrier, r)
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
	if _, err := Discover(t.Context(), "127.0.0.1"); err == nil {
		t.Error("a server without a port, and no error")
	}
}

// Silence on a real socket is a report, and in time.
func TestSilence(t *testing.T) {
	l, err := internet{}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	r, err := Discover(t.Context(), l.local(first).String())
	if err == nil && r.Kind() != Blocked {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// FuzzParse holds that nothing a server sends is more than an answer with usable addresses.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x01\x01\x00\x0c\x21\x12\xa4\x42abcdefghijkl\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"))
	f.Add([]byte("\x01\x11\x00\x00\x21\x12\xa4\x42abcdefghijkl"))
	f.Add([]byte("\x01\x01\x00\x18\x21\x12\xa4\x42abcdefghijkl\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\x80\x2c\x00\x08\x00\x01\x0d\x97\xcb\x00\x71\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, a, ok := parse(b)
		if ok && a.err == nil && !a.reply.seen.Addr().Is4() {
			t.Errorf("%+v", a)
		}
		if a.reply.other.IsValid() && a.reply.other.Port() == 0 {
			t.Errorf("%+v", a)
		}
	})
}
