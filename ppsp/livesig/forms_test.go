package livesig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// "signature = ( 01 | FF* | 00 | prefix | hash ) ** e (mod n)" with the prefix of the hash
// function (RFC 3110, 3 and RFC 5702, 3.1), here undone by hand.
func TestRSASignatureForm(t *testing.T) {
	message := []byte("munro")
	sha1Sum, sha256Sum := sha1.Sum(message), sha256.Sum256(message)
	for _, v := range []struct {
		algorithm ppsp.Signature
		prefix    string
		hash      []byte
	}{
		{ppsp.RSASHA1, "30 21 30 09 06 05 2B 0E 03 02 1A 05 00 04 14", sha1Sum[:]},
		{ppsp.RSASHA256, "30 31 30 0d 06 09 60 86 48 01 65 03 04 02 01 05 00 04 20", sha256Sum[:]},
	} {
		k := key(t, v.algorithm)
		sig, err := k.SignBare(message)
		if err != nil {
			t.Fatal(err)
		}
		id := []byte(k.SwarmID())
		if id[0] != byte(v.algorithm) || !bytes.Equal(id[1:5], []byte{3, 1, 0, 1}) {
			t.Fatalf("%v: key begins with %x, want the algorithm, exponent length 3, exponent 65537", v.algorithm, id[:5])
		}
		n := new(big.Int).SetBytes(id[5:])
		if len(sig) != len(id)-5 {
			t.Errorf("%v: signature of %d bytes, modulus of %d", v.algorithm, len(sig), len(id)-5)
		}
		padded := new(big.Int).Exp(new(big.Int).SetBytes(sig), big.NewInt(65537), n).Bytes()
		tail := append([]byte{0}, append(unhex(t, v.prefix), v.hash...)...)
		want := append([]byte{1}, bytes.Repeat([]byte{0xff}, len(sig)-2-len(tail))...)
		if !bytes.Equal(padded, append(want, tail...)) {
			t.Errorf("%v: signature holds %x", v.algorithm, padded)
		}
	}
}

// "ECDSA signatures are stored … as the concatenation r | s" (RFC 6605, 4), each of full
// width, even when it begins with zeros.
func TestECDSASignatureForm(t *testing.T) {
	for _, a := range []ppsp.Signature{ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384} {
		k := key(t, a)
		public := k.key.(ecdsaPrivate).private.PublicKey
		width := k.Public().SignatureSize() / 2
		short := 0
		for n := range 600 { // one r or s in 128 begins with a zero byte
			message := []byte{byte(n), byte(n >> 8)}
			sig, err := k.SignBare(message)
			if err != nil {
				t.Fatal(err)
			}
			if len(sig) != 2*width {
				t.Fatalf("%v: signature of %d bytes, want %d", a, len(sig), 2*width)
			}
			if sig[0] == 0 || sig[width] == 0 {
				short++
			}
			var digest []byte
			if a == ppsp.ECDSAP256SHA256 {
				sum := sha256.Sum256(message)
				digest = sum[:]
			} else {
				sum := sha512.Sum384(message)
				digest = sum[:]
			}
			r, s := new(big.Int).SetBytes(sig[:width]), new(big.Int).SetBytes(sig[width:])
			if !ecdsa.Verify(&public, digest, r, s) || !k.Public().VerifyBare(message, sig) {
				t.Fatalf("%v: signature %d is refused", a, n)
			}
			if short > 0 && n > 50 {
				break
			}
		}
		if short == 0 {
			t.Errorf("%v: no signature needed padding, the test is void", a)
		}
	}
}

// Swarms share keys between their loops.
func TestKeysAreSafeForConcurrentUse(t *testing.T) {
	forEach(t, func(t *testing.T, k *PrivateKey) {
		public := k.Public()
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				hash := []byte{byte(n)}
				for ntp := range uint64(3) {
					sig, err := k.Sign(nil, ntp, hash)
					if err != nil || !public.Verify(nil, ntp, hash, sig) || public.Verify(nil, ntp+1, hash, sig) {
						t.Errorf("signature %d of %d: %v", ntp, n, err)
					}
				}
			})
		}
		all.Wait()
	})
}
