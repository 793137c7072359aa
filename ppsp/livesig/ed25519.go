package livesig

import (
	"crypto/ed25519"
	"fmt"
	"io"
)

type ed25519Public struct{ key ed25519.PublicKey }

type ed25519Private struct {
	ed25519Public
	private ed25519.PrivateKey
}

func parseEd25519(raw []byte) (verifier, error) {
	if len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("public key of ed25519 has %d bytes, want %d", len(raw), ed25519.PublicKeySize)
	}
	return ed25519Public{key: raw}, nil
}

func generateEd25519(random io.Reader) (signer, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	return newEd25519(ed25519.NewKeyFromSeed(seed)), nil
}

func newEd25519(key ed25519.PrivateKey) signer {
	public := key.Public().(ed25519.PublicKey)
	return ed25519Private{ed25519Public: ed25519Public{key: public}, private: key}
}

func (k ed25519Public) size() int { return ed25519.SignatureSize }

func (k ed25519Public) appendKey(dst []byte) []byte { return append(dst, k.key...) }

func (k ed25519Public) verify(message, sig []byte) bool {
	return ed25519.Verify(k.key, message, sig)
}

func (k ed25519Private) pkcs8() any { return k.private }

func (k ed25519Private) sign(message []byte) ([]byte, error) {
	return ed25519.Sign(k.private, message), nil
}
