package livesig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/swarmgate/swarmgate/ppsp"
)

// curve is what RFC 6605, 4 fixes for one algorithm number.
type curve struct {
	elliptic.Curve
	hash  crypto.Hash
	width int // bytes of one coordinate, and of r and s
}

func curveOf(a ppsp.Signature) curve {
	if a == ppsp.ECDSAP384SHA384 {
		return curve{elliptic.P384(), crypto.SHA384, 48}
	}
	return curve{elliptic.P256(), crypto.SHA256, 32}
}

func (c curve) digest(message []byte) []byte {
	h := c.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

type ecdsaPublic struct {
	curve
	key *ecdsa.PublicKey
	raw []byte // x ‖ y
}

type ecdsaPrivate struct {
	ecdsaPublic
	private *ecdsa.PrivateKey
}

func parseECDSA(a ppsp.Signature, raw []byte) (verifier, error) {
	c := curveOf(a)
	if len(raw) != 2*c.width {
		return nil, fmt.Errorf("public key of %s has %d bytes, want %d", a, len(raw), 2*c.width)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(c.Curve, append([]byte{4}, raw...))
	if err != nil {
		return nil, fmt.Errorf("public key of %s is not a point on the curve", a)
	}
	return ecdsaPublic{curve: c, key: key, raw: raw}, nil
}

// maxDraws bounds the search for a scalar below the curve's order: P-256 and P-384 reject
// less than one draw in 2^32.
const maxDraws = 8

func generateECDSA(a ppsp.Signature, random io.Reader) (signer, error) {
	c := curveOf(a)
	scalar := make([]byte, c.width)
	for range maxDraws {
		if _, err := io.ReadFull(random, scalar); err != nil {
			return nil, err
		}
		if key, err := ecdsa.ParseRawPrivateKey(c.Curve, scalar); err == nil {
			return newECDSA(a, key)
		}
	}
	return nil, errors.New("the random source gives no usable scalar")
}

func newECDSA(a ppsp.Signature, key *ecdsa.PrivateKey) (signer, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	public := ecdsaPublic{curve: curveOf(a), key: &key.PublicKey, raw: point[1:]}
	return ecdsaPrivate{ecdsaPublic: public, private: key}, nil
}

func (k ecdsaPublic) size() int { return 2 * k.width }

func (k ecdsaPublic) appendKey(dst []byte) []byte { return append(dst, k.raw...) }

func (k ecdsaPublic) verify(message, sig []byte) bool {
	if len(sig) != k.size() {
		return false
	}
	r := new(big.Int).SetBytes(sig[:k.width])
	s := new(big.Int).SetBytes(sig[k.width:])
	return ecdsa.Verify(k.key, k.digest(message), r, s)
}

func (k ecdsaPrivate) pkcs8() any { return k.private }

func (k ecdsaPrivate) sign(message []byte) ([]byte, error) {
	der, err := k.private.Sign(nil, k.digest(message), k.hash)
	if err != nil {
		return nil, err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	sig := make([]byte, k.size())
	pair.R.FillBytes(sig[:k.width])
	pair.S.FillBytes(sig[k.width:])
	return sig, nil
}
