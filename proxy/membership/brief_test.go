package membership

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// People are told which tracker fails and how, and nothing of system calls.
func TestBrief(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		url  string
		err  error
		want string
	}{
		{"http://127.0.0.1:1/", refused, "the tracker at 127.0.0.1:1 does not answer"},
		{"https://t.example/x", context.DeadlineExceeded, "the tracker at t.example does not answer"},
		{"https://t.example/x", io.EOF, "the tracker at t.example does not answer"},
		{"https://t.example:5/", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "t.example"}}, "no address is known for the tracker t.example"},
		{"https://t.example/", &tls.CertificateVerificationError{Err: io.EOF}, "the certificate of the tracker at t.example is not to be trusted"},
		{"https://[2001:db8::1]:7846/", &tracker.Error{Code: tracker.ForbiddenAction}, "the tracker at [2001:db8::1]:7846 refuses"},
		{"https://t.example/", &tracker.Error{Code: tracker.AuthenticationRequired}, "the tracker at t.example wants a login that it was not given (--tracker-auth)"},
		{"https://t.example/", &net.OpError{Op: "dial", Err: tracker.ErrPrivate}, "the tracker t.example stands at an address of a home network, which its name alone does not open"},
		{"https://t.example/", errors.New("HTTP status 404"), "the tracker at t.example answers with an error"},
	} {
		err := fmt.Errorf("join swarm abab…abab: tracker %s: %w", c.url, c.err)
		if got := (Outage{Tracker: host(c.url), Problem: problemOf(err)}).String(); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// What a member of a swarm meets in earnest is recognized for what it is.
func TestBriefOfTrackers(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	f := newFilm(t)
	for url, want := range map[string]string{"http://127.0.0.1:1/": "127.0.0.1:1 does not answer", page.URL: strings.TrimPrefix(page.URL, "http://") + " answers with an error"} {
		link := f.link()
		link.Trackers = []string{url}
		p := start(t, setup{swarm: f.leech(), link: link})
		until(t, "the trouble is told", func() bool { return p.Brief() != "" })
		if words := p.Brief(); !strings.Contains(words, want+" since ") {
			t.Errorf("in brief %q, want %q", words, want)
		}
		p.stop()
	}
}
