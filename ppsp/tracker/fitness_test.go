package tracker

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// bothRegistries returns for each kind how to get an empty one.
func bothRegistries(t *testing.T, places *Places, marks *Marks, cost func(from, to netip.Addr) int) map[string]func() Registry {
	t.Helper()
	v, err := OpenValkey(ValkeyConfig{URL: startRedis(t), Places: places, Marks: marks, Cost: cost})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return map[string]func() Registry{
		"memory": func() Registry {
			return newMemory(func(m *MemoryConfig) { m.Places, m.Marks, m.Cost = places, marks, cost })
		},
		"valkey": func() Registry {
			if err := v.client.Do(t.Context(), v.client.B().Flushall().Build()).Error(); err != nil {
				t.Fatal(err)
			}
			return v
		},
	}
}

// crowd fills a swarm with plain peers from networks of their own.
func crowd(t *testing.T, r Registry, n int) {
	t.Helper()
	for i := range n {
		m := Member{ID: fmt.Sprintf("plain%03d", i), Mode: Leech, Source: address(fmt.Sprintf("198.18.%d.1:80", i), Reflexive, 0)}
		m.Addresses = []Address{m.Source}
		if err := r.Join(t.Context(), at(0), "s", m); err != nil {
			t.Fatal(err)
		}
	}
}

// RFC 7846, 4.1.1: "the tracker may take peer status and network location information into
// consideration": each quality alone makes a peer listed more often than chance.
func TestFitPeersAreListedMore(t *testing.T) {
	places, err := ReadPlaces(strings.NewReader("203.0.112.0/20,64500\n198.18.0.0/15,64501\n"))
	if err != nil {
		t.Fatal(err)
	}
	marks, err := ReadMarks(strings.NewReader("edge 198.20.0.0/16\nsuper 198.21.0.0/16\n"))
	if err != nil {
		t.Fatal(err)
	}
	cost := func(from, to netip.Addr) int {
		if to == netip.MustParseAddr("203.0.113.1") && from == netip.MustParseAddr("198.22.0.1") {
			return MaxScore
		}
		return 0
	}
	empty := bothRegistries(t, places, marks, cost)
	for _, c := range []struct {
		name   string
		member Member
		stats  *StreamStats
	}{
		{"the same /24", Member{Source: address("203.0.113.99:1", Reflexive, 0)}, nil},
		{"the same autonomous system", Member{Source: address("203.0.114.99:1", Reflexive, 0)}, nil},
		{"no NAT", Member{About: &PeerNum{AbilityNAT: "NO_NAT"}}, nil},
		{"STUN on both sides", Member{About: &PeerNum{AbilityNAT: "STUN"}}, nil},
		{"a cable", Member{Addresses: []Address{wired(address("198.19.0.1:1", Reflexive, 0), "")}}, nil},
		{"much upload", Member{About: &PeerNum{UploadBandwidth: 100_000}}, nil},
		{"few links", Member{}, &StreamStats{ConcurrentLinks: 3}},
		{"many chunks", Member{}, &StreamStats{ConcurrentLinks: 99, ChunksHeld: "0-99999"}},
		{"mains", Member{}, &StreamStats{Power: "mains", ConcurrentLinks: 99}},
		{"a marked edge", Member{Source: address("198.20.0.1:1", Reflexive, 0)}, nil},
		{"a marked super-node", Member{Source: address("198.21.0.1:1", Reflexive, 0)}, nil},
		{"an edge by its own word", Member{About: &PeerNum{Role: Edge}}, nil},
		{"low costs", Member{Source: address("198.22.0.1:1", Reflexive, 0)}, nil},
		{"nothing", Member{}, nil},
		{"no super-node by its own word", Member{About: &PeerNum{Role: SuperNode}}, nil},
		{"a battery", Member{}, &StreamStats{Power: "battery", ConcurrentLinks: 99}},
	} {
		for kind, fresh := range empty {
			testFit(t, kind+": "+c.name, fresh(), c.member, c.stats)
		}
	}
}

// testFit makes lists of a crowd with one member that is special.
func testFit(t *testing.T, name string, r Registry, member Member, stats *StreamStats) {
	t.Helper()
	// By chance 6 of 60 are listed: 60 times in 600. In a sample of 18 it is 180 times.
	others, least, most, battery := 59, 30, 100, 45
	best := 120
	if _, shared := r.(*Valkey); shared {
		// Its server's own samples are not quite even. Here each is the whole swarm: by chance it is
		// 200 times in 600, for the fittest 600 times, and 100 times for the last.
		others, least, most, battery, best = 17, 140, 260, 150, 600
	}
	crowd(t, r, others)
	member.ID, member.Mode = "fit", Leech
	if !member.Source.IsValid() {
		member.Source = address("198.19.0.1:1", Reflexive, 0)
	}
	asker := Member{ID: "asker", Mode: Leech, Source: address("203.0.113.1:1", Reflexive, 0), About: &PeerNum{AbilityNAT: "STUN"}}
	for _, m := range []Member{member, asker} {
		if err := r.Join(t.Context(), at(0), "s", m); err != nil {
			t.Fatal(err)
		}
	}
	if stats != nil {
		stats.SwarmID = "s"
		if err := r.Report(t.Context(), at(0), "fit", *stats); err != nil {
			t.Fatal(err)
		}
	}
	listed := 0
	const rounds, n = 600, 6
	for range rounds {
		got := find(t, r, 0, "s", "asker", n)
		if len(got) != n || len(slices.Compact(got)) != n {
			t.Fatalf("%s: %v", name, got)
		}
		if slices.Contains(got, "fit") {
			listed++
		}
	}
	switch _, what, _ := strings.Cut(name, ": "); what {
	case "nothing", "no super-node by its own word":
		if listed < least || listed > most {
			t.Errorf("%s: a peer like all others is listed %d times in %d", name, listed, rounds)
		}
	case "a battery":
		if listed > battery {
			t.Errorf("%s: listed %d times in %d", name, listed, rounds)
		}
	default:
		if listed < best {
			t.Errorf("%s: listed %d times in %d", name, listed, rounds)
		}
	}
}

// RFC 7846, 4.1.1: "If no peer_num attributes are present in the request, the tracker may
// return a random sample from the peer population."
func TestRandomWithoutAttributes(t *testing.T) {
	r := newMemory(nil)
	crowd(t, r, 59)
	strong := Member{ID: "strong", Mode: Leech, Source: address("198.18.5.9:1", Reflexive, 0), About: &PeerNum{AbilityNAT: "NO_NAT", UploadBandwidth: 1e6}}
	if err := r.Join(t.Context(), at(0), "s", strong); err != nil {
		t.Fatal(err)
	}
	listed := 0
	for range 600 {
		if slices.Contains(find(t, r, 0, "s", "plain005", 6), "strong") {
			listed++
		}
	}
	if listed < 30 || listed > 100 {
		t.Errorf("the strong peer is listed %d times in 600 to one who did not ask for such", listed)
	}
}

// Addresses of a home network are told only to those who may be in it.
func TestHostAddressesStayAtHome(t *testing.T) {
	const home, other, tracker = "198.51.100.1:9", "203.0.113.5:9", "192.168.1.2:9"
	lan, mapped := address("192.168.1.7:7574", Host, 1), address("198.51.100.1:4000", Reflexive, 2)
	empty := bothRegistries(t, nil, nil, nil)
	for _, c := range []struct {
		name          string
		source, asker string
		stated        []Address
		want          []Address
	}{
		{"behind the same address", home, home, []Address{lan, mapped}, []Address{mapped, lan}},
		{"elsewhere", home, other, []Address{lan, mapped}, []Address{mapped}},
		{"elsewhere, with nothing else", home, other, []Address{lan}, nil},
		{"a server with a public address", home, other, []Address{address("198.51.100.1:7574", Host, 1)}, []Address{address("198.51.100.1:7574", Host, 1)}},
		{"the tracker is in the network", tracker, "192.168.7.9:1", []Address{lan}, []Address{lan}},
		{"on the tracker's machine", "127.0.0.1:5", "192.168.7.9:1", []Address{lan}, []Address{lan}},
		{"in the tracker's network, asked from outside", tracker, other, []Address{lan}, nil},
		{"no NAT between it and the tracker", "192.168.1.7:9", other, []Address{lan}, []Address{lan}},
		{"a private address that is said to be mapped", home, other, []Address{address("192.168.1.7:4000", Reflexive, 3), mapped}, []Address{mapped}},
		{"a private relay", home, other, []Address{address("10.0.0.1:4000", Proxy, 3)}, nil},
		{"behind the carrier's NAT", home, other, []Address{address("100.64.3.3:1", Host, 1), mapped}, []Address{mapped}},
		{"one IPv6 home", "[2001:db8:1:2::7]:1", "[2001:db8:1:2::8]:1", []Address{lan}, []Address{lan}},
	} {
		for kind, fresh := range empty {
			r := fresh()
			for _, m := range []Member{
				{ID: "p", Mode: Leech, Addresses: c.stated, Source: Address{AddrPort: netip.MustParseAddrPort(c.source)}},
				{ID: "asker", Mode: Leech, Source: Address{AddrPort: netip.MustParseAddrPort(c.asker)}},
			} {
				if err := r.Join(t.Context(), at(0), "s", m); err != nil {
					t.Fatal(err)
				}
			}
			peers, err := r.Find(t.Context(), at(0), "s", "asker", 5, nil)
			var got []Address
			if len(peers) > 0 {
				got = peers[0].Addresses
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: got %v, %v, want %v", kind, c.name, got, err, c.want)
			}
		}
	}
}

// No more peers are let in from one address than it may have, wherever the others are.
func TestPeersOfOneAddress(t *testing.T) {
	r := newMemory(func(c *MemoryConfig) { c.MaxPeersOfAnAddress = 2 })
	enter := func(id, source string) error {
		return r.Join(t.Context(), at(0), "s", Member{ID: id, Mode: Leech, Source: Address{AddrPort: netip.MustParseAddrPort(source)}})
	}
	for _, c := range []struct {
		id, source string
		want       error
	}{
		{"a", "192.0.2.1:1", nil},
		{"b", "192.0.2.1:2", nil},
		{"c", "192.0.2.1:3", ErrFull},
		{"a", "192.0.2.1:4", nil},
		{"c", "192.0.2.2:1", nil},
		{"d", "[2001:db8::1]:1", nil},
		{"e", "[2001:db8::2]:1", nil},
		{"f", "[2001:db8::3]:1", ErrFull}, // the same /64
		{"b", "192.0.2.3:1", nil},         // it moved away
		{"g", "192.0.2.1:1", nil},
		{"h", "127.0.0.1:1", nil},
		{"i", "127.0.0.1:1", nil},
		{"j", "127.0.0.1:1", nil},
	} {
		if err := enter(c.id, c.source); err != c.want {
			t.Errorf("%s from %s: %v, want %v", c.id, c.source, err, c.want)
		}
	}
	for _, id := range []string{"a", "b", "c", "d", "e", "g", "h", "i", "j"} {
		if err := r.Leave(t.Context(), at(0), "s", id); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.sources) != 0 {
		t.Errorf("left behind: %v", r.sources)
	}
}

func TestHeldRanges(t *testing.T) {
	if got := HeldRanges([2]uint64{0, 99}, [2]uint64{120, 120}, [2]uint64{200, 1023}); got != "0-99,120,200-1023" {
		t.Error(got)
	}
	var many [][2]uint64
	for i := range uint64(100) {
		many = append(many, [2]uint64{i * 1000, i*1000 + 7})
	}
	if got := HeldRanges(many...); len(got) > MaxHeld || len(got) < MaxHeld-20 {
		t.Errorf("%d bytes: %s", len(got), got)
	} else if _, ok := countHeld(got); !ok {
		t.Error(got)
	}
	for text, want := range map[string]Number{"": 0, "7": 1, "0-99,120,200-1023": 925, "0-4611686018427387903,0-4611686018427387903": 1<<63 - 1} {
		if got, ok := countHeld(text); !ok || got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"a", "-", "1-", "3-2", "1,,2", "1-2-3", " 1", strings.Repeat("1,", 200) + "1"} {
		if n, ok := countHeld(text); ok {
			t.Errorf("%q: %d", text, n)
		}
	}
}
