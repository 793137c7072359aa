package member

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// MaxCertificate bounds a certificate in bytes of DER. The longest swarm ID takes 1200, and
// the rest about 400.
const MaxCertificate = 2048

// Leeway is by how much clocks of peers may differ.
const Leeway = 2 * time.Minute

// ID names a member: the SHA-256 of its public key, in hexadecimal. It stays when a
// certificate is issued anew for the same key.
type ID = string

// IDOf returns the ID of who has the private key.
func IDOf(key *ecdsa.PublicKey) (ID, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("a member's public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// Certificate is a membership certificate that was parsed, and not verified: see Verify.
type Certificate struct {
	DER                 []byte
	ID                  ID
	Swarm               ppsp.SwarmID
	Host                string // IP address or DNS name
	Port                uint16
	NotBefore, NotAfter time.Time

	parsed *x509.Certificate
}

// The URI of a certificate (RFC 7574, 8.13).
const (
	scheme  = "file"
	nowhere = "0.0.0.0:0"
)

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// Parse reads a certificate from anybody. It keeps a copy of der.
func Parse(der []byte) (*Certificate, error) {
	if len(der) == 0 || len(der) > MaxCertificate {
		return nil, fmt.Errorf("membership certificate: it has %d bytes, want 1 to %d", len(der), MaxCertificate)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("membership certificate: %w", err)
	}
	c := &Certificate{DER: x.Raw, NotBefore: x.NotBefore, NotAfter: x.NotAfter, parsed: x}
	if err := c.checkForm(); err != nil {
		return nil, fmt.Errorf("membership certificate: %w", err)
	}
	if err := c.readURI(x.URIs[0]); err != nil {
		return nil, fmt.Errorf("membership certificate: %w", err)
	}
	sum := sha256.Sum256(x.RawSubjectPublicKeyInfo)
	c.ID = hex.EncodeToString(sum[:])
	return c, nil
}

// checkForm holds the certificate to the one form that the package speaks.
func (c *Certificate) checkForm() error {
	x := c.parsed
	key, ok := x.PublicKey.(*ecdsa.PublicKey)
	switch {
	case x.Version != 3:
		return fmt.Errorf("it is X.509v%d, want v3", x.Version)
	case x.SignatureAlgorithm != x509.ECDSAWithSHA256:
		return fmt.Errorf("it is signed by %s, want %s", x.SignatureAlgorithm, x509.ECDSAWithSHA256)
	case !ok || key.Curve != elliptic.P256():
		return errors.New("its public key is not of P-256")
	case x.IsCA:
		return errors.New("it is an authority's")
	case len(x.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("it has an unknown critical extension %v", x.UnhandledCriticalExtensions[0])
	case len(x.URIs) != 1 || len(x.DNSNames)+len(x.IPAddresses)+len(x.EmailAddresses) > 0:
		return errors.New("its alternative names are not one URI")
	}
	// "The certificate MUST contain a "Subject Alternative Name" extension, marked as
	// critical, of type uniformResourceIdentifier." (RFC 7574, 8.13)
	for _, e := range x.Extensions {
		if e.Id.Equal(oidSubjectAltName) && !e.Critical {
			return errors.New("its alternative name is not marked as critical")
		}
	}
	return nil
}

// readURI takes apart "file://192.0.2.0:6778/e5a12c7a…" (RFC 7574, 8.13).
func (c *Certificate) readURI(u *url.URL) error {
	if u.Scheme != scheme || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return fmt.Errorf("its URI is not %s://host:port/swarm", scheme)
	}
	var err error
	if c.Host, c.Port, err = splitAddress(u.Host); err != nil {
		return err
	}
	id, found := strings.CutPrefix(u.Path, "/")
	if !found {
		return errors.New("its URI names no swarm")
	}
	if c.Swarm, err = ppsp.ParseSwarmID(id); err != nil {
		return fmt.Errorf("the URI's %w", err)
	}
	return nil
}

// splitAddress reads "host:port". A host is an IP address without zone or a DNS name.
func splitAddress(s string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("the address %q is not host:port, with an IPv6 address in brackets", s)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return "", 0, fmt.Errorf("the address %q has no port from 1 to 65535", s)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || a.Is4In6() || (n == 0 && !a.IsUnspecified()) {
			return "", 0, fmt.Errorf("the address %q is of no use to others", s)
		}
		return a.String(), uint16(n), nil
	}
	if n == 0 || !isName(host) {
		return "", 0, fmt.Errorf("the address %q is neither of an IP address nor of a name", s)
	}
	return host, uint16(n), nil
}

// maxName bounds a DNS name in bytes.
const maxName = 253

func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '-' {
				return false
			}
		}
	}
	return true
}

// AddrPort returns where the member listens; false when it has no lasting address, or one
// that has to be looked up in DNS.
func (c *Certificate) AddrPort() (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(c.Host)
	if err != nil || a.IsUnspecified() || c.Port == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a, c.Port), true
}

// Address returns "host:port", empty when the member has no lasting address.
func (c *Certificate) Address() string {
	if a, err := netip.ParseAddr(c.Host); err == nil && a.IsUnspecified() {
		return ""
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// Reasons why a certificate is refused.
var (
	ErrOtherSwarm     = errors.New("the membership certificate is for another swarm")
	ErrNotYet         = errors.New("the membership certificate does not hold yet; check the clock")
	ErrExpired        = errors.New("the membership certificate has expired; ask for a new one")
	ErrOtherAuthority = errors.New("the membership certificate is not from the authority of this swarm")
)

// Verify tells whether the certificate was issued by the holder of the key, for the swarm,
// and holds at the time given, within Leeway. It checks what is cheap first.
func (c *Certificate) Verify(k AuthorityKey, swarm ppsp.SwarmID, at time.Time) error {
	switch {
	case c.Swarm != swarm:
		return ErrOtherSwarm
	case at.Add(Leeway).Before(c.NotBefore):
		return ErrNotYet
	case at.Add(-Leeway).After(c.NotAfter):
		return ErrExpired
	}
	key, err := k.public()
	if err != nil {
		return err
	}
	if c.parsed.CheckSignatureFrom(parentOf(key)) != nil {
		return ErrOtherAuthority
	}
	return nil
}
