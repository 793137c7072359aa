package alto

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// exampleNetwork is that of RFC 7285, 11.2.1.7, with one address type that nobody knows.
const exampleNetwork = `{
  "meta" : {"vtag": {"resource-id": "my-default-network-map", "tag": "da65eca2eb7a10ce8b059740b0b2e3f8eb1d4785"}},
  "network-map" : {
    "PID1" : {"ipv4" : ["192.0.2.0/24", "198.51.100.0/25"]},
    "PID2" : {"ipv4" : ["198.51.100.128/25"], "x25": ["208"]},
    "PID3" : {"ipv4" : ["0.0.0.0/0"], "ipv6" : ["::/0"]}
  }
}`

// exampleCosts is that of RFC 7285, 11.2.3.7, with the tag of the map above.
const exampleCosts = `{
  "meta" : {
    "dependent-vtags" : [{"resource-id": "my-default-network-map", "tag": "da65eca2eb7a10ce8b059740b0b2e3f8eb1d4785"}],
    "cost-type" : {"cost-mode" : "numerical", "cost-metric": "routingcost"}
  },
  "cost-map" : {
    "PID1": { "PID1": 1,  "PID2": 5,  "PID3": 10 },
    "PID2": { "PID1": 5,  "PID2": 1,  "PID3": 15 },
    "PID3": { "PID1": 20, "PID2": 15  }
  }
}`

func TestExampleOfTheRFC(t *testing.T) {
	m, err := Parse([]byte(exampleNetwork), []byte(exampleCosts))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		want     int
	}{
		{"192.0.2.1", "198.51.100.1", tracker.MaxScore},     // PID1 to PID1 costs 1
		{"198.51.100.200", "192.0.2.1", 9},                  // PID2 to PID1: 5 of 1 to 20
		{"203.0.113.1", "192.0.2.1", 0},                     // PID3 to PID1: 20
		{"192.0.2.1", "198.51.100.200", 9},                  // PID1 to PID2: 5 of 1 to 15
		{"203.0.113.1", "198.51.100.200", 0},                // PID3 to PID2: 15
		{"192.0.2.1", "2001:db8::1", tracker.MaxScore},      // PID1 to PID3: 10 of 10 to 15
		{"198.51.100.200", "2001:db8::1", 0},                // PID2 to PID3: 15
		{"203.0.113.1", "2001:db8::1", 0},                   // not said
		{"::ffff:192.0.2.1", "192.0.2.9", tracker.MaxScore}, // written otherwise
		{"192.0.2.1", "", 0},                                // from where it is not known
	} {
		to, _ := netip.ParseAddr(c.to)
		if got := m.Score(netip.MustParseAddr(c.from), to); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.from, c.to, got, c.want)
		}
	}
	if got := (*Maps)(nil).Score(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.1")); got != 0 {
		t.Errorf("without maps: %d", got)
	}
}

func TestParseRefuses(t *testing.T) {
	network := func(old, fresh string) string { return strings.Replace(exampleNetwork, old, fresh, 1) }
	costs := func(old, fresh string) string { return strings.Replace(exampleCosts, old, fresh, 1) }
	many := &strings.Builder{}
	for i := range MaxPIDs + 1 {
		many.WriteString(`"` + strings.Repeat("a", i+1) + `":{},`)
	}
	for _, c := range []struct{ network, costs, words string }{
		{"", exampleCosts, "the network map is none"},
		{"{}", exampleCosts, "the network map is none (RFC 7285, 11.2.1): it is empty"},
		{exampleNetwork, "[]", "the cost map is none"},
		{exampleNetwork, "{}", "the cost map is none (RFC 7285, 11.2.3): it is empty"},
		{exampleNetwork, costs("da65", "3ee2"), "another version of the network map"},
		{exampleNetwork, costs("numerical", "colourful"), `cost-mode is "colourful", want numerical or ordinal`},
		{exampleNetwork, costs(": 1,", `: "1",`), "cost map is none"},
		{network("192.0.2.0/24", "192.0.2.0"), exampleCosts, `PID "PID1" has the prefix "192.0.2.0", which is none`},
		{`{"network-map":{"a":{}}}`, strings.Replace(exampleCosts, "dependent-vtags", "x", 1), "has no IP prefixes"},
		{network(`"PID1" :`, many.String()+`"PID1" :`), exampleCosts, "more than 2048"},
	} {
		if _, err := Parse([]byte(c.network), []byte(c.costs)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v, want %q", err, c.words)
		}
	}
}

// Scores are within their bounds whatever a server sends, and the cheapest has the highest.
func FuzzParse(f *testing.F) {
	f.Add(exampleNetwork, exampleCosts)
	f.Add(`{"network-map":{"a":{"ipv6":["::1/128","::/0"]}}}`, `{"meta":{"cost-type":{"cost-mode":"ordinal"}},"cost-map":{"a":{"a":1e308},"b":{"a":-1e308}}}`)
	f.Fuzz(func(t *testing.T, network, costs string) {
		m, err := Parse([]byte(network), []byte(costs))
		if err != nil {
			return
		}
		for _, s := range m.score {
			if s > tracker.MaxScore {
				t.Fatalf("a score of %d", s)
			}
		}
		m.Score(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::1"))
	})
}
