package nat

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestBoardOrdersAndJoins(t *testing.T) {
	var b board
	b.init()
	b.put(sourceSTUN, []Finding{{addr("203.0.113.11:4000"), Reflexive, "s"}, {addr("203.0.113.11:6881"), Reflexive, "s"}}, "seen")
	b.put(sourceMapping, []Finding{{addr("203.0.113.11:6881"), Mapped, "g"}}, "mapped")
	b.put(sourceHosts, []Finding{{addr("192.168.11.11:6881"), Host, "eth0"}}, "")
	want := []string{"host 192.168.11.11:6881", "mapped 203.0.113.11:6881", "reflexive 203.0.113.11:4000"}
	if got := texts(b.all()); !slices.Equal(got, want) {
		t.Errorf("findings are %q, want %q", got, want)
	}
	if got := b.words(); got != "mapped\nseen" {
		t.Errorf("words are %q", got)
	}
}

// What a gateway says of its address counts while nobody outside sees another.
func TestGatewayWithAWrongAddress(t *testing.T) {
	var b board
	b.init()
	mapped := Finding{addr("203.0.113.66:6881"), Mapped, "g"}
	b.put(sourceMapping, []Finding{mapped}, "mapped")
	for _, c := range []struct {
		seen  []string
		there bool
	}{
		{nil, true},
		{[]string{"[2001:db8::1]:6881"}, true}, // tells nothing of IPv4
		{[]string{"192.168.11.11:6881"}, true}, // by a server in the home
		{[]string{"203.0.113.11:6881"}, false},
		{[]string{"203.0.113.11:6881", "203.0.113.66:4000"}, true}, // by one of two lines to the Internet
	} {
		var seen []Finding
		for _, s := range c.seen {
			seen = append(seen, Finding{addr(s), Reflexive, "s"})
		}
		b.put(sourceSTUN, seen, "seen")
		if got := slices.Contains(b.all(), mapped); got != c.there {
			t.Errorf("seen as %q: the mapping is counted on: %v, want %v", c.seen, got, c.there)
		}
		if got := strings.Contains(b.words(), misplacedWords); got == c.there {
			t.Errorf("seen as %q: the words are %q", c.seen, b.words())
		}
	}
}

func TestBoardTellsChanges(t *testing.T) {
	var b board
	b.init()
	eth := []Finding{{addr("192.168.11.11:6881"), Host, "eth0"}}
	told := func() bool {
		select {
		case <-b.changed:
			return true
		default:
			return false
		}
	}
	for i, c := range []struct {
		found       []Finding
		text        string
		moved, news bool
	}{
		{nil, "", false, false},
		{eth, "a", true, true},
		{eth, "a", false, false},
		{eth, "b", false, true},
		{[]Finding{{eth[0].Addr, Host, "wlan0"}}, "b", false, false},
		{nil, "b", true, false},
	} {
		moved, news := b.put(sourceHosts, c.found, c.text)
		if moved != c.moved || news != c.news || told() != c.moved {
			t.Errorf("step %d: moved %v, news %v; want %v, %v", i, moved, news, c.moved, c.news)
		}
	}
	// A receiver that does not look delays nobody and hears of it once.
	b.put(sourceHosts, eth, "")
	b.put(sourceHosts, nil, "")
	if !told() || told() {
		t.Error("two changes are not told as one")
	}
}

func TestBoardHandsOutCopies(t *testing.T) {
	var b board
	b.init()
	b.put(sourceHosts, []Finding{{addr("192.168.11.11:6881"), Host, "eth0"}}, "")
	b.all()[0].Type = "spoilt"
	if got := b.all()[0].Type; got != Host {
		t.Errorf("the caller's writing shows: %q", got)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"FRITZ!Box 7590":          "FRITZ!Box 7590",
		"  Müllers Router\r\n":    "Müllers Router",
		"a\x1b[31mred\x00":        "a [31mred",
		"\u202eevil\u2028line":    "evil line",
		"bad \xff byte":           "bad ? byte",
		string(make([]byte, 200)): "…",
	} {
		if got := plain(in); got != want && !(want == "…" && utf8.RuneCountInString(got) <= maxPlain+1) {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("gateway\r\nX: y")
	f.Fuzz(func(t *testing.T, s string) {
		got := plain(s)
		if utf8.RuneCountInString(got) > maxPlain+1 || !utf8.ValidString(got) {
			t.Fatalf("plain(%q) = %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) {
				t.Fatalf("plain(%q) has control character %U", s, r)
			}
		}
	})
}
