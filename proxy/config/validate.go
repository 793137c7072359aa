package config

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/guide"
)

// Bounds of values.
const (
	MinLive     ByteSize = 4 << 20
	MaxLive     ByteSize = 2 << 30
	MinFilms    ByteSize = 16 << 20
	MinUpload   Rate     = 64_000
	MaxKeepWarm          = Duration(24 * time.Hour)
	MaxSessions          = 1000
	MaxName              = 63 // bytes; "should be < 64 characters" (UPnP Device Architecture 2.0, 2.3)
	MaxSwarms            = 10000
	MinAnnounce          = Duration(10 * time.Second)
	MinMaxAge            = Duration(time.Minute)
	MaxMaxAge            = Duration(24 * time.Hour)
	MaxPatience          = Duration(10 * time.Minute)
	MaxStreams           = 1000
	MinRefresh           = Duration(10 * time.Minute)
	MaxSources           = 20
	MaxTuners            = 64
)

// Problem is one thing wrong with a configuration.
type Problem struct {
	Place  string // "gate.toml:12:8", "flag", empty if unknown
	Key    string // "buffer.live"
	Value  string // as in the file
	Reason string // and remedy

	line int // of the file, 0 if it is not there
}

// Error returns one line.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%s = %s: %s", p.Key, p.Value, p.Reason)
	if p.Place != "" {
		return p.Place + ": " + text
	}
	return text
}

// Validate returns all that is wrong with c, joined; each error is a *Problem.
func (c *Config) Validate() error { return join(c.problems()) }

// Validate returns all that is wrong, joined, and where it was written; each error is a
// *Problem.
func (s *Settings) Validate() error {
	problems := s.problems()
	for _, p := range problems {
		key, _, _ := strings.Cut(p.Key, "[")
		switch s.origin[key] {
		case FromFlag:
			p.Place = "flag"
		case FromEnv:
			f := find(fields(&s.Config), key)
			p.Place = "environment variable " + f.env()
		case FromPage:
			p.Place = s.ownerPath()
		case FromFile:
			p.Place = s.File
			if line, column := s.position(key); line > 0 {
				p.Place, p.line = fmt.Sprintf("%s:%d:%d", s.File, line, column), line
			}
		}
	}
	slices.SortStableFunc(problems, func(a, b *Problem) int { return cmp.Compare(a.line, b.line) })
	return join(problems)
}

func join(problems []*Problem) error {
	all := make([]error, len(problems))
	for i, p := range problems {
		all[i] = p
	}
	return errors.Join(all...)
}

func (c *Config) problems() []*Problem {
	v := validator{all: fields(c)}
	v.node(c)
	v.buffers(&c.Buffer)
	v.swarms(c)
	return v.problems
}

type validator struct {
	all      []field
	problems []*Problem
}

// want notes a problem with a key unless it is good.
func (v *validator) want(good bool, key, reason string, args ...any) {
	if good {
		return
	}
	f := find(v.all, key)
	v.problems = append(v.problems, &Problem{Key: key, Value: literal(f.value), Reason: fmt.Sprintf(reason, args...)})
}

func (v *validator) node(c *Config) {
	v.want(!strings.ContainsRune(c.Dir, 0), "dir", "is no path of a folder")
	v.want(len(c.DLNA.Name) <= MaxName, "dlna.name", "has %d bytes; TVs want at most %d", len(c.DLNA.Name), MaxName)
	v.want(!strings.ContainsFunc(c.DLNA.Name, unicode.IsControl), "dlna.name", "has line ends or control characters; write one line of text")
	var language Language
	v.want(language.UnmarshalText([]byte(c.DLNA.Language)) == nil, "dlna.language", `write "en", "de", "es" or "ar"`)
	v.want(!strings.ContainsRune(c.DLNA.Profiles, 0), "dlna.profiles", "is no path of a file")
	v.interfaces("dlna.interfaces", c.DLNA.Interfaces)
	v.interfaces("dlna.deny_interfaces", c.DLNA.DenyInterfaces)
	v.announcements(&c.DLNA)
	v.outputs(c)
	v.access(c)
	v.want(c.Peer.Upload == 0 || c.Peer.Upload >= MinUpload, "peer.upload", "leaves nothing for other peers; write at least %q", MinUpload)
	for _, n := range c.Peer.DHTNodes {
		v.want(n.Host != "" && n.Port != 0, "peer.dht_nodes", `%q is no node; write as "router.example.org:6881"`, n)
	}
	for _, s := range c.Peer.STUN {
		v.want(s.Host != "" && s.Port != 0, "peer.stun", `%q is no server; write as "stun.example.org:3478"`, s)
	}
	v.want(c.Peer.Offload == "auto" || c.Peer.Offload == "off", "peer.offload", `write "auto" or "off"`)
	v.want(c.Members.Key == "" || c.Members.Certificate != "", "members.key", "is of no use alone; name the certificates with certificate")
	for _, f := range []struct{ key, path string }{
		{"members.authority", c.Members.Authority}, {"members.certificate", c.Members.Certificate}, {"members.key", c.Members.Key},
	} {
		v.want(!strings.ContainsRune(f.path, 0), f.key, "is no path of a file")
	}
	var level Level
	v.want(level.UnmarshalText([]byte(c.Log.Level)) == nil, "log.level", `write "debug", "info", "warn" or "error"`)
	var format Format
	v.want(format.UnmarshalText([]byte(c.Log.Format)) == nil, "log.format", `write "text" or "json"`)
}

func (v *validator) interfaces(key string, names []string) {
	seen := map[string]bool{}
	for _, name := range names {
		_, err := path.Match(name, "")
		v.want(name != "" && err == nil && !strings.ContainsAny(name, ", \t\n"), key, `%q is no name of an interface; "ip link" lists them`, name)
		v.want(!seen[name], key, "%q is there twice; remove one", name)
		seen[name] = true
	}
}

func (v *validator) announcements(d *DLNA) {
	v.want(d.Announce >= MinAnnounce, "dlna.announce", "is too often for the home's network; write at least %q", MinAnnounce)
	v.want(d.MaxAge >= MinMaxAge, "dlna.max_age", "is too short; write at least %q", MinMaxAge)
	v.want(d.MaxAge <= MaxMaxAge, "dlna.max_age", "is too long; write at most %q", MaxMaxAge)
	v.want(d.Announce <= d.MaxAge/2, "dlna.announce", "is more than half of dlna.max_age (%s): TVs would forget this machine when one announcement is lost; "+
		"write at most %q", d.MaxAge, d.MaxAge/2)
	v.want(d.Patience >= Duration(time.Second), "dlna.patience", `is too short for any swarm; write at least "1s"`)
	v.want(d.Patience <= MaxPatience, "dlna.patience", "is too long; write at most %q", MaxPatience)
	v.want(d.Streams >= 1 && d.Streams <= MaxStreams, "dlna.streams", "write a number from 1 to %d", MaxStreams)
}

func (v *validator) access(c *Config) {
	h := &c.HTTP
	for _, name := range h.Names {
		v.want(hostName(name), "http.names", `%q is no host name; write as "tv.example.org", without scheme and port`, name)
	}
	v.want(h.Base == "" || h.Base == path.Clean(h.Base) && strings.HasPrefix(h.Base, "/") && len(h.Base) > 1 && strings.Trim(strings.ToLower(h.Base), "abcdefghijklmnopqrstuvwxyz0123456789-_./") == "",
		"http.base", `is no path; write as "/tv"`)
	var listen HostPort
	v.want(h.TLSListen == "" || listen.UnmarshalText([]byte(h.TLSListen)) == nil, "http.tls_listen", `is no address; write as ":8443"`)
	v.want(h.TLSKey == "" || h.TLSCert != "", "http.tls_key", "is of no use alone; name the certificate with tls_cert")
	v.want(h.TLSCert == "" || h.TLSListen != "", "http.tls_cert", "is of no use without tls_listen")
	v.want(c.Access.Guests || c.Access.Password != "", "access.guests", "shuts out everybody while there is no password; name one with access.password")
	for _, f := range []struct{ key, path string }{
		{"http.tls_cert", h.TLSCert}, {"http.tls_key", h.TLSKey}, {"access.password", c.Access.Password}, {"access.tokens", c.Access.Tokens},
	} {
		v.want(!strings.ContainsRune(f.path, 0), f.key, "is no path of a file")
	}
}

// hostName tells whether a name could be that of a host (RFC 1123, 2.1).
func hostName(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name != "" && len(name) < 254 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && !strings.Contains(name, "..")
}

func (v *validator) outputs(c *Config) {
	v.want(len(c.Guide.Sources) <= MaxSources, "guide.sources", "are more than %d", MaxSources)
	for _, source := range c.Guide.Sources {
		err := guide.CheckSource(source)
		v.want(err == nil, "guide.sources", "%v", err)
	}
	v.want(c.Guide.Refresh >= MinRefresh, "guide.refresh", "is too often for who offers the guide; write at least %q", MinRefresh)
	v.want(c.HDHR.Tuners >= 1 && c.HDHR.Tuners <= MaxTuners, "hdhomerun.tuners", "write a number from 1 to %d", MaxTuners)
}

func (v *validator) buffers(b *Buffer) {
	v.want(b.Live >= MinLive, "buffer.live", "is too little for a channel; write at least %q", MinLive)
	v.want(b.Live <= MaxLive, "buffer.live", "is more than a channel can use; write at most %q", MaxLive)
	v.want(b.Films == 0 || b.Films >= MinFilms, "buffer.films", `is too little for a film; write at least %q, or "0" for no limit`, MinFilms)
	v.want(!strings.ContainsRune(b.FilmDir, 0), "buffer.film_dir", "is no path of a folder")
	v.want(b.KeepWarm >= Duration(time.Second), "buffer.keep_warm", `is too short to come back; write at least "1s"`)
	v.want(b.KeepWarm <= MaxKeepWarm, "buffer.keep_warm", "is too long; write at most %q", MaxKeepWarm)
	v.want(b.Sessions >= 1 && b.Sessions <= MaxSessions, "buffer.sessions", "write a number from 1 to %d", MaxSessions)
}

func (v *validator) swarms(c *Config) {
	v.want(len(c.Links)+len(c.Channels) <= MaxSwarms, "links", "there are more than %d channels and films", MaxSwarms)
	first := map[ppsp.SwarmID]string{}
	for i, l := range c.Swarms() {
		place, value := fmt.Sprintf("links[%d]", i+1), quote(l.String())
		if n := i - len(c.Links); n >= 0 {
			place = fmt.Sprintf("channel[%d]", n+1)
			value = quote(c.Channels[n].Title)
		}
		note := func(reason string) {
			v.problems = append(v.problems, &Problem{Key: place, Value: value, Reason: reason})
		}
		switch at, twice := first[l.SwarmID]; {
		case l.SwarmID == "":
			note(`has no link; write link = "ppsp:…"`)
			continue
		case twice:
			note("is the same swarm as " + at + "; remove one")
		default:
			first[l.SwarmID] = place
		}
		if err := l.Validate(); err != nil {
			note(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
}
