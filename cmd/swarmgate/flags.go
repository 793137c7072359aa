package main

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// logFlags are those of every command that logs.
type logFlags struct {
	LogLevel  config.Level  `help:"What is logged: debug, info, warn or error." placeholder:"LEVEL"`
	LogFormat config.Format `help:"How it is logged: text or json. Default: text." placeholder:"FORMAT"`
	JSON      bool          `name:"json" help:"Print one JSON object a line for programs."`
}

// logger makes the logger that is passed down; it writes by the printer, which keeps it
// apart from the status line, and to also what more it is given, as JSON.
func (f logFlags) logger(out *printer, level zerolog.Level, also ...io.Writer) zerolog.Logger {
	if l, err := zerolog.ParseLevel(string(f.LogLevel)); err == nil && f.LogLevel != "" {
		level = l
	}
	var w io.Writer = out
	if f.LogFormat != "json" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != "" || !isTerminal(out.log)}
	}
	if len(also) > 0 {
		w = zerolog.MultiLevelWriter(append(also, w)...)
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// serverLog takes what net/http has to say of a connection: it is for debugging.
type serverLog struct{ zerolog.Logger }

// Write takes one message.
func (l serverLog) Write(b []byte) (int, error) {
	l.Debug().Msg(strings.TrimSpace(string(b)))
	return len(b), nil
}

// errorLog is an http.Server's ErrorLog.
func errorLog(l zerolog.Logger) *log.Logger { return log.New(serverLog{l}, "", 0) }

// peerFlags are those of every command that joins swarms.
type peerFlags struct {
	Listen      address     `help:"UDP address of the peer protocol; port 0 takes a free one. Default: a free one, on all addresses." placeholder:"HOST:PORT"`
	Stun        []string    `name:"stun" help:"STUN server that tells our public address; may repeat. Default: those that trackers have." placeholder:"HOST:PORT"`
	NoNAT       bool        `name:"no-nat" help:"Ask no router for a port mapping."`
	NoLocal     bool        `name:"no-local" help:"Look for no peers on the networks of this machine (multicast)."`
	DHT         bool        `name:"dht" help:"Look for peers in the Mainline DHT, too, where everybody can see who is in which swarm; never of swarms for members alone."`
	DHTNode     []address   `name:"dht-node" help:"Node that leads into the DHT; may repeat. Default: those that are known to all." placeholder:"HOST:PORT"`
	Upload      config.Rate `help:"What may be sent to peers, in all: 5Mbit/s, 500kbit/s. Default: no limit." placeholder:"RATE" aliases:"limit-up"`
	TrackerAuth string      `name:"tracker-auth" help:"What trackers are shown of us, lines of URL digest NAME PASSWORD, URL token TOKEN, URL enroll CODE, URL cert FILE KEYFILE, URL ca FILE, or URL pin FINGERPRINT. Default: nothing." placeholder:"FILE" type:"path"`
	Offload     string      `help:"Whether the kernel cuts and joins trains of datagrams (UDP GSO, GRO): auto, off. Default: auto." enum:",auto,off" default:"" placeholder:"MODE"`
}

// profileFlags are those of every command that speaks the peer protocol for one swarm.
type profileFlags struct {
	Profile profile `help:"Form of the peer protocol: rfc7574, draft10 for programs that are older, such as libswift, or auto: rfc7574, and draft10 for films with those that do not answer it. Default: auto." placeholder:"NAME"`
}

// profile is a flag that names a form of the peer protocol.
type profile swarm.Profile

// UnmarshalText reads the flag.
func (p *profile) UnmarshalText(b []byte) error {
	parsed, err := swarm.ParseProfile(string(b))
	*p = profile(parsed)
	return err
}

// memberFlags are those of commands that take part in closed swarms.
type memberFlags struct {
	MemberCert string `help:"Our membership certificates of closed swarms, PEM." placeholder:"FILE" type:"path"`
	MemberKey  string `help:"The private key that was issued with them, PEM. Default: the file of --member-cert, if it holds one." placeholder:"FILE" type:"path"`
}

// credential reads the files; nil when none were named.
func (f memberFlags) credential() (*member.Credential, error) {
	switch {
	case f.MemberCert == "" && f.MemberKey == "":
		return nil, nil
	case f.MemberCert == "":
		return nil, wrongUsage("--member-key %s is of no use alone; name the certificates with --member-cert", f.MemberKey)
	case f.MemberKey == "":
		f.MemberKey = f.MemberCert
	}
	return members.ReadCredential(f.MemberCert, f.MemberKey)
}

// bytesPerSecond is the unit in which engines count; 0 is no limit in both.
func bytesPerSecond(r config.Rate) int64 { return (int64(r) + 7) / 8 }

// address is a flag of the form HOST:PORT, empty when it was not given.
type address string

// UnmarshalText reads the flag.
func (a *address) UnmarshalText(b []byte) error {
	var h config.HostPort
	if err := h.UnmarshalText(b); err != nil {
		return err
	}
	*a = address(h.String())
	return nil
}

// span is a flag with a time that something lasts; no time at all would be no sense.
type span config.Duration

// UnmarshalText reads the flag.
func (s *span) UnmarshalText(b []byte) error {
	if err := (*config.Duration)(s).UnmarshalText(b); err != nil {
		return err
	}
	if *s == 0 {
		return fmt.Errorf("%q is no time at all; write more, or leave it out", b)
	}
	return nil
}

// String returns the text form.
func (s span) String() string { return config.Duration(s).String() }

// trackerURL is a flag that names a tracker, or several equals with spaces between them.
type trackerURL string

// UnmarshalText reads the flag.
func (t *trackerURL) UnmarshalText(b []byte) error {
	tier := strings.Fields(string(b))
	for _, one := range tier {
		u, err := url.Parse(one)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf(`%q is no address of a tracker; write as "https://tracker.example.org/"`, one)
		}
	}
	if len(tier) == 0 {
		return fmt.Errorf(`%q is no address of a tracker; write as "https://tracker.example.org/"`, b)
	}
	*t = trackerURL(strings.Join(tier, " "))
	return nil
}

// here tells whether all of these trackers are at addresses of this machine alone.
func (t trackerURL) here() bool {
	for one := range strings.FieldsSeq(string(t)) {
		u, err := url.Parse(one)
		if err != nil {
			return false
		}
		a, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() != "localhost" && (err != nil || !a.IsLoopback() && !a.IsUnspecified()) {
			return false
		}
	}
	return true
}
