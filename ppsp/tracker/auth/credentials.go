package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Credentials are what a peer shows to which tracker. They belong to the host and port of a
// tracker, not to links, so that a link can't draw them to somebody else.
type Credentials struct {
	hosts map[string]*credential
}

// credential is what one tracker is shown.
type credential struct {
	name, password, token string
	code, keep            string // of enrolment, and the file for what it gives
	certificate           *tls.Certificate
	roots                 *x509.CertPool
	pin                   string // fingerprint of the tracker's certificate, lower case
}

// ReadCredentials reads lines of a tracker's URL and what it is for, separated by blanks:
//
//	https://tracker.example:7846/ digest NAME PASSWORD
//	https://tracker.example:7846/ token TOKEN
//	https://tracker.example:7846/ enroll CODE
//	https://tracker.example:7846/ cert CERTIFICATE-FILE KEY-FILE
//	https://tracker.example:7846/ ca CERTIFICATE-FILE
//	https://tracker.example:7846/ pin SHA-256
//
// The last two say by which certificates, or by which one's fingerprint in hexadecimal, the
// tracker itself is to be known. Files are relative
// to folder. A password begins after one blank, and goes to the end of the line. Empty lines, and those that begin with #, are ignored.
func ReadCredentials(r io.Reader, folder string) (*Credentials, error) {
	c := &Credentials{hosts: map[string]*credential{}}
	err := eachLine(r, func(line string) error {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return fmt.Errorf(`it is not of the form "URL digest NAME PASSWORD", "URL token TOKEN", "URL enroll CODE", "URL cert FILE FILE" or "URL ca FILE"`)
		}
		u, err := url.Parse(fields[0])
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf(`%.60q is no tracker; write as "https://tracker.example:7846/"`, fields[0])
		}
		host := hostPort(u)
		if c.hosts[host] == nil {
			c.hosts[host] = &credential{}
		}
		for i := 2; i < len(fields) && (fields[1] == "cert" || fields[1] == "ca"); i++ {
			if !filepath.IsAbs(fields[i]) {
				fields[i] = filepath.Join(folder, fields[i])
			}
		}
		if fields[1] == "digest" && len(fields) > 3 {
			fields = append(fields[:3], afterFields(line, 3))
		}
		return c.hosts[host].set(fields[1], fields[2:])
	})
	return c, err
}

// afterFields returns what stands after n fields and one blank.
func afterFields(line string, n int) string {
	for range n {
		line = strings.TrimLeft(line, " \t")
		line = line[strings.IndexAny(line, " \t"):]
	}
	return line[1:]
}

func (c *credential) set(kind string, values []string) error {
	switch {
	case kind == "digest" && len(values) == 2:
		c.name, c.password = values[0], values[1]
	case kind == "token" && len(values) == 1:
		c.token = values[0]
	case kind == "pin" && len(values) == 1:
		c.pin = strings.ToLower(strings.ReplaceAll(values[0], ":", ""))
		if b, err := hex.DecodeString(c.pin); err != nil || len(b) != sha256.Size {
			return fmt.Errorf("a fingerprint has %d hexadecimal digits; the tracker prints it", 2*sha256.Size)
		}
	case kind == "enroll" && len(values) == 1:
		c.code = values[0]
	case kind == "cert" && len(values) == 2:
		pair, err := tls.LoadX509KeyPair(values[0], values[1])
		if err != nil {
			return fmt.Errorf("certificate %s and key %s: %w", values[0], values[1], err)
		}
		c.certificate = &pair
	case kind == "ca" && len(values) == 1:
		b, err := os.ReadFile(values[0])
		if err != nil {
			return err
		}
		if c.roots = x509.NewCertPool(); !c.roots.AppendCertsFromPEM(b) {
			return fmt.Errorf("%s holds no certificate in PEM", values[0])
		}
	default:
		return fmt.Errorf("%.20q with %d values is unknown; there are digest, token, enroll, cert, ca and pin", kind, len(values))
	}
	return nil
}

// pinned makes a client take the certificate with the fingerprint, whoever signed it, and no
// other.
func (c *credential) pinned(config *tls.Config) {
	if c.pin == "" {
		return
	}
	pin := c.pin
	config.InsecureSkipVerify = true // VerifyConnection does it, also for sessions that go on
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 || Fingerprint(s.PeerCertificates[0].Raw) != pin {
			return errors.New("it has another certificate than the one that was pinned")
		}
		return nil
	}
}

// Pinned makes a client take the certificate with this fingerprint, whoever signed it, and no other.
func Pinned(fingerprint string) (*tls.Config, error) {
	if b, err := hex.DecodeString(fingerprint); err != nil || len(b) != sha256.Size {
		return nil, fmt.Errorf("a fingerprint has %d hexadecimal digits", 2*sha256.Size)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	(&credential{pin: strings.ToLower(fingerprint)}).pinned(config)
	return config, nil
}

// Fingerprint is the SHA-256 of a certificate in DER, in hexadecimal.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// hostPort names a tracker by scheme, host and port, the default one included.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + " " + strings.ToLower(u.Hostname()) + " " + port
}

// Names tells whether there is a line for the tracker of the URL: a person named it, then.
func (c *Credentials) Names(address string) bool {
	u, err := url.Parse(address)
	return c != nil && err == nil && c.hosts[hostPort(u)] != nil
}

// Transport returns one that shows each tracker what is for it, and sends all else by base as
// it is. base is not changed. Nil Credentials show nothing to anybody.
func (c *Credentials) Transport(base *http.Transport) http.RoundTripper {
	if c == nil || len(c.hosts) == 0 {
		return base
	}
	t := &transport{base: base, hosts: map[string]http.RoundTripper{}, owned: []*http.Transport{base}}
	for host, cred := range c.hosts {
		own := base
		if cred.certificate != nil || cred.roots != nil || cred.pin != "" {
			own = base.Clone()
			if own.TLSClientConfig == nil {
				own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			own.TLSClientConfig.RootCAs = cred.roots
			cred.pinned(own.TLSClientConfig)
			if cred.certificate != nil {
				own.TLSClientConfig.Certificates = []tls.Certificate{*cred.certificate}
			}
			t.owned = append(t.owned, own)
		}
		t.hosts[host] = &login{base: own, token: cred.token, name: cred.name, password: cred.password, code: cred.code, keep: cred.keep}
	}
	return t
}

// transport picks what is for a tracker.
type transport struct {
	base  *http.Transport
	hosts map[string]http.RoundTripper
	owned []*http.Transport
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if l := t.hosts[hostPort(r.URL)]; l != nil {
		return l.RoundTrip(r)
	}
	return t.base.RoundTrip(r)
}

// CloseIdleConnections is what http.Client calls by its method of that name.
func (t *transport) CloseIdleConnections() {
	for _, o := range t.owned {
		o.CloseIdleConnections()
	}
}
