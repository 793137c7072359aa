package config

import (
	"encoding"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// text reads s into v and writes it again.
func through(t *testing.T, v encoding.TextUnmarshaler, s string) (string, error) {
	t.Helper()
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return "", err
	}
	b, err := v.(encoding.TextMarshaler).MarshalText()
	if err != nil {
		t.Fatalf("%q was read, but can't be written: %v", s, err)
	}
	return string(b), nil
}

func TestTypes(t *testing.T) {
	size := func() encoding.TextUnmarshaler { return new(ByteSize) }
	rate := func() encoding.TextUnmarshaler { return new(Rate) }
	span := func() encoding.TextUnmarshaler { return new(Duration) }
	host := func() encoding.TextUnmarshaler { return new(HostPort) }
	for _, c := range []struct {
		make     func() encoding.TextUnmarshaler
		in, want string // want empty: refused
	}{
		{size, "64MiB", "64MiB"},
		{size, "64 MiB", "64MiB"},
		{size, "1024KiB", "1MiB"},
		{size, "1.5GB", "1500MB"},
		{size, "0.5KiB", "512B"},
		{size, "1000", "1kB"},
		{size, "1KB", "1kB"},
		{size, "0", "0"},
		{size, "0GiB", "0"},
		{size, "7", "7B"},
		{size, "2TiB", "2TiB"},
		{size, "", ""},
		{size, "MiB", ""},
		{size, "-1MiB", ""},
		{size, "1e3MiB", ""},
		{size, "64 megabytes", ""},
		{size, "1.2.3GB", ""},
		{size, "9999999999TiB", ""},
		{size, "0x10", ""},
		{size, "InfGB", ""},

		{rate, "10Mbit/s", "10Mbit/s"},
		{rate, "0.8 Mbit/s", "800kbit/s"},
		{rate, "1MB/s", "8Mbit/s"},
		{rate, "1500bit/s", "1500bit/s"},
		{rate, "2Gbit/s", "2Gbit/s"},
		{rate, "unlimited", "unlimited"},
		{rate, "0", "unlimited"},
		{rate, "0Mbit/s", ""},
		{rate, "10", ""}, // bits or bytes? per second?
		{rate, "10Mbps", ""},
		{rate, "fast", ""},

		{span, "90s", "1m30s"},
		{span, "1h", "1h"},
		{span, "2h30m", "2h30m"},
		{span, "1m 30s", "1m30s"},
		{span, "0s", "0s"},
		{span, "10s", "10s"},
		{span, "100ms", "100ms"},
		{span, "20m0s", "20m"},
		{span, "60", ""},
		{span, "-1s", ""},
		{span, "soon", ""},

		{host, ":8088", ":8088"},
		{host, "127.0.0.1:0", "127.0.0.1:0"},
		{host, "[::1]:8088", "[::1]:8088"},
		{host, "[fe80::1%eth0]:1", "[fe80::1%eth0]:1"},
		{host, "stun.example.org:3478", "stun.example.org:3478"},
		{host, "8088", ""},
		{host, "127.0.0.1", ""},
		{host, "::1:8088", ""},
		{host, ":65536", ""},
		{host, ":-1", ""},
		{host, ":http", ""},
		{host, "two words:1", ""},
		{host, "http://example.org:80", ""},
	} {
		got, err := through(t, c.make(), c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%T %q: got %q, %v; want %q", c.make(), c.in, got, err, c.want)
		}
		if err != nil && (!strings.Contains(err.Error(), `"`+c.in+`"`) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%T %q: the error does not quote it in one line: %v", c.make(), c.in, err)
		}
	}
}

func TestTypesValues(t *testing.T) {
	var b ByteSize
	var r Rate
	var d Duration
	for v, s := range map[encoding.TextUnmarshaler]string{&b: "1.5MiB", &r: "1kB/s", &d: "1m"} {
		if err := v.UnmarshalText([]byte(s)); err != nil {
			t.Error(err)
		}
	}
	if b != 3<<19 || r != 8000 || time.Duration(d) != time.Minute {
		t.Errorf("%d bytes, %d bits a second, %v", b, r, d)
	}
}

func TestLinkText(t *testing.T) {
	text := "ppsp:film/" + strings.Repeat("07", 32)
	var l Link
	if got, err := through(t, &l, text); got != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if l.SwarmID != ppsp.SwarmID(strings.Repeat("\x07", 32)) {
		t.Error("another swarm")
	}
	if b, err := (Link{}).MarshalText(); len(b) != 0 || err != nil {
		t.Errorf("no link: %q, %v", b, err)
	}
	if l.UnmarshalText([]byte("http://example.org")) == nil {
		t.Error("a web address is a link")
	}
}

// FuzzTypes: what is read is written in a form that reads the same.
func FuzzTypes(f *testing.F) {
	for _, s := range []string{"64MiB", "1.5GB", "10Mbit/s", "unlimited", "1m30s", "[::1]:80", "a.b:1", "0.1kB", ":0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range []encoding.TextUnmarshaler{new(ByteSize), new(Rate), new(Duration), new(HostPort)} {
			first, err := through(t, v, s)
			if err != nil {
				continue
			}
			if again, err := through(t, v, first); again != first || err != nil {
				t.Errorf("%T: %q became %q, that %q, %v", v, s, first, again, err)
			}
		}
	})
}

func TestNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.168.1.0/24": "192.168.1.0/24", "192.168.1.7/24": "192.168.1.0/24", "10.1.2.3": "10.1.2.3/32", "fd77::1/64": "fd77::/64",
		"": "", "eth0": "", "192.168.1.0/33": "", "fe80::1%eth0": "",
	} {
		var n Network
		err := n.UnmarshalText([]byte(text))
		if got, _ := n.MarshalText(); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s, %v; want %q", text, got, err, want)
		}
	}
}
