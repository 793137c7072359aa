package member

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Labels of PEM blocks.
const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY" // PKCS#8
	pemAuthority   = "SWARMGATE MEMBERSHIP AUTHORITY"
)

// Bounds of files.
const (
	MaxPEM          = 256 << 10 // bytes
	MaxCertificates = 64        // of one member, each for a swarm
)

// Credential is what a member shows: its private key, and its certificates, one for each
// swarm.
type Credential struct {
	Key          *ecdsa.PrivateKey
	Certificates []*Certificate
}

// NewCredential makes a key without certificates.
func NewCredential(random io.Reader) (*Credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, fmt.Errorf("make a member's key: %w", err)
	}
	return &Credential{Key: key}, nil
}

// For returns the certificate for a swarm that holds longest; false when there is none.
func (c *Credential) For(swarm ppsp.SwarmID) (*Certificate, bool) {
	var best *Certificate
	for _, o := range c.Certificates {
		if o.Swarm == swarm && (best == nil || o.NotAfter.After(best.NotAfter)) {
			best = o
		}
	}
	return best, best != nil
}

// MarshalKey returns the private key as PKCS#8 in PEM. It is a secret: give its file mode 0600.
func (c *Credential) MarshalKey() ([]byte, error) { return marshalKey(pemKey, c.Key) }

// MarshalCertificates returns the certificates in PEM, one after the other.
func (c *Credential) MarshalCertificates() []byte {
	var b []byte
	for _, o := range c.Certificates {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: o.DER})...)
	}
	return b
}

// ParseCredential reads certificates and key, which may stand in the same file.
func ParseCredential(certificates, key []byte) (*Credential, error) {
	if max(len(certificates), len(key)) > MaxPEM {
		return nil, fmt.Errorf("a member's file has more than %d bytes", MaxPEM)
	}
	private, err := parseKey(pemKey, key)
	if err != nil {
		return nil, fmt.Errorf("a member's private key: %w", err)
	}
	c := &Credential{Key: private}
	for rest := certificates; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != pemCertificate {
			continue
		}
		if len(c.Certificates) == MaxCertificates {
			return nil, fmt.Errorf("a member's file has more than %d certificates", MaxCertificates)
		}
		o, err := Parse(block.Bytes)
		if err != nil {
			return nil, err
		}
		if !private.PublicKey.Equal(o.parsed.PublicKey) {
			return nil, errors.New("the private key does not belong to the membership certificate; name the one that was issued with it")
		}
		c.Certificates = append(c.Certificates, o)
	}
	if len(c.Certificates) == 0 {
		return nil, errors.New("the file holds no membership certificate, want a block that begins -----BEGIN CERTIFICATE-----")
	}
	return c, nil
}

// MarshalPEM returns the authority's private key. It is a secret: give its file mode 0600.
func (a *Authority) MarshalPEM() ([]byte, error) { return marshalKey(pemAuthority, a.private) }

// ParseAuthority reads what MarshalPEM wrote.
func ParseAuthority(b []byte) (*Authority, error) {
	private, err := parseKey(pemAuthority, b)
	if err != nil {
		return nil, fmt.Errorf("membership authority: %w", err)
	}
	return newAuthority(private)
}

func marshalKey(label string, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("store a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), nil
}

// parseKey reads the first block with this label, whatever stands before it.
func parseKey(label string, b []byte) (*ecdsa.PrivateKey, error) {
	if len(b) > MaxPEM {
		return nil, fmt.Errorf("the file has %d bytes, want at most %d", len(b), MaxPEM)
	}
	for rest := bytes.Clone(b); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("the file holds no key, want a block that begins -----BEGIN %s-----", label)
		}
		if block.Type != label {
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the file is damaged: %w", err)
		}
		key, ok := parsed.(*ecdsa.PrivateKey)
		if !ok || key.Curve != elliptic.P256() {
			return nil, errors.New("the key is not of P-256")
		}
		return key, nil
	}
}
