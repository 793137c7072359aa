// Package member is about membership certificates: what says that a peer belongs to a
// swarm (RFC 7574, 3.10.1, 8.13 and 12.2.2). An Authority issues them; who holds one and
// its private key has a Credential; everybody else needs the AuthorityKey alone, which is
// part of the swarm's metadata and stands in its link.
//
//	X.509v3, ECDSA P-256 with SHA-256, no subject
//	validity           from T to T plus what the issuer chose
//	subjectAltName     critical, one URI: file://192.0.2.0:6778/e5a12c7a…
//	key usage          digital signature; TLS client and server
//
// The URI's host and port are where the member listens, its path is the swarm ID in
// hexadecimal. A member without a lasting address gets 0.0.0.0:0: such a certificate opens
// a closed swarm, and is no use in peer exchange.
//
// One algorithm is spoken, so that what a stranger's certificate costs to check is known:
// Parse bounds its length, and Verify makes one signature check.
package member

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// AuthorityKey is the public key of an Authority: a point of P-256 in compressed form (SEC
// 1, 2.3.3). It is comparable; the zero AuthorityKey verifies nothing.
type AuthorityKey [33]byte

// ParseAuthorityKey reads what String writes.
func ParseAuthorityKey(s string) (AuthorityKey, error) {
	var k AuthorityKey
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, fmt.Errorf("the key of a membership authority has %d hexadecimal digits; copy it again", 2*len(k))
	}
	copy(k[:], b)
	if _, err := k.public(); err != nil {
		return AuthorityKey{}, err
	}
	return k, nil
}

// String returns 66 hexadecimal digits.
func (k AuthorityKey) String() string { return hex.EncodeToString(k[:]) }

// public returns the point.
func (k AuthorityKey) public() (*ecdsa.PublicKey, error) {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), k[:])
	if x == nil {
		return nil, errors.New("the key of a membership authority is no point of P-256; copy it again")
	}
	var point [65]byte
	point[0] = 4
	x.FillBytes(point[1:33])
	y.FillBytes(point[33:])
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
}

// keyOf returns the compressed form of a key of P-256.
func keyOf(p *ecdsa.PublicKey) (k AuthorityKey, err error) {
	point, err := p.Bytes()
	if err != nil || len(point) != 65 {
		return k, errors.New("the key is not of P-256")
	}
	k[0] = 2 + point[64]&1
	copy(k[1:], point[1:33])
	return k, nil
}

// Authority issues membership certificates. Make it by NewAuthority or ParseAuthority. Its
// methods may be called from any goroutine.
type Authority struct {
	private *ecdsa.PrivateKey
	key     AuthorityKey
}

// NewAuthority makes an authority with a key of its own.
func NewAuthority(random io.Reader) (*Authority, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, fmt.Errorf("make a membership authority: %w", err)
	}
	return newAuthority(private)
}

func newAuthority(private *ecdsa.PrivateKey) (*Authority, error) {
	key, err := keyOf(&private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("membership authority: %w", err)
	}
	return &Authority{private, key}, nil
}

// Key returns what others need to know.
func (a *Authority) Key() AuthorityKey { return a.key }

// Derive returns a secret that whoever has the authority can compute, for the use named.
func (a *Authority) Derive(use string) (secret [sha256.Size]byte) {
	der, err := a.private.Bytes()
	if err != nil { // never of a key of P-256
		panic("member: the authority's key: " + err.Error())
	}
	h := hmac.New(sha256.New, der)
	h.Write([]byte("swarmgate membership authority, " + use))
	h.Sum(secret[:0])
	return secret
}

// Grant is what a certificate is to say.
type Grant struct {
	Swarm ppsp.SwarmID
	// Address is "host:port" where the member listens, an IP address or a DNS name; empty
	// when it has none that lasts.
	Address     string
	From, Until time.Time // whole seconds; at most MaxValidity apart
	PublicKey   *ecdsa.PublicKey
}

// MaxValidity bounds how long a certificate holds.
const MaxValidity = 10 * 366 * 24 * time.Hour

// Issue makes a certificate.
func (a *Authority) Issue(random io.Reader, g Grant) (*Certificate, error) {
	if len(g.Swarm) == 0 || len(g.Swarm) > ppsp.MaxSwarmID {
		return nil, fmt.Errorf("issue a membership certificate: the swarm ID has %d bytes, want 1 to %d", len(g.Swarm), ppsp.MaxSwarmID)
	}
	if g.PublicKey == nil || !g.From.Before(g.Until) || g.Until.Sub(g.From) > MaxValidity {
		return nil, fmt.Errorf("issue a membership certificate: it needs a public key, and has to hold for some time, at most %d days", MaxValidity/(24*time.Hour))
	}
	host := g.Address
	if host == "" {
		host = nowhere
	}
	if _, _, err := splitAddress(host); err != nil {
		return nil, fmt.Errorf("issue a membership certificate: %w", err)
	}
	var serial [16]byte
	if _, err := io.ReadFull(random, serial[:]); err != nil {
		return nil, fmt.Errorf("issue a membership certificate: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always as long (RFC 5280, 4.1.2.2)
	der, err := x509.CreateCertificate(random, &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		NotBefore:    g.From.UTC(), NotAfter: g.Until.UTC(),
		URIs:                  []*url.URL{{Scheme: scheme, Host: host, Path: "/" + g.Swarm.String()}},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, parentOf(&a.private.PublicKey), g.PublicKey, a.private)
	if err != nil {
		return nil, fmt.Errorf("issue a membership certificate: %w", err)
	}
	return Parse(der)
}

// SelfSigned returns the authority's own certificate in PEM, for other programs that check
// what it issues. Peers of ours need the AuthorityKey alone.
func (a *Authority) SelfSigned(random io.Reader, from time.Time) ([]byte, error) {
	c := parentOf(&a.private.PublicKey)
	c.SerialNumber = big.NewInt(1)
	c.NotBefore, c.NotAfter = from.UTC(), from.UTC().Add(MaxValidity)
	der, err := x509.CreateCertificate(random, c, c, &a.private.PublicKey, a.private)
	if err != nil {
		return nil, fmt.Errorf("sign the authority's certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}), nil
}

// parentOf is the issuer's certificate as far as it matters for checking a signature: its
// key. It is never on the wire, since everybody has the key already.
func parentOf(key *ecdsa.PublicKey) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Swarmgate membership authority"},
		PublicKey: key, PublicKeyAlgorithm: x509.ECDSA, SignatureAlgorithm: x509.ECDSAWithSHA256,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, Version: 3,
	}
}
