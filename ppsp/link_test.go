package ppsp

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	filmID = "47a013e660d408619d894b20806b1d5086aab03b47a013e660d408619d894b20"
	sha1ID = "47a013e660d408619d894b20806b1d5086aab03b"
	liveID = "0d" + filmID + filmID
)

func swarmID(t testing.TB, hex string) SwarmID {
	t.Helper()
	id, err := ParseSwarmID(hex)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestLinkTextBothWays(t *testing.T) {
	film := func(change func(*Link)) Link {
		l := NewLink(StaticDefaults(swarmID(t, filmID)))
		change(&l)
		return l
	}
	live := func(change func(*Link)) Link {
		l := NewLink(LiveDefaults(swarmID(t, liveID)))
		change(&l)
		return l
	}
	for _, c := range []struct {
		name, text string
		link       Link
	}{
		// RFC 7574, 11.1.1: "The default protocol options should be exploited to keep the
		// URLs small."
		{"film with all defaults", "ppsp:film/" + filmID, film(func(*Link) {})},
		{"channel with all defaults", "ppsp:live/" + liveID, live(func(*Link) {})},
		{"every metadata parameter", "ppsp:film/" + sha1ID + "?h=sha1&a=chunk64&c=8192", film(func(l *Link) {
			l.SwarmID, l.Hash, l.Addressing, l.ChunkSize = swarmID(t, sha1ID), SHA1, ChunkRanges64, 8192
		})},
		{"integrity of a channel", "ppsp:live/" + liveID + "?i=signall", live(func(l *Link) { l.Integrity = IntegritySignAll })},
		{"unprotected channel is still live", "ppsp:live/" + liveID + "?i=none", live(func(l *Link) { l.Integrity = IntegrityNone })},
		{"unprotected film is still a film", "ppsp:film/" + filmID + "?i=none", film(func(l *Link) { l.Integrity = IntegrityNone })},
		{"length", "ppsp:film/" + filmID + "?len=9223372036854775807", film(func(l *Link) { l.Length = 1<<63 - 1 })},
		{"duration", "ppsp:film/" + filmID + "?len=366100&dur=24", film(func(l *Link) { l.Length, l.Duration = 366100, 24*time.Second })},
		{"shortest duration", "ppsp:film/" + filmID + "?dur=0.001", film(func(l *Link) { l.Duration = time.Millisecond })},
		{"duration with a fraction", "ppsp:film/" + filmID + "?dur=5400.04", film(func(l *Link) { l.Duration = 90*time.Minute + 40*time.Millisecond })},
		{"longest duration", "ppsp:film/" + filmID + "?dur=3600000", film(func(l *Link) { l.Duration = MaxLinkDuration })},
		{"rate", "ppsp:live/" + liveID + "?rate=2500000", live(func(l *Link) { l.Rate = 2500000 })},
		{"what people see", "ppsp:live/" + liveID + "?t=News&g=Local%20TV&type=video/mp2t&logo=https://example.com/n.png", live(func(l *Link) {
			l.Title, l.Group, l.MediaType, l.Logo = "News", "Local TV", "video/mp2t", "https://example.com/n.png"
		})},
		{"certificates for peer exchange", "ppsp:film/" + filmID + "?ca=02" + strings.Repeat("ab", 32), film(func(l *Link) { l.Authority = "02" + strings.Repeat("ab", 32) })},
		{"closed", "ppsp:live/" + liveID + "?closed=03" + strings.Repeat("cd", 32) + "&tr=http://a/", live(func(l *Link) {
			l.Authority, l.Closed, l.Trackers = "03"+strings.Repeat("cd", 32), true, []string{"http://a/"}
		})},
		{"trackers keep their order", "ppsp:film/" + filmID + "?tr=https://b.example/t%3Fa%3D1%26b%3D2&tr=http://127.0.0.1:6969/", film(func(l *Link) {
			l.Trackers = []string{"https://b.example/t?a=1&b=2", "http://127.0.0.1:6969/"}
		})},
		{"peers", "ppsp:film/" + filmID + "?peer=192.0.2.1:7574&peer=%5B2001:db8::1%5D:7574&peer=home.example:1", film(func(l *Link) {
			l.Peers = []string{"192.0.2.1:7574", "[2001:db8::1]:7574", "home.example:1"}
		})},
		{"reserved characters", "ppsp:film/" + filmID + "?t=%22Q%26A%22%20%3D%20100%25%20%2B%20%23%27%3C%3E", film(func(l *Link) { l.Title = `"Q&A" = 100% + #'<>` })},
		{"emoji of several code points", "ppsp:film/" + filmID + "?t=%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80", film(func(l *Link) { l.Title = "👩\u200d🚀" })},
		{"right to left", "ppsp:film/" + filmID + "?t=%D7%A9%D7%9C%D7%95%D7%9D", film(func(l *Link) { l.Title = "שלום" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.link.String(); got != c.text {
				t.Errorf("String:\n got %s\nwant %s", got, c.text)
			}
			got, err := ParseLink(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.link) {
				t.Errorf("ParseLink:\n got %+v\nwant %+v", got, c.link)
			}
			if err := c.link.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

func TestParseLinkTakesWhatPeopleType(t *testing.T) {
	want := "ppsp:film/" + filmID + "?t=Caf%C3%A9%20%2B&peer=%5B::1%5D:80"
	for _, text := range []string{
		"PPSP:Film/" + strings.ToUpper(filmID) + "?t=Café%20+&peer=[::1]:80",
		"ppsp:film/" + filmID + "?peer=[::1]:80&t=Caf%c3%a9%20%2b",              // any order, any case of escapes
		"ppsp:film/" + filmID + "?c=1024&h=sha256&t=Café%20+&peer=%5B::1%5D:80", // defaults spelled out
		"ppsp:film/" + filmID + "?x-new=%zz&t=Café%20+&peer=[::1]:80&x-new=2",   // experiments of others
	} {
		l, err := ParseLink(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := l.String(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestParseLinkPointsAtTheMistake(t *testing.T) {
	film, live := "ppsp:film/"+filmID, "ppsp:live/"+liveID
	long := strings.Repeat("a", MaxLinkText+1)
	for _, c := range []struct {
		name, text string
		offset     int
		part       string
		reason     string // a piece of it
	}{
		{"empty", "", 0, "", "begins with ppsp:live/"},
		{"other scheme", "magnet:?xt=urn:1", 0, "magnet", "not a link to a swarm"},
		{"no scheme", filmID, 0, filmID, "not a link to a swarm"},
		{"scheme after the query", "film?t=a:b", 0, "film?t=a", "not a link to a swarm"},
		{"slashes", "ppsp://film/" + filmID, 5, "//", "remove the two slashes"},
		{"kind", "ppsp:radio/" + filmID, 5, "radio", "not a kind"},
		{"no kind", "ppsp:" + filmID, 5, filmID, "write live/ or film/"},
		{"no ID", "ppsp:film/", 10, "", "swarm ID is missing"},
		{"no ID, no slash", "ppsp:live?t=a", 9, "", "swarm ID is missing"},
		{"bad digit", "ppsp:film/47g0", 12, "g0", "not hexadecimal"},
		{"odd digits", "ppsp:film/47a", 10, "47a", "odd number"},
		{"too short a root", "ppsp:film/" + sha1ID, 10, sha1ID, "root of sha256 has 32"},
		{"too long an ID", "ppsp:live/" + strings.Repeat("0d", MaxSwarmID+1), 10, strings.Repeat("0d", MaxSwarmID+1), "want 1 to 600"},
		{"key cut off", "ppsp:live/0d12?t=a", 10, "0d12", "swarm ID has 4 digits, but one of a key of ecdsap256sha256 has 130; copy the whole link again"},
		{"key of an unknown algorithm", "ppsp:live/07aa", 10, "07aa", "algorithm 7 is unknown"},
		{"space before", " " + film, 0, " ", "write it as %20"},
		{"line break after", film + "\n", 74, "\n", "write it as %0A"},
		{"fragment", film + "#x", 74, "#", "no fragment"},
		{"angle bracket", film + "?t=<b>", 77, "<", "write it as %3C"},
		{"not UTF-8", film + "?t=\xff", 77, "\xff", "not UTF-8"},
		{"raw direction override", film + "?t=\u202e", 77, "\u202e", "write it as %E2%80%AE"},
		{"nothing after the question mark", film + "?", 75, "", "name=value"},
		{"nothing after the ampersand", film + "?t=a&", 79, "", "name=value"},
		{"two ampersands", film + "?t=a&&g=b", 79, "", "name=value"},
		{"no value", film + "?t", 75, "t", "name=value"},
		{"empty value", film + "?t=", 75, "t=", "has no value"},
		{"unknown", film + "?q=1", 75, "q=1", "q is unknown"},
		{"names are lower case", film + "?T=a", 75, "T=a", "T is unknown"},
		{"second title", film + "?t=a&t=b", 79, "t=b", "second time"},
		{"bad escape", film + "?t=ab%4", 79, "%4", "two hexadecimal digits"},
		{"bad escape counts characters, not bytes", film + "?t=éé%zz", 79, "%zz", "two hexadecimal digits"},
		{"escape cut by the next parameter", film + "?t=%4&g=1", 77, "%4", "two hexadecimal digits"},
		{"escapes that are not UTF-8", film + "?t=a%ff", 77, "a%ff", "not UTF-8"},
		{"hash", film + "?h=md5", 75, "h=md5", "use one of: sha1"},
		{"addressing", film + "?a=chunk", 75, "a=chunk", "use one of: bin32"},
		{"integrity", film + "?i=x", 75, "i=x", "use one of: none"},
		{"integrity of the other kind", film + "?i=unified", 75, "i=unified", "not for a film"},
		{"integrity of the other kind, live", live + "?i=merkle", 141, "i=merkle", "not for a live"},
		{"chunk size 0", film + "?c=0", 75, "c=0", "above zero"},
		{"chunk size too big", film + "?c=61441", 75, "c=61441", "1 to 61440"},
		{"chunk size with sign", film + "?c=+1", 75, "c=+1", "plain digits"},
		{"leading zero", film + "?c=01024", 75, "c=01024", "plain digits"},
		{"number too big", film + "?len=9223372036854775808", 75, "len=9223372036854775808", "plain digits"},
		{"length of a channel", live + "?len=1", 141, "len=1", "no length"},
		{"duration of a channel", live + "?dur=1", 141, "dur=1", "no duration"},
		{"duration of nothing", film + "?dur=0", 75, "dur=0", "above zero"},
		{"duration below zero", film + "?dur=-1", 75, "dur=-1", "above zero"},
		{"duration with a unit", film + "?dur=1m1", 75, "dur=1m1", "plain digits"},
		{"duration as a power", film + "?dur=1e3", 75, "dur=1e3", "plain digits"},
		{"duration with leading zero", film + "?dur=07", 75, "dur=07", "plain digits"},
		{"duration with trailing zero", film + "?dur=24.0", 75, "dur=24.0", "plain digits"},
		{"duration without whole seconds", film + "?dur=.5", 75, "dur=.5", "plain digits"},
		{"duration with a point alone", film + "?dur=1.", 75, "dur=1.", "plain digits"},
		{"duration finer than milliseconds", film + "?dur=1.0001", 75, "dur=1.0001", "plain digits"},
		{"duration too long", film + "?dur=3600000.001", 75, "dur=3600000.001", "up to 3600000"},
		{"duration too big to count", film + "?dur=99999999999999999999", 75, "dur=99999999999999999999", "up to 3600000"},
		{"duration twice", film + "?dur=1&dur=1", 81, "dur=1", "second time"},
		{"rate of a film", film + "?rate=1", 75, "rate=1", "only a live"},
		{"long title", film + "?t=" + long, 75, "t=" + long, "301 bytes, more than 300"},
		{"control character", film + "?t=a%00", 75, "t=a%00", "U+0000"},
		{"line separator", film + "?g=%E2%80%A8", 75, "g=%E2%80%A8", "U+2028"},
		{"direction isolate", film + "?t=%E2%81%A6", 75, "t=%E2%81%A6", "U+2066"},
		{"tracker of another scheme", film + "?tr=udp://t.example:1", 75, "tr=udp://t.example:1", "http:// or https://"},
		{"tracker without scheme", film + "?tr=t.example", 75, "tr=t.example", "http:// or https://"},
		{"tracker without host", film + "?tr=http:///x", 75, "tr=http:///x", "no host"},
		{"tracker with password", film + "?tr=http://a:b@t.example/", 75, "tr=http://a:b@t.example/", "password"},
		{"tracker with fragment", film + "?tr=http://t.example/%23", 75, "tr=http://t.example/%23", "fragment"},
		{"tracker with a space", film + "?tr=http://t.example/%20", 75, "tr=http://t.example/%20", "must begin with http"},
		{"tracker port", film + "?tr=http://t.example:70000/", 75, "tr=http://t.example:70000/", "1 to 65535"},
		{"tracker port empty", film + "?tr=http://t.example:/", 75, "tr=http://t.example:/", "1 to 65535"},
		{"tracker not a URL", film + "?tr=http://[/", 75, "tr=http://[/", "not a URL"},
		{"tracker twice", film + "?tr=http://t.example/&tr=http://t.example/", 96, "tr=http://t.example/", "second time"},
		{"long tracker", film + "?tr=http://" + strings.Repeat("a", MaxLinkURL), 75, "tr=http://" + strings.Repeat("a", MaxLinkURL), "more than 1024"},
		{"logo", film + "?logo=javascript:alert(1)", 75, "logo=javascript:alert(1)", "http:// or https://"},
		{"media type", film + "?type=mp4", 75, "type=mp4", "type/subtype"},
		{"authority cut short", film + "?ca=02ab", 75, "ca=02ab", "66 hexadecimal digits"},
		{"authority that is no point", film + "?closed=05" + strings.Repeat("0", 64), 75, "closed=05" + strings.Repeat("0", 64), "02 or 03"},
		{"authority with a bad digit", film + "?ca=02" + strings.Repeat("0", 63) + "g", 75, "ca=02" + strings.Repeat("0", 63) + "g", "at digit 66"},
		{"two authorities", film + "?ca=02" + strings.Repeat("0", 64) + "&closed=02" + strings.Repeat("0", 64), 145, "closed=02" + strings.Repeat("0", 64), "keep one"},
		{"media type with a parameter", film + "?type=video/mp4;x=1", 75, "type=video/mp4;x=1", "type/subtype"},
		{"peer without port", film + "?peer=192.0.2.1", 75, "peer=192.0.2.1", "host:port"},
		{"peer port 0", film + "?peer=192.0.2.1:0", 75, "peer=192.0.2.1:0", "1 to 65535"},
		{"peer without host", film + "?peer=:80", 75, "peer=:80", "neither an IP address nor a name"},
		{"peer twice", film + "?peer=a:1&peer=a:1", 84, "peer=a:1", "second time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := ParseLink(c.text)
			var e *LinkError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v, want a *LinkError", l, err)
			}
			if e.Offset != c.offset || e.Part != c.part {
				t.Errorf("points at %q, character %d; want %q, %d", e.Part, e.Offset, c.part, c.offset)
			}
			if !strings.Contains(e.Reason, c.reason) {
				t.Errorf("reason %q, want %q in it", e.Reason, c.reason)
			}
			if strings.ContainsAny(e.Error(), "\n\x00") {
				t.Errorf("message %q is not one line", e.Error())
			}
			if !reflect.DeepEqual(l, Link{}) {
				t.Errorf("a link came along with the error: %+v", l)
			}
		})
	}
}

// A tier has several trackers; all of them count.
func TestTiersOfTrackers(t *testing.T) {
	l, err := ParseLink("ppsp:film/" + filmID + "?tr=https://a.example/%20https://b.example/&tr=https://c.example/")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.Tiers(), [][]string{{"https://a.example/", "https://b.example/"}, {"https://c.example/"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("tiers %q, want %q", got, want)
	}
	if back, err := ParseLink(l.String()); err != nil || !back.Equal(l) {
		t.Errorf("%s: %v", l, err)
	}
	for _, bad := range []string{"tr=https://a.example/%20", "tr=https://a.example/%20https://a.example/", "tr=https://a.example/%20ftp://b/", "tr=https://a.example/&tr=https://b.example/%20https://a.example/"} {
		if _, err := ParseLink("ppsp:film/" + filmID + "?" + bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	var many []string
	for i := range MaxLinkTrackers + 1 {
		many = append(many, "https://"+string(rune('a'+i))+".example/")
	}
	if _, err := ParseLink("ppsp:film/" + filmID + "?tr=" + strings.Join(many, "%20")); err == nil || !strings.Contains(err.Error(), "more than 8 trackers") {
		t.Errorf("nine equals: %v", err)
	}
}

func TestParseLinkBounds(t *testing.T) {
	film := "ppsp:film/" + filmID + "?t=a"
	repeat := func(n int, s string) string {
		var text strings.Builder
		text.WriteString(film)
		for i := range n {
			text.WriteString(strings.Replace(s, "#", string(rune('a'+i)), 1))
		}
		return text.String()
	}
	for _, c := range []struct {
		name, good, bad, reason string
	}{
		{"trackers", repeat(MaxLinkTrackers, "&tr=http://#/"), repeat(MaxLinkTrackers+1, "&tr=http://#/"), "more than 8 trackers"},
		{"peers", repeat(MaxLinkPeers, "&peer=#:1"), repeat(MaxLinkPeers+1, "&peer=#:1"), "more than 16 peers"},
		{"bytes", film + "&x-=" + strings.Repeat("a", MaxLink-len(film)-4), film + "&x-=" + strings.Repeat("a", MaxLink-len(film)-3), "8193 bytes, more than 8192"},
	} {
		if _, err := ParseLink(c.good); err != nil {
			t.Errorf("%s at the bound: %v", c.name, err)
		}
		if _, err := ParseLink(c.bad); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s over the bound: got %v, want %q", c.name, err, c.reason)
		}
	}
}

func TestLinkErrorShortensThePart(t *testing.T) {
	_, err := ParseLink("ppsp:film/" + filmID + "?t=" + strings.Repeat("é", MaxLinkText))
	want := `link: "t=` + strings.Repeat("é", 38) + `…" at character 76: the text has 600 bytes, more than 300; shorten it`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLinkValidateFindsWhatStringCannotSay(t *testing.T) {
	good := NewLink(StaticDefaults(swarmID(t, filmID)))
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Link){
		"no swarm":              func(l *Link) { l.SwarmID = "" },
		"kind of another swarm": func(l *Link) { l.Kind = Live },
		"length of a channel":   func(l *Link) { *l = NewLink(LiveDefaults(swarmID(t, liveID))); l.Length = 1 },
		"negative length":       func(l *Link) { l.Length = -1 },
		"title not UTF-8":       func(l *Link) { l.Title = "\xff" },
		"upper-case media type": func(l *Link) { l.MediaType = "Video/MP4" },
		"duration of a channel": func(l *Link) { *l = NewLink(LiveDefaults(swarmID(t, liveID))); l.Duration = time.Second },
		"negative duration":     func(l *Link) { l.Duration = -time.Second },
		"part of a millisecond": func(l *Link) { l.Duration = time.Second + time.Microsecond },
		"less than that":        func(l *Link) { l.Duration = time.Microsecond },
		"endless duration":      func(l *Link) { l.Duration = MaxLinkDuration + time.Millisecond },
		"empty tracker":         func(l *Link) { l.Trackers = []string{""} },
		"tracker scheme":        func(l *Link) { l.Trackers = []string{"ftp://a/"} },
		"closed by nobody":      func(l *Link) { l.Closed = true },
		"authority in capitals": func(l *Link) { l.Authority = "02" + strings.Repeat("AB", 32) },
		"signed film":           func(l *Link) { l.Signature = ECDSAP256SHA256 },
		"too many peers":        func(l *Link) { l.Peers = make([]string, MaxLinkPeers+1) },
		"longer than MaxLink": func(l *Link) {
			for i := range MaxLinkTrackers {
				l.Trackers = append(l.Trackers, "http://a/"+string(rune('a'+i))+strings.Repeat("?", 1000))
			}
		},
	} {
		l := good
		change(&l)
		if err := l.Validate(); err == nil {
			t.Errorf("%s: Validate accepts %s", name, l)
		}
	}
}

func TestLinkStringFollowsMetadataNotKind(t *testing.T) {
	l := Link{Metadata: LiveDefaults(swarmID(t, liveID))} // Kind left at its zero value
	if got, want := l.String(), "ppsp:live/"+liveID; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
