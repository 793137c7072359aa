package membership

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Brief says in a few words for people why no tracker answers, empty when one does or there is
// none; the log and Trouble have it whole.
func (m *Member) Brief() string {
	words := ""
	for i, a := range m.announcers {
		status := a.Status()
		if status.Joined {
			return ""
		}
		if status.Err != nil {
			words = brief(m.cfg.Link.Trackers[i], status.Err)
		}
	}
	return words
}

// brief names the tracker by its host and says what is wrong with it.
func brief(address string, err error) string {
	place, name := address, address
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		place, name = u.Host, u.Hostname()
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "no address is known for the tracker " + name
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of the tracker at " + place + " is not to be trusted"
	}
	if _, ok := errors.AsType[*tracker.Error](err); ok {
		return "the tracker at " + place + " refuses"
	}
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
		return "the tracker at " + place + " does not answer"
	}
	return "the tracker at " + place + " answers with an error"
}
