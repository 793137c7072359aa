package tracker

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

func TestReadMarks(t *testing.T) {
	id := ppsp.PeerID{7}.String()
	m, err := ReadMarks(strings.NewReader("# ours\n\nedge 192.0.2.0/24\nsuper 192.0.2.128/25\n super\t2001:db8::/32 \nedge 198.51.100.7\nedge " + id + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, from string
		want     Role
	}{
		{"", "192.0.2.1", Edge},
		{"", "192.0.2.129", SuperNode},
		{"", "2001:db8::1", SuperNode},
		{"", "198.51.100.7", Edge},
		{"", "198.51.100.8", ""},
		{id, "198.51.100.8", Edge},
		{id, "192.0.2.129", Edge},
		{ppsp.PeerID{8}.String(), "203.0.113.1", ""},
	} {
		if got := m.of(c.id, netip.MustParseAddr(c.from)).role(); got != c.want {
			t.Errorf("%s from %s: %q, want %q", c.id, c.from, got, c.want)
		}
	}
	if got := (*Marks)(nil).of(id, netip.Addr{}); got != 0 {
		t.Errorf("without marks: %v", got)
	}
	for text, words := range map[string]string{
		"":                     "there is no mark in it",
		"edge":                 "line 1: write as",
		"# a\nking 192.0.2.1":  `line 2: "king" is no role`,
		"edge nobody":          `line 1: "nobody" is no peer ID and no network`,
		"edge 192.0.2.0/24 me": "line 1: write as",
	} {
		if _, err := ReadMarks(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
}

// A peer's own word makes it an edge only where peers prove who they are; lists tell of roles.
func TestRolesAreTold(t *testing.T) {
	marks, err := ReadMarks(strings.NewReader("super " + ppsp.PeerID{3}.String()))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		authorize func(*http.Request, string) ([]string, bool)
		want      string
	}{
		"open":          {nil, "01:  03: super 04: "},
		"authenticated": {func(*http.Request, string) ([]string, bool) { return nil, true }, "01: edge 03: super 04: "},
	} {
		s := NewServer(ServerConfig{Authorize: c.authorize, Registry: NewMemory(MemoryConfig{Marks: marks})})
		for peer, role := range map[byte]Role{1: Edge, 3: "", 4: SuperNode} {
			if _, err := clientOf(s, peer).Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, &PeerNum{PeerCount: 1, Role: role}); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := clientOf(s, 9).Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]Role{}
		for _, p := range answer.Swarms[0].Peers {
			told[p.ID[:2]] = p.Role
		}
		if got := fmt.Sprintf("01: %s 03: %s 04: %s", told["01"], told["03"], told["04"]); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		status, err := s.config.Registry.Status(t.Context(), s.config.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range status.Swarms[0].Members {
			if want := told[m.PeerID[:2]]; m.Role != want {
				t.Errorf("%s: the operator is told %q of %s, want %q", name, m.Role, m.PeerID[:2], want)
			}
		}
	}
}
