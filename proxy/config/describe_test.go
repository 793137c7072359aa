package config

import (
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write packaging/swarmgate.toml anew")

// TestSampleIsCurrent: the file that packages install is the one that the struct makes.
func TestSampleIsCurrent(t *testing.T) {
	const path = "../../packaging/swarmgate.toml"
	if *update {
		if err := os.WriteFile(path, []byte(Sample()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != Sample() {
		t.Errorf("%s is out of date; run: go test ./proxy/config -update", path)
	}
}

// TestSample: the sample as it is, and with every "#" before a key taken away, is the
// default; each key stands in it once, behind a comment.
func TestSample(t *testing.T) {
	head, _, _ := strings.Cut(Sample(), "#[[channel]]")
	keys := regexp.MustCompile(`(?m)^#([a-z_]+ = )`)
	for name, text := range map[string]string{"as it is": Sample(), "taken": keys.ReplaceAllString(head, "$1")} {
		s := load(t, text)
		if want := Default(); !sameText(&s.Config, &want) {
			t.Errorf("%s: %+v", name, s.Config)
		}
	}
	c := Default()
	if n := len(keys.FindAllString(head, -1)); n != len(fields(&c)) {
		t.Errorf("the sample has %d keys, the struct %d", n, len(fields(&c)))
	}
	lines := strings.Split(head, "\n")
	for i, line := range lines {
		if len([]rune(line)) > sampleWidth && !strings.Contains(line, " = ") {
			t.Errorf("line %d is too long: %s", i+1, line)
		}
		if keys.MatchString(line) && !strings.HasPrefix(lines[i-1], "# ") {
			t.Errorf("%s has no comment", line)
		}
	}
	// The example of a channel is no TOML only for its link.
	_, channel, _ := strings.Cut(Sample(), "#[[channel]]\n")
	channel = strings.ReplaceAll(strings.ReplaceAll(channel, "#", ""), "ppsp:live/…", linkA)
	if s := load(t, "[[channel]]\n"+channel); len(s.Channels) != 1 || s.Validate() != nil {
		t.Errorf("the example of a channel: %v", s.Validate())
	}
}

// sameText compares by what the sample would say, since empty and missing lists differ.
func sameText(a, b *Config) bool {
	x, y := fields(a), fields(b)
	for i := range x {
		if literal(x[i].value) != literal(y[i].value) {
			return false
		}
	}
	return len(a.Channels) == len(b.Channels)
}

// TestTags: every key has a name, a meaning that is a sentence, and an environment
// variable of its own; fields without help are [[channel]] only.
func TestTags(t *testing.T) {
	c := Default()
	seen := map[string]bool{}
	for _, f := range fields(&c) {
		if !regexp.MustCompile(`^([a-z]+\.)?[a-z]+(_[a-z]+)*$`).MatchString(f.key) || seen[f.env()] {
			t.Errorf("key %q, variable %s", f.key, f.env())
		}
		seen[f.env()] = true
		if !strings.HasSuffix(f.help, ".") {
			t.Errorf("%s: the meaning %q is no sentence", f.key, f.help)
		}
	}
	typ := reflect.TypeFor[Config]()
	for f := range typ.Fields() {
		if f.Tag.Get("help") == "" && f.Name != "Channels" {
			t.Errorf("%s has no meaning", f.Name)
		}
	}
}

// other is a configuration in which every value differs from the default.
func other(t *testing.T) *Settings {
	t.Helper()
	s := load(t, "")
	for key, text := range map[string]string{
		"dir": "/srv/with space", "ffmpeg": "off", "links": linkA + " " + linkB, "http.listen": "[::1]:0",
		"http.names": "tv.example.org media.example.net", "http.clients": "10.8.0.0/24", "http.proxies": "127.0.0.1 ::1", "http.base": "/tv",
		"http.tls_listen": ":8443", "http.tls_cert": "/srv/cert.pem", "http.tls_key": "/srv/my key.pem",
		"access.password": "/srv/password", "access.guests": "false", "access.tokens": "/srv/tokens", "access.streams": "192.168.1.20",
		"guide.sources": "https://example.org/guide.xml.gz,/srv/guide.xml", "guide.refresh": "1h", "hdhomerun.discovery": "true", "hdhomerun.tuners": "2",
		"dlna.enabled": "false", "dlna.name": `Büro "2"`, "dlna.interfaces": "eth0,wlan0",
		"dlna.language": "de", "dlna.profiles": "/srv/tv.toml", "dlna.deny_interfaces": "guest0,docker*", "dlna.networks": "192.168.1.0/24", "dlna.deny_networks": "fd77::/64 10.0.0.0/8",
		"dlna.announce": "1m", "dlna.max_age": "1h", "dlna.patience": "10s", "dlna.streams": "9",
		"peer.listen": "192.0.2.1:7000", "peer.upload": "1500kbit/s", "peer.stun": "a.example:1 [2001:db8::1]:3478", "peer.nat": "false", "peer.local": "false", "peer.dht": "true", "peer.dht_nodes": "a.example:1 [2001:db8::1]:6881", "peer.offload": "off", "peer.tracker_auth": "/srv/trackers",
		"members.authority": "/srv/my ca.pem", "members.certificate": "/srv/me.crt", "members.key": "/srv/me.key",
		"buffer.live": "100MB", "buffer.films": "0", "buffer.film_dir": `C:\films`, "buffer.keep_warm": "1h30m", "buffer.sessions": "7",
		"log.level": "error", "log.format": "json",
	} {
		if err := s.Set(key, text); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestDescribedIsRead: what "config show" tells of a value can be written into the file,
// and means the same there.
func TestDescribedIsRead(t *testing.T) {
	want := other(t)
	if err := want.Validate(); err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	for _, p := range want.Describe() {
		if p.Key == "channel" {
			continue
		}
		if p.Origin != FromFlag || p.Value == p.Default {
			t.Errorf("the test leaves %s at its default", p.Key)
		}
		file.WriteString(p.Key + " = " + p.Value + "\n")
	}
	got := load(t, file.String())
	if !reflect.DeepEqual(got.Config, want.Config) {
		t.Errorf("got %+v\nwant %+v", got.Config, want.Config)
	}
}

// TestEnvironmentIsRead: every variable that Describe names sets its key and no other.
func TestEnvironmentIsRead(t *testing.T) {
	want := other(t)
	unquote := strings.NewReplacer("[\"", "", "\"]", "", `\"`, `"`, `\\`, `\`, `"`, "")
	for i, p := range want.Describe() {
		if p.Key == "channel" {
			continue
		}
		got := load(t, "", p.Env+"="+unquote.Replace(p.Value))
		for k, q := range got.Describe() {
			if k == i && (q.Value != p.Value || q.Origin != FromEnv) {
				t.Errorf("%s=%s: %s is %s, from %s", p.Env, unquote.Replace(p.Value), q.Key, q.Value, q.Origin)
			}
			if k != i && (q.Value != q.Default || q.Origin != FromDefault) {
				t.Errorf("%s changed %s to %s", p.Env, q.Key, q.Value)
			}
		}
	}
}

// TestDescribeChannels counts the sections [[channel]].
func TestDescribeChannels(t *testing.T) {
	for text, want := range map[string]Parameter{
		"": {Value: "0", Origin: FromDefault},
		"[[channel]]\nlink = '" + linkA + "'\n[[channel]]\nlink = '" + linkB + "'": {Value: "2", Origin: FromFile},
	} {
		list := load(t, text).Describe()
		if p := list[len(list)-1]; p.Key != "channel" || p.Value != want.Value || p.Origin != want.Origin {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", `with "quotes" and \`, "line\nend", "ümläut", "\x7f\x00"} {
		got := load(t, "dlna.name = "+quote(s))
		if got.DLNA.Name != s {
			t.Errorf("%q became %q", s, got.DLNA.Name)
		}
	}
}
