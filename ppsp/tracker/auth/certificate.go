package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Certificates checks TLS client certificates against authorities. The server has to ask for
// them, see TLS: then who has a wrong one or none gets an answer that says so, and not a broken
// connection.
type Certificates struct {
	roots *x509.CertPool

	mu   sync.Mutex
	good map[[32]byte]time.Time // until when a certificate need not be looked at again
}

const (
	maxVerified = 1 << 14
	verifiedFor = 10 * time.Minute
)

// NewCertificates returns a way for New.
func NewCertificates(roots *x509.CertPool) *Certificates {
	return &Certificates{roots: roots, good: map[[32]byte]time.Time{}}
}

// TLS makes a server ask for client certificates.
func (c *Certificates) TLS(config *tls.Config) { config.ClientAuth = tls.RequestClientCert }

func (c *Certificates) credential(r *http.Request) (user, shown []byte, ok bool) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil, false
	}
	return nil, r.TLS.PeerCertificates[0].Raw, true
}

func (c *Certificates) check(r *http.Request, now time.Time) (name string, ok, again bool) {
	leaf := r.TLS.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	c.mu.Lock()
	until, known := c.good[sum]
	c.mu.Unlock()
	if known && now.Before(until) {
		return leaf.Subject.CommonName, true, false
	}
	between := x509.NewCertPool()
	for _, other := range r.TLS.PeerCertificates[1:] {
		between.AddCert(other)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return "", false, false
	}
	until = now.Add(verifiedFor)
	if leaf.NotAfter.Before(until) {
		until = leaf.NotAfter
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.good) >= maxVerified {
		clear(c.good)
	}
	c.good[sum] = until
	return leaf.Subject.CommonName, true, false
}

// challenges names a scheme of ours: HTTP has none for what TLS asked for already, but wants one
// with a 401 (RFC 9110, 15.5.2).
func (c *Certificates) challenges(*http.Request, time.Time, bool) (headers []string, shown []byte) {
	return []string{`Certificate realm="` + Realm + `"`}, nil
}

// ReadRoots reads the authorities of client certificates, PEM.
func ReadRoots(r io.Reader) (*x509.CertPool, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxRoots))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, errors.New("there is no certificate in PEM in it")
	}
	return roots, nil
}

// maxRoots bounds a file of authorities, bytes.
const maxRoots = 4 << 20
