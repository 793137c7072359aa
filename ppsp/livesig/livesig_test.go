package livesig

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

var algorithms = []ppsp.Signature{
	ppsp.RSASHA1, ppsp.RSASHA256, ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384, ppsp.Ed25519,
}

// made keeps one key of each algorithm, since RSA keys take their time.
var made sync.Map

func key(t testing.TB, a ppsp.Signature) *PrivateKey {
	t.Helper()
	if k, ok := made.Load(a); ok {
		return k.(*PrivateKey)
	}
	k, err := Generate(a, rand.NewChaCha8([32]byte{byte(a)}))
	if err != nil {
		t.Fatal(err)
	}
	made.Store(a, k)
	return k
}

func forEach(t *testing.T, test func(t *testing.T, k *PrivateKey)) {
	for _, a := range algorithms {
		t.Run(a.String(), func(t *testing.T) { test(t, key(t, a)) })
	}
}

func TestSignAndVerify(t *testing.T) {
	spec, hash := []byte{0, 0, 0, 32, 0, 0, 0, 63}, bytes.Repeat([]byte{7}, 32)
	forEach(t, func(t *testing.T, k *PrivateKey) {
		sig, err := k.Sign(spec, 42, hash)
		if err != nil {
			t.Fatal(err)
		}
		public, err := ParsePublicKey(k.SwarmID())
		if err != nil {
			t.Fatal(err)
		}
		if public.Algorithm() != k.Algorithm() || public.SwarmID() != k.SwarmID() {
			t.Errorf("public key is %v of %v", public.SwarmID(), public.Algorithm())
		}
		if len(sig) != public.SignatureSize() {
			t.Errorf("signature has %d bytes, SignatureSize says %d", len(sig), public.SignatureSize())
		}
		if !public.Verify(spec, 42, hash, sig) || !k.Public().Verify(spec, 42, hash, sig) {
			t.Fatal("own signature is refused")
		}
		again, err := k.Sign(spec, 42, hash)
		if err != nil || !bytes.Equal(sig, again) {
			t.Error("signing twice gives two signatures")
		}
		other := append([]byte(nil), spec...)
		other[3]--
		if public.Verify(other, 42, hash, sig) {
			t.Error("signature holds for other chunks")
		}
		if public.Verify(spec, 43, hash, sig) {
			t.Error("signature holds for another time")
		}
		if public.Verify(spec, 42, hash[1:], sig) {
			t.Error("signature holds for another hash")
		}
		if public.VerifyBare(hash, sig) {
			t.Error("signature holds without chunks and time")
		}
	})
}

// "The signature is computed over a concatenation of the on-the-wire representation of the
// chunk specification of the munro node, a timestamp in 64-bit NTP Timestamp format, and
// the hash associated with the munro node, in that order." (RFC 7574, 6.1.2.2)
func TestSignatureCoversConcatenation(t *testing.T) {
	spec, hash, ntp := []byte{1, 2, 3}, []byte{4, 5}, uint64(0x0102030405060708)
	joined := append(binary.BigEndian.AppendUint64(append([]byte(nil), spec...), ntp), hash...)
	forEach(t, func(t *testing.T, k *PrivateKey) {
		sig, err := k.Sign(spec, ntp, hash)
		if err != nil {
			t.Fatal(err)
		}
		if !k.Public().VerifyBare(joined, sig) {
			t.Error("signature does not cover specification, timestamp and hash as they stand")
		}
	})
}

func TestVerifyRefusesDamage(t *testing.T) {
	forEach(t, func(t *testing.T, k *PrivateKey) {
		hash := []byte("hash")
		sig, err := k.Sign(nil, 0, hash)
		if err != nil {
			t.Fatal(err)
		}
		public := k.Public()
		for at := range sig {
			bad := append([]byte(nil), sig...)
			bad[at] ^= 0x10
			if public.Verify(nil, 0, hash, bad) {
				t.Fatalf("signature with byte %d altered is taken", at)
			}
		}
		zero := make([]byte, len(sig))
		full := bytes.Repeat([]byte{0xff}, len(sig))
		for what, bad := range map[string][]byte{
			"no": nil, "short": sig[1:], "cut": sig[:len(sig)-1], "long": append(zero[:1:1], sig...),
			"zero": zero, "full": full,
		} {
			if public.Verify(nil, 0, hash, bad) {
				t.Errorf("%s signature is taken", what)
			}
		}
	})
}

func TestKeysOfOthersAreRefused(t *testing.T) {
	for _, a := range []ppsp.Signature{ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384, ppsp.Ed25519} {
		other, err := Generate(a, rand.NewChaCha8([32]byte{99}))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := other.Sign(nil, 0, []byte("hash"))
		if err != nil {
			t.Fatal(err)
		}
		if key(t, a).Public().Verify(nil, 0, []byte("hash"), sig) {
			t.Errorf("%v: signature of another key is taken", a)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	for _, a := range []ppsp.Signature{ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384, ppsp.Ed25519} {
		one, err1 := Generate(a, rand.NewChaCha8([32]byte{5}))
		two, err2 := Generate(a, rand.NewChaCha8([32]byte{5}))
		if err1 != nil || err2 != nil || one.SwarmID() != two.SwarmID() {
			t.Errorf("%v: one source, keys %v and %v (%v, %v)", a, one.SwarmID(), two.SwarmID(), err1, err2)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	if _, err := Generate(6, rand.NewChaCha8([32]byte{})); err == nil || !strings.Contains(err.Error(), "ecdsap256sha256") {
		t.Errorf("unknown algorithm: %v", err)
	}
	for _, a := range []ppsp.Signature{ppsp.ECDSAP256SHA256, ppsp.Ed25519} {
		if _, err := Generate(a, strings.NewReader("short")); err == nil {
			t.Errorf("%v: a dry random source makes a key", a)
		}
	}
	broken := bytes.NewReader(make([]byte, 32*maxDraws)) // scalar 0 is none
	if _, err := Generate(ppsp.ECDSAP256SHA256, broken); err == nil {
		t.Error("a random source of zeros makes a key")
	}
}

// The draft's signature over the hash alone keeps its own entrance.
func TestSignBare(t *testing.T) {
	forEach(t, func(t *testing.T, k *PrivateKey) {
		sig, err := k.SignBare([]byte("hash"))
		if err != nil {
			t.Fatal(err)
		}
		if !k.Public().VerifyBare([]byte("hash"), sig) || k.Public().VerifyBare([]byte("hasH"), sig) {
			t.Error("bare signature does not cover just the hash")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, a := range algorithms {
		k := key(b, a)
		hash := make([]byte, 32)
		sig, err := k.Sign(nil, 0, hash)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(a.String(), func(b *testing.B) {
			for b.Loop() {
				if !k.Public().Verify(nil, 0, hash, sig) {
					b.Fatal("refused")
				}
			}
		})
	}
}
