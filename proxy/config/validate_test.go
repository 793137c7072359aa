package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDefaultIsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if len(c.Swarms()) != 0 {
		t.Error("the default has channels")
	}
}

func TestValidate(t *testing.T) {
	link := func(s string) (l Link) {
		if err := l.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, c := range map[string]struct {
		change func(c *Config)
		key    string // empty: valid
		want   string
	}{
		"little memory":     {func(c *Config) { c.Buffer.Live = MinLive - 1 }, "buffer.live", `at least "4MiB"`},
		"enough memory":     {func(c *Config) { c.Buffer.Live = MinLive }, "", ""},
		"much memory":       {func(c *Config) { c.Buffer.Live = MaxLive + 1 }, "buffer.live", `at most "2GiB"`},
		"little disk":       {func(c *Config) { c.Buffer.Films = 1 }, "buffer.films", `"0" for no limit`},
		"all of the disk":   {func(c *Config) { c.Buffer.Films = 0 }, "", ""},
		"film folder":       {func(c *Config) { c.Buffer.FilmDir = "a\x00" }, "buffer.film_dir", "folder"},
		"no warmth":         {func(c *Config) { c.Buffer.KeepWarm = 0 }, "buffer.keep_warm", `"1s"`},
		"too warm":          {func(c *Config) { c.Buffer.KeepWarm = Duration(48 * time.Hour) }, "buffer.keep_warm", `"24h"`},
		"no sessions":       {func(c *Config) { c.Buffer.Sessions = 0 }, "buffer.sessions", "1 to 1000"},
		"many sessions":     {func(c *Config) { c.Buffer.Sessions = 1001 }, "buffer.sessions", "1 to 1000"},
		"state folder":      {func(c *Config) { c.Dir = "\x00" }, "dir", "folder"},
		"long name":         {func(c *Config) { c.DLNA.Name = strings.Repeat("ö", 32) }, "dlna.name", "64 bytes"},
		"two lines":         {func(c *Config) { c.DLNA.Name = "a\nb" }, "dlna.name", "one line"},
		"two in one":        {func(c *Config) { c.DLNA.Interfaces = []string{"eth0,eth1"} }, "dlna.interfaces", "ip link"},
		"no interface":      {func(c *Config) { c.DLNA.Interfaces = []string{""} }, "dlna.interfaces", "ip link"},
		"denied interface":  {func(c *Config) { c.DLNA.DenyInterfaces = []string{"eth["} }, "dlna.deny_interfaces", "ip link"},
		"no language":       {func(c *Config) { c.DLNA.Language = "tlh" }, "dlna.language", `"ar"`},
		"no profiles":       {func(c *Config) { c.DLNA.Profiles = "a\x00" }, "dlna.profiles", "path"},
		"always announced":  {func(c *Config) { c.DLNA.Announce = 0 }, "dlna.announce", `at least "10s"`},
		"soon forgotten":    {func(c *Config) { c.DLNA.MaxAge = Duration(time.Second) }, "dlna.max_age", `at least "1m"`},
		"never forgotten":   {func(c *Config) { c.DLNA.MaxAge = Duration(1000 * time.Hour) }, "dlna.max_age", `at most "24h"`},
		"announced rarely":  {func(c *Config) { c.DLNA.Announce = Duration(16 * time.Minute) }, "dlna.announce", `at most "15m"`},
		"no patience":       {func(c *Config) { c.DLNA.Patience = 0 }, "dlna.patience", `at least "1s"`},
		"endless patience":  {func(c *Config) { c.DLNA.Patience = Duration(time.Hour) }, "dlna.patience", `at most "10m"`},
		"no streams":        {func(c *Config) { c.DLNA.Streams = 0 }, "dlna.streams", "from 1 to 1000"},
		"name with port":    {func(c *Config) { c.HTTP.Names = []string{"tv.example.org:80"} }, "http.names", "without scheme"},
		"base":              {func(c *Config) { c.HTTP.Base = "tv/" }, "http.base", `"/tv"`},
		"base that is good": {func(c *Config) { c.HTTP.Base = "/my/tv" }, "", ""},
		"base with dots":    {func(c *Config) { c.HTTP.Base = "/../tv" }, "http.base", `"/tv"`},
		"HTTPS":             {func(c *Config) { c.HTTP.TLSListen = "x" }, "http.tls_listen", `":8443"`},
		"TLS key alone":     {func(c *Config) { c.HTTP.TLSKey, c.HTTP.TLSListen = "k", ":1" }, "http.tls_key", "tls_cert"},
		"TLS cert alone":    {func(c *Config) { c.HTTP.TLSCert = "c" }, "http.tls_cert", "tls_listen"},
		"nobody":            {func(c *Config) { c.Access.Guests = false }, "access.guests", "password"},
		"password's file":   {func(c *Config) { c.Access.Password = "\x00" }, "access.password", "file"},
		"no guide":          {func(c *Config) { c.Guide.Sources = []string{"http://"} }, "guide.sources", "address"},
		"many guides":       {func(c *Config) { c.Guide.Sources = make([]string, 21) }, "guide.sources", "20"},
		"guide too often":   {func(c *Config) { c.Guide.Refresh = 1 }, "guide.refresh", "10m"},
		"no tuners":         {func(c *Config) { c.HDHR.Tuners = 0 }, "hdhomerun.tuners", "1 to 64"},
		"interface twice":   {func(c *Config) { c.DLNA.Interfaces = []string{"a", "b", "a"} }, "dlna.interfaces", "twice"},
		"slow upload":       {func(c *Config) { c.Peer.Upload = 1 }, "peer.upload", `"64kbit/s"`},
		"STUN without host": {func(c *Config) { c.Peer.STUN = []HostPort{{"", 3478}} }, "peer.stun", "stun.example.org"},
		"STUN without port": {func(c *Config) { c.Peer.STUN = []HostPort{{"a", 0}} }, "peer.stun", "stun.example.org"},
		"DHT without host":  {func(c *Config) { c.Peer.DHTNodes = []HostPort{{"", 6881}} }, "peer.dht_nodes", "router.example.org"},
		"offload":           {func(c *Config) { c.Peer.Offload = "on" }, "peer.offload", `"auto" or "off"`},
		"key alone":         {func(c *Config) { c.Members.Key = "k" }, "members.key", "certificate"},
		"key and more":      {func(c *Config) { c.Members.Key, c.Members.Certificate = "k", "c" }, "", ""},
		"authority's file":  {func(c *Config) { c.Members.Authority = "\x00" }, "members.authority", "file"},
		"level":             {func(c *Config) { c.Log.Level = "loud" }, "log.level", "debug"},
		"format":            {func(c *Config) { c.Log.Format = "" }, "log.format", "json"},
		"link twice":        {func(c *Config) { c.Links = []Link{link(linkA), link(linkB), link(linkA)} }, "links[3]", "links[1]"},
		"link and channel": {func(c *Config) {
			c.Links = []Link{link(linkA)}
			c.Channels = []Channel{{Link: link(linkB)}, {Link: link(linkA), Title: "x"}}
		}, "channel[2]", "links[1]"},
		"channel without link": {func(c *Config) { c.Channels = []Channel{{Title: "x"}} }, "channel[1]", "link ="},
		"channel's bad logo":   {func(c *Config) { c.Channels = []Channel{{Link: link(linkA), Logo: "logo.png"}} }, "channel[1]", "logo"},
		"too many":             {func(c *Config) { c.Channels = make([]Channel, MaxSwarms+1) }, "links", "10000"},
	} {
		conf := Default()
		c.change(&conf)
		err := conf.Validate()
		if c.key == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		p, ok := errors.AsType[*Problem](err)
		if !ok || p.Key != c.key || !strings.Contains(p.Reason, c.want) {
			t.Errorf("%s: error %v, want %s and %q", name, err, c.key, c.want)
			continue
		}
		if text := p.Error(); !strings.HasPrefix(text, p.Key+" = "+p.Value+": ") || strings.Contains(text, "\n") {
			t.Errorf("%s: error %q is not key, value and remedy in one line", name, text)
		}
	}
}

func TestValidateTellsAll(t *testing.T) {
	c := Default()
	c.Buffer.Live, c.Buffer.Sessions, c.Log.Level, c.Channels = 1, 0, "loud", make([]Channel, 2)
	err := c.Validate()
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 {
		t.Errorf("%d problems, want 5:\n%v", len(lines), err)
	}
}

// TestValidateTellsWhere: a problem comes with the place where the value was written.
func TestValidateTellsWhere(t *testing.T) {
	s := load(t, "links = ['"+linkA+"', '"+linkA+"']\nlog.level = 'loud'\n\n[buffer]\n  live = '1MiB'\nsessions = 0\n"+
		"[dlna]\ninterfaces = ['a', 'a']\n[peer]\nupload = '1bit/s'\n[[channel]]\n[[channel]]\ntitle = 'x'",
		"SWARMGATE_BUFFER_FILMS=1")
	if err := s.Set("buffer.keep_warm", "0s"); err != nil {
		t.Fatal(err)
	}
	err := s.Validate()
	for _, want := range []string{
		s.File + ":1:9: links[2] = ", s.File + ":2:13: log.level = ", s.File + ":5:10: buffer.live = ",
		s.File + ":6:12: buffer.sessions = 0: ", s.File + ":8:14: dlna.interfaces = ", s.File + ":10:10: peer.upload = ",
		"\nenvironment variable SWARMGATE_BUFFER_FILMS: buffer.films = ", "\nflag: buffer.keep_warm = ",
		"channel[1] = ", "channel[2] = ",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+strings.TrimPrefix(want, "\n")) && !strings.Contains(err.Error(), ": "+want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 10 {
		t.Errorf("%d problems, want 10", len(lines))
	}
}
