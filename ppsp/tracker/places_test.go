package tracker

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestReadPlaces(t *testing.T) {
	p, err := ReadPlaces(strings.NewReader("network,autonomous_system_number,autonomous_system_organization\n" +
		"192.0.2.0/24,64496,\"Example\"\n# a comment\n\n\"2001:db8::/32\",AS64497\n198.51.100.0,198.51.100.127,64498\n0.0.0.0/0,1\n192.0.2.128/25,2\n255.255.255.0/24,3\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]uint32{
		"192.0.2.1": 64496, "192.0.2.127": 64496, "192.0.2.128": 2, "192.0.2.255": 2, "192.0.3.0": 1, "0.0.0.0": 1,
		"255.255.255.255": 3, "255.255.254.9": 1, "198.51.100.127": 64498, "198.51.100.128": 1,
		"2001:db8::1": 64497, "2001:db9::": 0, "::1": 0,
	} {
		if got := p.ASN(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	if got := p.ASN(netip.Addr{}) + (*Places)(nil).ASN(netip.MustParseAddr("192.0.2.1")); got != 0 {
		t.Error(got)
	}
	for text, want := range map[string]string{
		"":                               "no network in it",
		"# nothing\n":                    "no network in it",
		"a,b\nc,d\n":                     `line 2: "c" is no network`,
		"192.0.2.0/24,1\n192.0.2.0/24":   "line 2: there are too few fields",
		"192.0.2.0/24,1\n192.0.2.0/24,":  "no number",
		"1.1.1.1/8,1\n2.2.2.2,1.1.1.1,5": "is no network",
	} {
		if _, err := ReadPlaces(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Nested prefixes: the longest counts, as a search from end to end finds it.
func TestPlacesAgreeWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var text strings.Builder
		var prefixes []netip.Prefix
		used := map[netip.Prefix]bool{}
		for range 1 + random.IntN(30) {
			prefix, _ := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(2)), byte(random.IntN(256))}).Prefix(20 + random.IntN(13))
			if used[prefix] {
				continue
			}
			used[prefix] = true
			prefixes = append(prefixes, prefix)
			fmt.Fprintf(&text, "%s,%d\n", prefix, len(prefixes))
		}
		p, err := ReadPlaces(strings.NewReader(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1 << 11 {
			ip := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			want, longest := uint32(0), -1
			for j, prefix := range prefixes {
				if prefix.Contains(ip) && prefix.Bits() > longest {
					want, longest = uint32(j+1), prefix.Bits()
				}
			}
			if got := p.ASN(ip); got != want {
				t.Fatalf("%s: %d, want %d, in\n%s", ip, got, want, text.String())
			}
		}
	}
}

// A first line may be one of titles, but is not let pass when it is a network written wrongly.
func TestTitlesOfPlaces(t *testing.T) {
	for text, want := range map[string]bool{
		"network,autonomous_system_number,organization\n192.0.2.0/24,1\n": true,
		"\"start_ip\",\"end_ip\",\"asn\"\n192.0.2.0,192.0.2.9,1\n":        true,
		"192.0.2.0/240,64496\n192.0.2.0/24,1\n":                           false,
		"192.0.2.0/24,none\n192.0.2.0/24,1\n":                             false,
		"fe80::g/10,7\n192.0.2.0/24,1\n":                                  false,
		"network,asn\nnetwork,asn\n192.0.2.0/24,1\n":                      false,
	} {
		if _, err := ReadPlaces(strings.NewReader(text)); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadPlaces(f *testing.F) {
	f.Add("192.0.2.0/24,64496\n2001:db8::/32,1\n::/0,2\n0.0.0.0,255.255.255.255,9\n", []byte{192, 0, 2, 1})
	f.Fuzz(func(t *testing.T, text string, ip []byte) {
		p, err := ReadPlaces(strings.NewReader(text))
		if err != nil {
			return
		}
		a, _ := netip.AddrFromSlice(ip)
		_ = p.ASN(a)
		for i, r := range p.ranges {
			if r.last.Less(r.first) || i > 0 && !p.ranges[i-1].last.Less(r.first) {
				t.Fatalf("ranges %d overlap: %v", i, p.ranges)
			}
		}
	})
}
