package livesig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
)

// pemType is the PEM label of PKCS#8.
const pemType = "PRIVATE KEY"

// MaxPEM bounds a key file in bytes; an RSA key of 4096 bits takes about 3300.
const MaxPEM = 64 << 10

// algorithmLine stands in the free text before the block, where every reader of PEM skips
// it: PKCS#8 can't tell RSASHA1 from RSASHA256.
const algorithmLine = "Algorithm: "

// MarshalPEM returns the key as PKCS#8 in PEM, preceded by a line that names the algorithm.
// It is a secret: give its file mode 0600.
func (k *PrivateKey) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key.pkcs8())
	if err != nil {
		return nil, fmt.Errorf("store key of %s: %w", k.algorithm, err)
	}
	b := []byte(algorithmLine + k.algorithm.String() + "\n")
	return append(b, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})...), nil
}

// ParsePEM reads a private key that MarshalPEM or another program wrote as PKCS#8. An RSA
// key without the line that names its algorithm is taken for RSASHA256.
func ParsePEM(b []byte) (*PrivateKey, error) {
	if len(b) > MaxPEM {
		return nil, fmt.Errorf("key file has %d bytes, want at most %d", len(b), MaxPEM)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("key file holds no PEM block, want one that begins -----BEGIN PRIVATE KEY-----")
	}
	if block.Type != pemType {
		return nil, fmt.Errorf("key file holds %q, want %q: convert it with \"openssl pkcs8 -topk8 -nocrypt\"", block.Type, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key file is damaged: %w", err)
	}
	named, err := namedAlgorithm(b)
	if err != nil {
		return nil, err
	}
	k, err := fromPKCS8(parsed, named)
	if err != nil {
		return nil, err
	}
	if named != 0 && named != k.algorithm {
		return nil, fmt.Errorf("key file names algorithm %s, but holds a key of %s", named, k.algorithm)
	}
	return k, nil
}

// namedAlgorithm reads the line before the block, 0 without one.
func namedAlgorithm(b []byte) (ppsp.Signature, error) {
	text, _, _ := bytes.Cut(b, []byte("-----BEGIN"))
	for line := range strings.Lines(string(text)) {
		if word, ok := strings.CutPrefix(strings.TrimSpace(line), strings.TrimSpace(algorithmLine)); ok {
			return ppsp.ParseSignature(strings.TrimSpace(word))
		}
	}
	return 0, nil
}

// fromPKCS8 wraps what crypto/x509 found; named matters for RSA only.
func fromPKCS8(parsed any, named ppsp.Signature) (*PrivateKey, error) {
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		a := ppsp.RSASHA256
		if named == ppsp.RSASHA1 {
			a = named
		}
		s, err := newRSA(a, key)
		if err != nil {
			return nil, fmt.Errorf("key file: %w", err)
		}
		return &PrivateKey{algorithm: a, key: s}, nil
	case *ecdsa.PrivateKey:
		return fromECDSA(key)
	case ed25519.PrivateKey:
		return &PrivateKey{algorithm: ppsp.Ed25519, key: newEd25519(key)}, nil
	}
	return nil, fmt.Errorf("key file holds a %T, which can't sign a live stream", parsed)
}

func fromECDSA(key *ecdsa.PrivateKey) (*PrivateKey, error) {
	var a ppsp.Signature
	switch key.Curve {
	case elliptic.P256():
		a = ppsp.ECDSAP256SHA256
	case elliptic.P384():
		a = ppsp.ECDSAP384SHA384
	default:
		return nil, fmt.Errorf("key file holds a key on %s, want P-256 or P-384", key.Curve.Params().Name)
	}
	s, err := newECDSA(a, key)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return &PrivateKey{algorithm: a, key: s}, nil
}
