package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// passes are membership certificates of a test: "address member", "forged", or "expired".
type passes struct{ checked int }

func (p *passes) Check(der []byte, at int64) (Membership, error) {
	p.checked++
	address, member, _ := strings.Cut(string(der), " ")
	if at < 1_700_000_000e9 {
		return Membership{}, errors.New("checked at a time that is not now")
	}
	where, err := netip.ParseAddrPort(address)
	if strings.HasSuffix(member, brief) {
		return Membership{where, member, at + 30e9}, err
	}
	return Membership{where, member, at + 3600e9}, err
}

// brief ends the name of a member whose certificate holds for half a minute.
const brief = " for a moment"

func pass(h *host, member string) []byte { return []byte(h.addr.String() + " " + member) }

// public gives a host an address of the Internet.
func public(h *host, k int) *host {
	h.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(k)}), 7000)
	return h
}

// named returns the addresses in PEX messages.
func named(all []wire.Message) (plain []netip.AddrPort, certificates []string) {
	for _, m := range all {
		switch m.Type {
		case wire.TypePexResV4, wire.TypePexResV6:
			plain = append(plain, m.Peer)
		case wire.TypePexResCert:
			certificates = append(certificates, string(m.Payload))
		}
	}
	return plain, certificates
}

// In a private network peers find each other with the address of one of them.
func TestExchangeSpreads(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 200*1024, nil)
	slow := f.seed(f.all())
	slow.Upload = 20_000
	seed := l.host(slow)
	var homes []*host
	for range 6 {
		h := l.host(f.leech())
		h.want(true)
		h.meet(seed)
		homes = append(homes, h)
	}
	l.until(20*time.Second, "acquainted", func() bool {
		n := 0
		for _, h := range homes {
			n += h.s.Peers()
		}
		return n == 6*6
	})
	for _, h := range homes {
		if h.s.viaPex() > DefaultTargetPeers/2 {
			t.Errorf("%d connections by exchange", h.s.viaPex())
		}
	}
}

// "Peer B MUST have exchanged messages with Peer Ci in the last 60 seconds to guarantee
// liveliness." (RFC 7574, 3.10.1)
func TestOnlyTheLivingAreNamed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	seed := l.host(f.seed(f.all()))
	asker, alive, silent := l.puppet(), l.puppet(), l.puppet()
	k, a := asker.greet(seed), alive.greet(seed)
	silent.greet(seed)
	for range 7 {
		l.run(10 * time.Second)
		a.say(nil)
		k.say(nil)
	}
	l.run(time.Second)
	k.heard()
	k.say(wire.AppendPexReq(nil))
	l.run(time.Second)
	plain, _ := named(k.heard())
	if len(plain) != 1 || plain[0] != alive.addr {
		t.Errorf("named %v, want %v alone", plain, alive.addr)
	}
}

// Requests are answered at a bounded rate, with a bounded number of addresses.
func TestAnswersAreBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	seed := l.host(f.seed(f.all()))
	asker := l.puppet()
	k := asker.greet(seed)
	for range 40 {
		l.puppet().greet(seed)
	}
	k.heard()
	answers, most := 0, 0
	for range 250 {
		k.say(bytes.Repeat(wire.AppendPexReq(nil), 20))
		l.run(100 * time.Millisecond)
		plain, _ := named(k.heard())
		if len(plain) > 0 {
			answers++
		}
		most = max(most, len(plain))
	}
	if answers != 3 || most != pexMost {
		t.Errorf("%d answers in 25 s, of %d addresses at most", answers, most)
	}
}

// "If a PEX_REQ message does not originate from a private, unique-local, link-local, or
// multicast address, then the PEX_RES* messages sent in reply MUST NOT contain such
// addresses." (RFC 7574, 8.13) And plain addresses "MUST only be used in a benign
// environment, such as a private network" (3.10.1).
func TestWhoMayLearnOfWhom(t *testing.T) {
	const (
		loop, link, other, private, local6 = "127.0.0.1", "fe80::1%a", "fe80::1%b", "192.168.1.2", "fd00::1"
		shared, world, world6, many, any4  = "100.64.0.1", "198.51.100.1", "2001:db8::1", "224.0.0.1", "0.0.0.0"
	)
	tests := []struct {
		to           string
		plain, proof string // of whom
	}{
		{loop, "127.0.0.1 192.168.1.2 fd00::1", "198.51.100.1 100 2001:db8::1"},
		{link, "fe80::1%a 192.168.1.2 fd00::1", "198.51.100.1 2001:db8::1"},
		{private, "192.168.1.2 fd00::1", "198.51.100.1 2001:db8::1"},
		{local6, "192.168.1.2 fd00::1", "198.51.100.1 2001:db8::1"},
		{shared, "", "198.51.100.1 2001:db8::1"},
		{world, "", "198.51.100.1 2001:db8::1"},
		{world6, "", "198.51.100.1 2001:db8::1"},
	}
	all := []string{loop, link, other, private, local6, shared, world, world6, many, any4, "255.255.255.255", "ff02::1", "::"}
	for _, tt := range tests {
		for _, s := range all {
			to, a := netip.MustParseAddr(tt.to), netip.MustParseAddr(s)
			if got, want := mayName(to, a), strings.Contains(" "+tt.plain+" ", " "+s+" "); got != want {
				t.Errorf("%s told of %s: %v", tt.to, s, got)
			}
			if got, want := mayProve(to, a), strings.Contains(" "+tt.plain+" "+tt.proof+" ", " "+s+" "); got != want {
				t.Errorf("%s told of %s by certificate: %v", tt.to, s, got)
			}
		}
	}
	if mayName(netip.Addr{}, netip.MustParseAddr(private)) || mayProve(netip.MustParseAddr(world), netip.Addr{}) {
		t.Error("no address is some address")
	}
}

// On the Internet a peer is named by the certificate that it showed, to whom asks.
func TestCertificatesAreGiven(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	cfg := f.seed(f.all())
	cfg.Members, cfg.Certificate = &passes{}, []byte("198.51.100.1:7000 seed")
	seed := public(l.host(cfg), 1)
	asker, member, private := public(l.puppet(), 2), public(l.puppet(), 3), l.puppet()
	k := asker.greet(seed)
	l.run(100 * time.Millisecond)
	if _, got := named(k.heard()); len(got) != 1 || got[0] != "198.51.100.1:7000 seed" {
		t.Errorf("a new channel begins with the certificates %q", got)
	}
	m, p := member.greet(seed), private.greet(seed)
	public(l.puppet(), 4).greet(seed) // shows none
	m.say(wire.AppendPexCert(nil, pass(member, "alice")))
	p.say(wire.AppendPexCert(nil, pass(private, "bob")))
	l.run(100 * time.Millisecond)
	k.say(wire.AppendPexReq(nil))
	p.heard()
	p.say(wire.AppendPexReq(nil))
	l.run(100 * time.Millisecond)
	if plain, got := named(k.heard()); len(plain) != 0 || len(got) != 1 || got[0] != "198.51.100.3:7000 alice" {
		t.Errorf("a public peer is told of %v and %q", plain, got)
	}
	if plain, got := named(p.heard()); len(plain) != 0 || len(got) != 1 || got[0] != "198.51.100.3:7000 alice" {
		t.Errorf("a private peer is told of %v and %q", plain, got)
	}
}

// A certificate is passed on while it holds, since who passes on another one is distrusted; and a
// peer may show one anew, now and then.
func TestCertificatesAreRenewed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	cfg, p := f.seed(f.all()), &passes{}
	cfg.Members, cfg.Certificate = p, []byte("198.51.100.1:7000 seed")
	seed := public(l.host(cfg), 1)
	asker, member := public(l.puppet(), 2), public(l.puppet(), 3)
	k, m := asker.greet(seed), member.greet(seed)
	told := func() []string {
		m.say(nil) // it is there
		k.heard()
		k.say(wire.AppendPexReq(nil))
		l.run(100 * time.Millisecond)
		_, got := named(k.heard())
		return got
	}
	m.say(wire.AppendPexCert(nil, pass(member, "carol"+brief)))
	l.run(20 * time.Second)
	if got := told(); len(got) != 1 || got[0] != "198.51.100.3:7000 carol"+brief {
		t.Errorf("while it holds: %q", got)
	}
	m.say(wire.AppendPexCert(nil, pass(member, "carol")))
	l.run(11 * time.Second)
	if got := told(); len(got) != 0 || p.checked != 1 {
		t.Errorf("when it has ended: %q, and %d were checked", got, p.checked)
	}
	for range 3 {
		l.run(12 * time.Second)
		m.say(nil)
		k.say(nil)
	}
	m.say(wire.AppendPexCert(nil, pass(member, "carol")))
	l.run(100 * time.Millisecond)
	if got := told(); len(got) != 1 || got[0] != "198.51.100.3:7000 carol" {
		t.Errorf("when it was renewed: %q", got)
	}
	seed.s.SetCertificate(l.now, []byte("198.51.100.1:7000 anew"))
	seed.s.SetCertificate(l.now, []byte("198.51.100.1:7000 anew")) // no news
	seed.drain()
	l.run(2 * time.Second)
	if _, got := named(k.heard()); len(got) != 1 || got[0] != "198.51.100.1:7000 anew" {
		t.Errorf("after SetCertificate: %q", got)
	}
}

// asked lets the engine of h ask the puppet behind k.
func asked(k link) {
	k.p.l.t.Helper()
	k.p.l.until(10*time.Second, "asked", func() bool { return has(k.heard(), wire.TypePexReq) > 0 })
}

// "The receiver Peer A can check the certificate … and only then consider contacting C."
// (RFC 7574, 3.10.1)
func TestCertificatesAreTaken(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	cfg := f.leech()
	cfg.Members = &passes{}
	leech := public(l.host(cfg), 1)
	leech.want(true)
	teller, good, other := public(l.puppet(), 2), public(l.puppet(), 3), public(l.puppet(), 4)
	k := teller.accept(leech)
	k.say(wire.AppendPexCert(nil, pass(good, "early"))) // not asked for, and not its own
	l.run(500 * time.Millisecond)
	if len(good.inbox) != 0 {
		t.Error("an address is contacted that nobody asked for")
	}
	asked(k)
	b := wire.AppendPexCert(nil, pass(good, "alice"))
	b = wire.AppendPexCert(b, []byte("10.9.9.9:7 inside"))
	b = wire.AppendPexRes(b, other.addr)
	b = wire.AppendPexCert(b, []byte("forged"))
	b = wire.AppendPexCert(b, pass(other, "after"))
	k.say(b)
	l.run(5 * time.Second)
	if len(good.inbox) == 0 {
		t.Error("who was proven is not contacted")
	}
	if len(other.inbox) != 0 || leech.s.candidates.find(at("10.9.9.9:7")) >= 0 {
		t.Error("contacted: a plain or inner address of a public peer, or what followed a forgery")
	}
	k.say(wire.AppendPexCert(nil, pass(other, "once more")))
	l.run(time.Second)
	if len(other.inbox) != 0 {
		t.Error("a liar is believed again")
	}
}

// A flood of certificates costs little: a few are checked.
func TestFloodOfCertificates(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	cfg, p := f.leech(), &passes{}
	cfg.Members = p
	leech := public(l.host(cfg), 1)
	leech.want(true)
	k := public(l.puppet(), 2).accept(leech)
	var b []byte
	for i := range 40 {
		b = wire.AppendPexCert(b, fmt.Appendf(nil, "198.51.101.%d:7 x", i))
	}
	k.say(b)
	asked(k)
	for range 20 {
		k.say(b)
		l.run(10 * time.Millisecond)
	}
	if p.checked > pexMost+1 {
		t.Errorf("%d certificates were checked", p.checked)
	}
}

// A banned member is not met again under another address, and is cut off when it shows its certificate.
func TestBannedMember(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	cfg := f.leech()
	cfg.Members = &passes{}
	leech := public(l.host(cfg), 1)
	leech.want(true)
	k := public(l.puppet(), 2).accept(leech)
	mallory, again := public(l.puppet(), 3), public(l.puppet(), 4)
	m := mallory.accept(leech)
	m.say(wire.AppendPexCert(nil, pass(mallory, "mallory")))
	l.run(100 * time.Millisecond)
	leech.s.channelTo(mallory.addr).ban(l.now, "bogus")
	leech.drain()
	bans := leech.of(EventBan)
	if len(bans) != 1 || bans[0].Member != "mallory" {
		t.Fatalf("bans %v", bans)
	}
	asked(k)
	k.say(wire.AppendPexCert(nil, pass(again, "mallory")))
	l.run(2 * time.Second)
	if len(again.inbox) != 0 {
		t.Error("a banned member is contacted at another address")
	}
	n := again.greet(leech)
	n.say(wire.AppendPexCert(nil, pass(again, "mallory")))
	l.run(100 * time.Millisecond)
	if leech.connected(again) {
		t.Error("a banned member is connected")
	}
}

// "In the worst case, a single datagram results in N datagrams" (RFC 7574, 12.2): addresses
// of victims are few, tried seldom, and given up soon; trackers' peers come first.
func TestPoison(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	leech := l.host(f.leech())
	leech.want(true)
	var liars []link
	for range 12 {
		liars = append(liars, l.puppet().accept(leech))
	}
	sent := map[netip.AddrPort]int{}
	l.tap = func(d flying) bool {
		if d.from == leech.addr && d.to.Port() == 9 {
			sent[d.to]++
		}
		return true
	}
	next := 0
	poison := func(b []byte) []byte {
		next++
		return wire.AppendPexRes(b, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 200, byte(next >> 8), byte(next)}), 9))
	}
	for range 600 {
		for _, k := range liars {
			var b []byte
			for range 30 {
				b = poison(b)
			}
			k.say(b)
			k.heard()
		}
		l.run(time.Second)
	}
	total, most := 0, 0
	for _, n := range sent {
		total += n
		most = max(most, n)
	}
	if most > pexTries*pexHandshakes {
		t.Errorf("%d datagrams to one victim", most)
	}
	// 12 liars, asked once a minute in 10 minutes, 8 addresses each time
	if limit := 12 * 11 * pexMost; len(sent) > limit || total > limit*most || len(sent) == 0 {
		t.Errorf("%d victims, %d datagrams in 10 minutes", len(sent), total)
	}
	n := 0
	for i := range leech.s.candidates.list {
		if leech.s.candidates.list[i].pex {
			n++
		}
	}
	if n > maxPex {
		t.Errorf("%d of such addresses are kept", n)
	}
	honest := l.host(f.seed(f.all()))
	leech.meet(honest)
	l.until(2*time.Second, "complete", leech.s.Complete)
}

// A tracker that names an address makes it as good as any, and what it named never gives way.
func TestOriginOfAddresses(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	h := l.host(f.leech())
	h.s.cfg.TargetPeers = 0
	h.s.hearsay(0, addr(500), false)
	h.s.AddPeers(0, []netip.AddrPort{addr(500)})
	if k := &h.s.candidates; k.list[k.find(addr(500))].pex {
		t.Error("a tracker's word does not count")
	}
	h.s.hearsay(0, addr(501), false)
	var tracker []netip.AddrPort
	for k := range MaxCandidates {
		tracker = append(tracker, addr(1000+k))
	}
	h.s.AddPeers(0, tracker)
	if h.s.candidates.find(addr(501)) >= 0 {
		t.Error("hearsay keeps a tracker's peer out")
	}
	h.s.hearsay(0, addr(502), false)
	if h.s.candidates.find(addr(502)) >= 0 || len(h.s.candidates.list) != MaxCandidates {
		t.Error("hearsay takes the place of a tracker's peer")
	}
}

// "Attack E1 on PEX can be fended off by letting live injectors disable PEX" (RFC 7574,
// 12.2.3): it answers, and never asks.
func TestSourceDoesNotAsk(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	p := l.puppet()
	k := p.greet(st.source)
	other := l.puppet()
	o := other.greet(st.source)
	for range 100 {
		l.run(time.Second)
		if has(k.heard(), wire.TypePexReq) != 0 {
			t.Fatal("a live source asks a peer for others")
		}
		k.say(nil)
		o.say(nil)
	}
	k.say(wire.AppendPexReq(nil))
	l.run(time.Second)
	if plain, _ := named(k.heard()); len(plain) != 1 || plain[0] != other.addr {
		t.Errorf("the source names %v", plain)
	}
}

// At most half of the connections go where peers said (RFC 7574, 12.2.3).
func TestHalfIsTheTrackers(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	cfg := f.leech()
	cfg.TargetPeers = 10
	leech := l.host(cfg)
	leech.want(true)
	seeds := make([]*host, 20)
	for i := range seeds {
		seeds[i] = l.host(f.leech())
		leech.s.hearsay(l.now, seeds[i].addr, false)
	}
	leech.drain()
	l.run(10 * time.Second)
	if n := leech.s.Peers(); n != 5 || leech.s.viaPex() != 5 {
		t.Errorf("%d connections, %d by exchange", n, leech.s.viaPex())
	}
	leech.meet(seeds[15:]...)
	l.run(time.Second)
	if n := leech.s.Peers(); n != 10 {
		t.Errorf("%d connections after the tracker spoke", n)
	}
}
