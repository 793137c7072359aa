package membership

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Problem is what is wrong with a tracker, in a word for programs.
type Problem string

// The problems.
const (
	NoAnswer       Problem = "no_answer"       // nothing comes back
	NameUnknown    Problem = "name_unknown"    // its name stands for no address
	PrivateName    Problem = "private_name"    // its name stands for an address of a home
	BadCertificate Problem = "bad_certificate" // its certificate is not to be trusted
	LoginNeeded    Problem = "login_needed"    // it wants to know who we are
	Refused        Problem = "refused"         // it does not let us in
	WrongAnswer    Problem = "wrong_answer"    // what answers is no tracker
)

// Outage is that no tracker of a swarm answers.
type Outage struct {
	Tracker string    // the one that was asked last: host, and port if its URL names one
	Problem Problem   // why it is of no use
	Since   time.Time // when the first request failed
}

// Outage returns why no tracker answers; ok is false when one does, or there is none.
func (m *Member) Outage() (o Outage, ok bool) {
	for _, a := range m.announcers {
		status := a.Status()
		if status.Joined {
			return Outage{}, false
		}
		if status.Err != nil {
			o, ok = Outage{host(status.Tracker), problemOf(status.Err), status.Since}, true
		}
	}
	return o, ok
}

// Trouble says in words why no tracker answers, for those who look for the fault; empty when one does or
// there is none.
func (m *Member) Trouble() string {
	words := ""
	for _, a := range m.announcers {
		status := a.Status()
		if status.Joined {
			return ""
		}
		if status.Err != nil {
			words = status.Err.Error()
		}
	}
	return words
}

// Brief says in a few words for people why no tracker answers, empty when one does or there is
// none; the log and Trouble have it whole.
func (m *Member) Brief() string {
	o, ok := m.Outage()
	if !ok {
		return ""
	}
	return o.Told()
}

// host names a tracker by the host of its URL.
func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// problemOf sorts what went wrong.
func problemOf(err error) Problem {
	if errors.Is(err, tracker.ErrPrivate) {
		return PrivateName
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return NameUnknown
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return BadCertificate
	}
	if e, ok := errors.AsType[*tracker.Error](err); ok {
		if e.Code == tracker.AuthenticationRequired {
			return LoginNeeded
		}
		return Refused
	}
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
		return NoAnswer
	}
	return WrongAnswer
}

// String says it in a few words.
func (o Outage) String() string {
	switch o.Problem {
	case NameUnknown:
		name, _, err := net.SplitHostPort(o.Tracker)
		if err != nil {
			name = o.Tracker
		}
		return "no address is known for the tracker " + name
	case PrivateName:
		return "the tracker " + o.Tracker + " stands at an address of a home network, which its name alone does not open"
	case BadCertificate:
		return "the certificate of the tracker at " + o.Tracker + " is not to be trusted"
	case LoginNeeded:
		return "the tracker at " + o.Tracker + " wants a login that it was not given (--tracker-auth)"
	case Refused:
		return "the tracker at " + o.Tracker + " refuses"
	case WrongAnswer:
		return "the tracker at " + o.Tracker + " answers with an error"
	}
	return "the tracker at " + o.Tracker + " does not answer"
}

// Told is String with the time since when, as a clock of the house shows it.
func (o Outage) Told() string {
	return o.String() + " since " + o.Since.Local().Format("15:04")
}
