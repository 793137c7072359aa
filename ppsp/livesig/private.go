package livesig

import (
	"fmt"
	"io"

	"github.com/swarmgate/swarmgate/ppsp"
)

// signer is the private half of one algorithm.
type signer interface {
	verifier
	// sign returns a signature of exactly size() bytes over message.
	sign(message []byte) ([]byte, error)
	// pkcs8 returns what crypto/x509 can encode.
	pkcs8() any
}

// PrivateKey signs the munros of a live stream. It is safe for concurrent use.
type PrivateKey struct {
	algorithm ppsp.Signature
	key       signer
}

// Generate makes a key of the algorithm. ECDSA and Ed25519 keys depend on random alone; an
// RSA key of GeneratedRSABits takes the system's secure source instead, which is what
// crypto/rsa insists on.
func Generate(a ppsp.Signature, random io.Reader) (*PrivateKey, error) {
	var key signer
	var err error
	switch a {
	case ppsp.RSASHA1, ppsp.RSASHA256:
		key, err = generateRSA(a, random)
	case ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384:
		key, err = generateECDSA(a, random)
	case ppsp.Ed25519:
		key, err = generateEd25519(random)
	default:
		return nil, fmt.Errorf("make signing key: algorithm %d is unknown, use one of rsasha1, rsasha256, ecdsap256sha256, ecdsap384sha384, ed25519", uint8(a))
	}
	if err != nil {
		return nil, fmt.Errorf("make signing key of %s: %w", a, err)
	}
	return &PrivateKey{algorithm: a, key: key}, nil
}

// Algorithm returns the algorithm that the key signs with.
func (k *PrivateKey) Algorithm() ppsp.Signature { return k.algorithm }

// Public returns the half that strangers may have.
func (k *PrivateKey) Public() *PublicKey {
	return &PublicKey{algorithm: k.algorithm, key: k.key}
}

// SwarmID returns the name of the swarm that this key signs (RFC 7574, 6.1).
func (k *PrivateKey) SwarmID() ppsp.SwarmID { return k.Public().SwarmID() }

// Sign returns the signature over the munro's chunk specification as it stands on the wire,
// the time of signing, and the munro's hash (RFC 7574, 6.1.2.2); with Sign All the chunk
// takes the place of the hash (RFC 7574, 6.1.1). It needs no random source: the same input
// gives the same signature (RFC 6979 for ECDSA).
func (k *PrivateKey) Sign(spec []byte, ntp uint64, hash []byte) ([]byte, error) {
	return k.SignBare(covered(spec, ntp, hash))
}

// SignBare returns a signature over the hash and nothing else, as draft 10 of the protocol
// had it. PublicKey.VerifyBare says what that is worth.
func (k *PrivateKey) SignBare(hash []byte) ([]byte, error) {
	sig, err := k.key.sign(hash)
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w", k.algorithm, err)
	}
	return sig, nil
}
