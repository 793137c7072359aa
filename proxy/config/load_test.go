package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const linkA = "ppsp:film/0101010101010101010101010101010101010101010101010101010101010101"

const linkB = "ppsp:film/0202020202020202020202020202020202020202020202020202020202020202?t=B"

// write puts a configuration file into a new folder.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gate.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string, environ ...string) *Settings {
	t.Helper()
	s, err := Load(write(t, text), Surroundings{Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoadEveryKey(t *testing.T) {
	s := load(t, "\xef\xbb\xbf"+`
dir = "/srv/gate"
ffmpeg = "/opt/ffmpeg"
links = ["`+linkA+`"]
[http]
listen = "127.0.0.1:80"
names = ["tv.example.org"]
clients = ["10.8.0.0/24"]
proxies = ["127.0.0.1"]
base = "/tv"
tls_listen = ":8443"
tls_cert = "/srv/cert.pem"
tls_key = "/srv/key.pem"
[dlna]
enabled = false
name = "Living room"
interfaces = ["eth0", "wlan0"]
language = "ar"
profiles = "/srv/tv.toml"
deny_interfaces = ["guest*"]
networks = ["192.168.1.7/24"]
deny_networks = ["fd77::1"]
announce = "1m"
max_age = "1h"
patience = "10s"
streams = 9
[peer]
listen = ":7000"
upload = "10Mbit/s"
stun = ["stun.example.org:3478"]
nat = false
local = false
dht = true
dht_nodes = ["router.example.org:6881"]
tracker_auth = "/srv/trackers"
offload = "off"
[members]
authority = "/srv/ca.pem"
certificate = "/srv/me.crt"
key = "/srv/me.key"
[access]
password = "/srv/password"
guests = false
tokens = "/srv/tokens"
streams = ["192.168.1.20"]
[guide]
sources = ["https://example.org/guide.xml.gz", "/srv/guide.xml"]
refresh = "1h"
[hdhomerun]
discovery = true
tuners = 2
[buffer]
live = "64MiB"
films = "100GB"
film_dir = "/films"
keep_warm = "5m"
sessions = 3
[log]
level = "debug"
format = "json"
[[channel]]
link = "`+linkB+`"
title = "Mine"
group = "Ours"
logo = "https://example.org/a.png"
`)
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	want := Config{
		Dir: "/srv/gate", FFmpeg: "/opt/ffmpeg", Links: s.Links, Channels: s.Channels,
		HTTP: HTTP{
			Listen: HostPort{"127.0.0.1", 80}, Names: []string{"tv.example.org"}, Clients: []Network{{netip.MustParsePrefix("10.8.0.0/24")}},
			Proxies: []Network{{netip.MustParsePrefix("127.0.0.1/32")}}, Base: "/tv", TLSListen: ":8443", TLSCert: "/srv/cert.pem", TLSKey: "/srv/key.pem",
		},
		Access: Access{Password: "/srv/password", Guests: false, Tokens: "/srv/tokens", Streams: []Network{{netip.MustParsePrefix("192.168.1.20/32")}}},
		Guide:  Guide{[]string{"https://example.org/guide.xml.gz", "/srv/guide.xml"}, Duration(time.Hour)},
		HDHR:   HDHR{true, 2},
		DLNA: DLNA{
			Name: "Living room", Interfaces: []string{"eth0", "wlan0"}, Language: "ar", Profiles: "/srv/tv.toml", DenyInterfaces: []string{"guest*"},
			Networks: []Network{{netip.MustParsePrefix("192.168.1.0/24")}}, DenyNetworks: []Network{{netip.MustParsePrefix("fd77::1/128")}},
			Announce: Duration(time.Minute), MaxAge: Duration(time.Hour), Patience: Duration(10 * time.Second), Streams: 9,
		},
		Peer:    Peer{HostPort{"", 7000}, 10_000_000, []HostPort{{"stun.example.org", 3478}}, false, false, true, []HostPort{{"router.example.org", 6881}}, "/srv/trackers", "off"},
		Members: Members{"/srv/ca.pem", "/srv/me.crt", "/srv/me.key"},
		Buffer:  Buffer{64 << 20, 100e9, "/films", Duration(5 * time.Minute), 3},
		Log:     Log{"debug", "json"},
	}
	if !reflect.DeepEqual(s.Config, want) {
		t.Errorf("got %+v\nwant %+v", s.Config, want)
	}
	for _, p := range s.Describe() {
		if p.Origin != FromFile || p.Value == p.Default {
			t.Errorf("%s = %s came from %s, the file has another", p.Key, p.Value, p.Origin)
		}
	}
	swarms := s.Swarms()
	if len(swarms) != 2 || swarms[0].String() != linkA {
		t.Fatalf("swarms: %v", swarms)
	}
	if b := swarms[1]; b.Title != "Mine" || b.Group != "Ours" || b.Logo != "https://example.org/a.png" {
		t.Errorf("the household's words are lost: %+v", b)
	}
	if s.Channels[0].Link.Title != "B" {
		t.Error("Swarms changed the configuration")
	}
}

func TestChannelKeepsWordsOfLink(t *testing.T) {
	s := load(t, "[[channel]]\nlink = '"+linkB+"'\ngroup = 'G'")
	if l := s.Swarms()[0]; l.Title != "B" || l.Group != "G" {
		t.Errorf("%+v", l)
	}
}

// TestPrecedence: default < file < environment < flag.
func TestPrecedence(t *testing.T) {
	value := func(s *Settings, key string) Parameter {
		t.Helper()
		for _, p := range s.Describe() {
			if p.Key == key {
				return p
			}
		}
		t.Fatalf("no parameter %s", key)
		return Parameter{}
	}
	const key = "http.listen"
	s := load(t, "")
	if p := value(s, key); p.Value != `":8088"` || p.Origin != FromDefault || p.Env != "SWARMGATE_HTTP_LISTEN" {
		t.Errorf("default: %+v", p)
	}
	s = load(t, "http.listen = ':1'")
	if p := value(s, key); p.Value != `":1"` || p.Origin != FromFile || p.Default != `":8088"` {
		t.Errorf("file: %+v", p)
	}
	s = load(t, "http.listen = ':1'", "SWARMGATE_HTTP_LISTEN=:2", "PATH=/bin")
	if p := value(s, key); p.Value != `":2"` || p.Origin != FromEnv {
		t.Errorf("environment: %+v", p)
	}
	if err := s.Set(key, ":3"); err != nil {
		t.Fatal(err)
	}
	if p := value(s, key); p.Value != `":3"` || p.Origin != FromFlag {
		t.Errorf("flag: %+v", p)
	}
	if s.HTTP.Listen.Port != 3 {
		t.Error("Describe tells another value than counts")
	}
}

func TestSetEveryKind(t *testing.T) {
	s := load(t, "", "SWARMGATE_DLNA_INTERFACES=eth0, wlan0", "SWARMGATE_PEER_NAT=false", "SWARMGATE_BUFFER_SESSIONS=5",
		"SWARMGATE_LINKS="+linkA+"\n "+linkB+"&g=a,b", "SWARMGATE_DIR= /srv/a b ")
	if len(s.DLNA.Interfaces) != 2 || s.DLNA.Interfaces[1] != "wlan0" || s.Peer.NAT || s.Buffer.Sessions != 5 || s.Dir != "/srv/a b" {
		t.Errorf("%+v", s.Config)
	}
	if len(s.Links) != 2 || s.Links[1].Group != "a,b" {
		t.Errorf("links: %v", s.Links)
	}
	if err := s.Set("dlna.interfaces", ""); err != nil || len(s.DLNA.Interfaces) != 0 {
		t.Errorf("a list can't be emptied: %v, %v", s.DLNA.Interfaces, err)
	}
	for key, bad := range map[string]string{
		"peer.nat": "perhaps", "buffer.sessions": "many", "buffer.live": "big", "links": linkA + " x",
		"log.level": "loud", "htp.listen": ":1",
	} {
		before := s.Config
		if err := s.Set(key, bad); err == nil {
			t.Errorf("%s = %s was taken", key, bad)
		}
		if !reflect.DeepEqual(before, s.Config) {
			t.Errorf("%s = %s changed something", key, bad)
		}
	}
}

func TestEnvironment(t *testing.T) {
	s := load(t, "", "SWARMGATE_PORT=tcp://10.0.0.1:80", "SWARMGATE_HTTP_LISTEN=:1", "SWARMGATE_HTTP_LISTEN=:2")
	if len(s.Notices) != 1 || !strings.Contains(s.Notices[0], "SWARMGATE_PORT ") {
		t.Errorf("notices: %q", s.Notices)
	}
	if s.HTTP.Listen.Port != 2 {
		t.Error("the last one does not count")
	}
	_, err := Load(write(t, ""), Surroundings{Environ: []string{"SWARMGATE_BUFFER_LIVE=big"}})
	if err == nil || !strings.Contains(err.Error(), "SWARMGATE_BUFFER_LIVE") || !strings.Contains(err.Error(), "64MiB") {
		t.Errorf("error %v, want one with the variable and a remedy", err)
	}
}

func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":            {"[http]\nlissen = ':1'", []string{":2:1: ", "http.lissen", "did you mean http.listen?"}},
		"unknown section":        {"\n[htpp]\nlisten = ':1'", []string{":2:2: ", "htpp", "did you mean http?"}},
		"two unknown":            {"a = 1\nzzzzzzzzz = 2", []string{":1:1: ", ":2:1: ", "config init"}},
		"in the wrong section":   {"[http]\nupload = '1Mbit/s'", []string{":2:1: ", "did you mean peer.upload?"}},
		"section forgotten":      {"film_dir = '/films'", []string{"did you mean buffer.film_dir?"}},
		"nothing like it":        {"nope = 1", []string{":1:1: nope is unknown; \"swarmgate config init\" shows all keys"}},
		"a slip and no section":  {"listn = ':1'", []string{"did you mean http.listen or peer.listen?"}},
		"another section's":      {"[http]\nnat = true", []string{"did you mean peer.nat?"}},
		"in a channel":           {"[[channel]]\nlink = '" + linkA + "'\nname = 'x'", []string{":3:1: ", "channel.name"}},
		"no TOML":                {"[http]\nlisten = :8088", []string{":2:", "quotes"}},
		"no end":                 {"[http", []string{":1:", "brackets"}},
		"twice":                  {"dir = 'a'\ndir = 'b'", []string{"dir"}},
		"bad size":               {"[buffer]\nlive = 'big'", []string{":2:8: ", "buffer.live", `"big"`, "64MiB"}},
		"bad rate":               {"[peer]\nupload = '10Mbps'", []string{":2:10: ", "10Mbit/s"}},
		"bad address":            {"http.listen = '8088'", []string{":1:15: ", `":8088"`}},
		"bad link":               {"links = ['" + linkA + "', 'http://x']", []string{":1:", "links", "ppsp"}},
		"number for text":        {"[dlna]\nname = 5", []string{":2:8: ", "dlna.name", "text in quotes"}},
		"text for a switch":      {"[peer]\nnat = 'yes'", []string{":2:7: ", "true or false"}},
		"text for a number":      {"[buffer]\nsessions = '3'", []string{":2:12: ", "whole number"}},
		"number for a size":      {"[buffer]\nlive = 64", []string{":2:8: ", "buffer.live", `text in quotes, as "`}},
		"number for a rate":      {"peer.upload = 10", []string{":1:15: ", "text in quotes"}},
		"number for a span":      {"[buffer]\nkeep_warm = 60", []string{":2:13: ", "text in quotes"}},
		"text for a list":        {"[dlna]\ninterfaces = 'eth0'", []string{":2:14: ", "a list"}},
		"value for a section":    {"http = 5", []string{":1:", "http"}},
		"section for a value":    {"[dir]\nx = 1", []string{":1:", "dir"}},
		"number out of range":    {"[buffer]\nsessions = 99999999999999999999", []string{":2:"}},
		"bad link of a channel":  {"[[channel]]\nlink = 'x'", []string{":2:8: ", "channel.link"}},
		"fraction of a session":  {"[buffer]\nsessions = 1.5", []string{":2:12: ", "whole number"}},
		"several of any kind":    {"http = 5\nlnks = 1\n[buffer]\nlive = 'big'\nsessions = 'x'", []string{":1:8: http", "[http]", ":2:1: lnks", ":4:8: buffer.live", ":5:12: buffer.sessions"}},
		"bare numbers":           {"[buffer]\nlive = 64\nkeep_warm = 60", []string{":2:8: ", ":3:13: "}},
		"behind a bad list":      {"[dlna]\ninterfaces = [1,\n2]\nname = 'x'", []string{":2:15: dlna.interfaces"}},
		"control characters in ": {"dir = '\x00'", []string{":1:"}},
	} {
		path := write(t, c.text)
		_, err := Load(path, Surroundings{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range append(c.want, path) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q", name, err, want)
			}
		}
		for _, leak := range []string{"toml:", "config.", "strict mode", "struct"} {
			if strings.Contains(strings.ReplaceAll(err.Error(), path, ""), leak) {
				t.Errorf("%s: error %q speaks of %q", name, err, leak)
			}
		}
	}
}

// Mistakes are told in the order of the file, those of all kinds together.
func TestMistakesInOrder(t *testing.T) {
	for _, text := range []string{
		"lnks = 1\n[http]\nlisten = 5\nlissen = 1\n[buffer]\nlive = 'big'\nsesions = 3\nsessions = 'x'",
		"[buffer]\nsessions = 0\nlive = '1B'\n[log]\nlevel = 'info'\n[peer]\nupload = '1bit/s'",
	} {
		s, err := Load(write(t, text), Surroundings{})
		if err == nil {
			err = s.Validate()
		}
		last := 0
		for line := range strings.Lines(err.Error()) {
			_, place, _ := strings.Cut(line, ".toml:")
			at := 0
			if _, err := fmt.Sscanf(place, "%d:", &at); err != nil || at <= last {
				t.Errorf("line %d of the file behind %d in\n%v", at, last, err)
			}
			last = at
		}
		if last < 6 {
			t.Errorf("not all are told:\n%v", err)
		}
	}
}

func TestLoadFiles(t *testing.T) {
	home := t.TempDir()
	around := Surroundings{Environ: []string{"HOME=" + home}}
	s, err := Load("", around)
	if err != nil || s.File != "" {
		t.Fatalf("no file at all: %q, %v", s.File, err)
	}
	if want := filepath.Join(home, ".local/state/swarmgate"); s.StateDir() != want || s.FilmDir() != want+"/films" {
		t.Errorf("state in %s, films in %s", s.StateDir(), s.FilmDir())
	}
	path := filepath.Join(home, ".config/swarmgate/swarmgate.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("dir = '/srv'\nbuffer.film_dir = '/films'"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Load("", around)
	if err != nil || s.File != path || s.StateDir() != "/srv" || s.FilmDir() != "/films" {
		t.Errorf("the default file: %+v, %v", s, err)
	}

	if _, err := Load(filepath.Join(home, "none.toml"), around); err == nil || !strings.Contains(err.Error(), "there is no such file; \"swarmgate config init --config "+home) {
		t.Errorf("a named file that is missing: %v", err)
	}
	if _, err := Load(home, around); err == nil || !strings.Contains(err.Error(), "is a folder; name the file in it") {
		t.Errorf("a folder: %v", err)
	}
	big := write(t, "# "+strings.Repeat("x", maxFile))
	if _, err := Load(big, around); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestSurroundings(t *testing.T) {
	for _, c := range []struct {
		around    Surroundings
		file, dir string
	}{
		{Surroundings{Root: true}, "/etc/swarmgate/swarmgate.toml", "/var/lib/swarmgate"},
		{Surroundings{}, "/etc/swarmgate/swarmgate.toml", "/var/lib/swarmgate"}, // a service without a home
		{Surroundings{Environ: []string{"HOME=/home/a"}}, "/home/a/.config/swarmgate/swarmgate.toml", "/home/a/.local/state/swarmgate"},
		{Surroundings{Environ: []string{"HOME=/home/a", "XDG_CONFIG_HOME=/c", "XDG_STATE_HOME=/s"}}, "/c/swarmgate/swarmgate.toml", "/s/swarmgate"},
		// "If an implementation encounters a relative path … it should consider the path
		// invalid and ignore it" (XDG Base Directory Specification)
		{Surroundings{Environ: []string{"HOME=/home/a", "XDG_CONFIG_HOME=c"}}, "/home/a/.config/swarmgate/swarmgate.toml", "/home/a/.local/state/swarmgate"},
		{Surroundings{Root: true, Environ: []string{"STATE_DIRECTORY=/var/lib/a:/var/lib/b"}}, "/etc/swarmgate/swarmgate.toml", "/var/lib/a"},
	} {
		if file, dir := c.around.DefaultFile(), c.around.DefaultDir(); file != c.file || dir != c.dir {
			t.Errorf("%+v: %s and %s, want %s and %s", c.around, file, dir, c.file, c.dir)
		}
	}
	if here := Here(); len(here.Environ) == 0 || here.Root != (os.Geteuid() == 0) {
		t.Errorf("%+v", here)
	}
}

// FuzzLoad: no text makes it panic, and an error tells the file.
func FuzzLoad(f *testing.F) {
	f.Add("[http]\nlisten = ':1'\n[[channel]]\nlink = '" + linkA + "'")
	f.Add("[buffer]\nlive = 5\n[dlna]\ninterfaces = [1]\nx = {a = 1}")
	f.Add(Sample())
	f.Fuzz(func(t *testing.T, text string) {
		s := &Settings{Config: Default(), origin: map[string]Origin{}, File: "gate.toml"}
		if err := s.decode([]byte(text)); err != nil {
			if !strings.Contains(err.Error(), "gate.toml") {
				t.Errorf("the error does not tell the file: %v", err)
			}
			return
		}
		_ = s.Validate() // must not panic
		for _, p := range s.Describe() {
			if p.Key == "" || p.Origin == "" || p.Meaning == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
