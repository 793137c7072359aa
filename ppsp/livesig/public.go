// Package livesig signs live streams and checks their signatures: keys in the form of a
// DNSKEY record, signatures in the form of an RRSIG record (RFC 7574, 6.1 and 8.9).
//
//	swarm ID     algorithm (1 byte) ‖ public key
//	public key   RSA    exponent length (1 or 3 bytes) ‖ exponent ‖ modulus   (RFC 3110, 2)
//	             ECDSA  x ‖ y, 32 or 48 bytes each                           (RFC 6605, 4)
//	             EdDSA  32 bytes                                             (RFC 8080, 3)
//	signature    RSA    PKCS#1 v1.5, as long as the modulus                  (RFC 3110, 3)
//	             ECDSA  r ‖ s, 32 or 48 bytes each                           (RFC 6605, 4)
//	             EdDSA  64 bytes                                             (RFC 8080, 4)
//	covered      chunk specification ‖ NTP timestamp ‖ hash                  (RFC 7574, 6.1.2.2)
//
// Keys and signatures come from strangers: whatever is malformed, too large or off the
// curve is refused before any arithmetic is done with it.
package livesig

import (
	"encoding/binary"
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// verifier is the public half of one algorithm.
type verifier interface {
	// verify tells whether sig covers message; sig may have any length.
	verify(message, sig []byte) bool
	// size is the length of a signature in bytes.
	size() int
	// appendKey appends the DNSKEY form, without the algorithm byte.
	appendKey(dst []byte) []byte
}

// PublicKey checks the signatures of one live swarm. It is safe for concurrent use.
type PublicKey struct {
	algorithm ppsp.Signature
	key       verifier
}

// ParsePublicKey reads the key that a live swarm ID is (RFC 7574, 6.1). It refuses unknown
// algorithms, wrong lengths, points that are not on the curve, and RSA keys outside
// MinRSABits to MaxRSABits or with an exponent above MaxRSAExponent.
func ParsePublicKey(id ppsp.SwarmID) (*PublicKey, error) {
	if len(id) < 2 || len(id) > ppsp.MaxSwarmID {
		return nil, fmt.Errorf("live swarm ID has %d bytes, want an algorithm byte and a public key of at most %d bytes in all", len(id), ppsp.MaxSwarmID)
	}
	algorithm, raw := ppsp.Signature(id[0]), []byte(id[1:])
	var key verifier
	var err error
	switch algorithm {
	case ppsp.RSASHA1, ppsp.RSASHA256:
		key, err = parseRSA(algorithm, raw)
	case ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384:
		key, err = parseECDSA(algorithm, raw)
	case ppsp.Ed25519:
		key, err = parseEd25519(raw)
	default:
		err = fmt.Errorf("signature algorithm %d is unknown, use 5, 8, 13, 14 or 15", id[0])
	}
	if err != nil {
		return nil, fmt.Errorf("live swarm ID %s: %w", id.Short(), err)
	}
	return &PublicKey{algorithm: algorithm, key: key}, nil
}

// Algorithm returns the algorithm that the swarm ID names.
func (k *PublicKey) Algorithm() ppsp.Signature { return k.algorithm }

// SwarmID returns the key in the form that ParsePublicKey reads.
func (k *PublicKey) SwarmID() ppsp.SwarmID {
	return ppsp.SwarmID(k.key.appendKey([]byte{byte(k.algorithm)}))
}

// SignatureSize returns the length in bytes that every signature of this key has, which is
// what a decoder of SIGNED_INTEGRITY has to know (RFC 7574, 8.9).
func (k *PublicKey) SignatureSize() int { return k.key.size() }

// Verify tells whether sig covers the chunk specification as it stood on the wire, the NTP
// timestamp, and the munro's hash (RFC 7574, 6.1.2.2), or, with Sign All, the chunk itself
// in the place of the hash (RFC 7574, 6.1.1).
func (k *PublicKey) Verify(spec []byte, ntp uint64, hash, sig []byte) bool {
	return k.key.verify(covered(spec, ntp, hash), sig)
}

// VerifyBare tells whether sig covers the hash and nothing else, as draft 10 of the
// protocol had it. Such a signature does not tell which chunks nor when, so anyone can
// replay it elsewhere: use it only with peers of that profile.
func (k *PublicKey) VerifyBare(hash, sig []byte) bool { return k.key.verify(hash, sig) }

// covered joins what a signature is taken over.
func covered(spec []byte, ntp uint64, hash []byte) []byte {
	b := make([]byte, 0, len(spec)+8+len(hash))
	b = append(b, spec...)
	b = binary.BigEndian.AppendUint64(b, ntp)
	return append(b, hash...)
}
