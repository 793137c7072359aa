package livesig

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"   // hash of RSASHA1
	_ "crypto/sha256" // hash of RSASHA256
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Bounds of RSA keys. RFC 3110, 2 and RFC 5702, 2 allow 512 to 4096 bits; below 1024 a
// key can be broken at home, and an exponent of more than 31 bits only costs time.
const (
	MinRSABits       = 1024
	MaxRSABits       = 4096
	MaxRSAExponent   = 1<<31 - 1
	GeneratedRSABits = 2048
)

type rsaPublic struct {
	hash crypto.Hash
	key  *rsa.PublicKey
	raw  []byte // as it stood in the swarm ID, which can spell one key in two ways
}

type rsaPrivate struct {
	rsaPublic
	private *rsa.PrivateKey
}

func rsaHash(a ppsp.Signature) crypto.Hash {
	if a == ppsp.RSASHA1 {
		return crypto.SHA1
	}
	return crypto.SHA256
}

// parseRSA reads the form of RFC 3110, 2. The three-byte form of the exponent's length is
// taken for short exponents too: other programs write it.
func parseRSA(a ppsp.Signature, raw []byte) (verifier, error) {
	length, rest := int(raw[0]), raw[1:]
	if length == 0 {
		if len(rest) < 2 {
			return nil, errors.New("RSA key ends within the length of its exponent")
		}
		length, rest = int(binary.BigEndian.Uint16(rest)), rest[2:]
	}
	if length == 0 || length >= len(rest) {
		return nil, fmt.Errorf("RSA key gives its exponent %d bytes and has %d for exponent and modulus", length, len(rest))
	}
	exponent, modulus := rest[:length], rest[length:]
	// "Leading zero octets are prohibited in the exponent and modulus."
	if exponent[0] == 0 || modulus[0] == 0 {
		return nil, errors.New("RSA key has a leading zero in its exponent or modulus")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus)}
	e := new(big.Int).SetBytes(exponent)
	if !e.IsInt64() || e.Int64() > MaxRSAExponent {
		return nil, fmt.Errorf("RSA key has an exponent of %d bits, want at most 31", e.BitLen())
	}
	key.E = int(e.Int64())
	if err := checkRSA(key); err != nil {
		return nil, err
	}
	return rsaPublic{hash: rsaHash(a), key: key, raw: raw}, nil
}

func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
		return fmt.Errorf("RSA key has %d bits, want %d to %d", bits, MinRSABits, MaxRSABits)
	}
	if key.E < 3 || key.E%2 == 0 || key.N.Bit(0) == 0 {
		return errors.New("RSA key needs an odd modulus and an odd exponent of at least 3")
	}
	return nil
}

func generateRSA(a ppsp.Signature, random io.Reader) (signer, error) {
	key, err := rsa.GenerateKey(random, GeneratedRSABits)
	if err != nil {
		return nil, err
	}
	return newRSA(a, key)
}

func newRSA(a ppsp.Signature, key *rsa.PrivateKey) (signer, error) {
	if err := checkRSA(&key.PublicKey); err != nil {
		return nil, err
	}
	exponent := big.NewInt(int64(key.E)).Bytes()
	raw := append([]byte{byte(len(exponent))}, exponent...)
	raw = append(raw, key.N.Bytes()...)
	public := rsaPublic{hash: rsaHash(a), key: &key.PublicKey, raw: raw}
	return rsaPrivate{rsaPublic: public, private: key}, nil
}

func (k rsaPublic) size() int { return k.key.Size() }

func (k rsaPublic) appendKey(dst []byte) []byte { return append(dst, k.raw...) }

func (k rsaPublic) digest(message []byte) []byte {
	h := k.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

func (k rsaPublic) verify(message, sig []byte) bool {
	return len(sig) == k.size() && rsa.VerifyPKCS1v15(k.key, k.hash, k.digest(message), sig) == nil
}

func (k rsaPrivate) pkcs8() any { return k.private }

func (k rsaPrivate) sign(message []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, k.private, k.hash, k.digest(message))
}
