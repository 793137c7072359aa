package livesig

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// modulus returns an odd number of so many bits.
func modulus(bits uint) []byte {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return n.SetBit(n, 0, 1).Bytes()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestParsePublicKeyRefuses(t *testing.T) {
	one := func(b ...byte) []byte { return b }
	for _, v := range []struct {
		what string
		id   []byte
		want string // in the error
	}{
		{"nothing", nil, "0 bytes"},
		{"an algorithm alone", one(13), "1 bytes"},
		{"too much", make([]byte, ppsp.MaxSwarmID+1), "at most"},
		{"algorithm 0", one(0, 1, 2), "algorithm 0 is unknown"},
		{"RSAMD5", join(one(1, 1, 3), modulus(1024)), "algorithm 1 is unknown"},
		{"RSASHA512", join(one(10, 1, 3), modulus(1024)), "algorithm 10 is unknown"},
		{"a short point", join(one(13), make([]byte, 63)), "has 63 bytes, want 64"},
		{"a long point", join(one(13), make([]byte, 65)), "has 65 bytes, want 64"},
		{"a P-256 point as P-384", join(one(14), make([]byte, 64)), "want 96"},
		{"zeros for a point", join(one(13), make([]byte, 64)), "not a point"},
		{"ones for a point", join(one(14), bytes.Repeat(one(1), 96)), "not a point"},
		{"coordinates beyond the field", join(one(13), bytes.Repeat(one(0xff), 64)), "not a point"},
		{"a short Ed25519 key", join(one(15), make([]byte, 31)), "has 31 bytes, want 32"},
		{"an RSA key that ends in its exponent's length", one(8, 0, 1), "ends within"},
		{"an exponent of no bytes", join(one(8, 0, 0, 0), modulus(1024)), "exponent 0 bytes"},
		{"an exponent to the end", one(8, 3, 1, 0, 1), "exponent 3 bytes"},
		{"an exponent beyond the end", join(one(8, 255), modulus(1024)), "exponent 255 bytes"},
		{"a leading zero in the exponent", join(one(8, 2, 0, 3), modulus(1024)), "leading zero"},
		{"a leading zero in the modulus", join(one(8, 1, 3, 0), modulus(1024)), "leading zero"},
		{"an exponent of 32 bits", join(one(8, 4, 0x80, 0, 0, 1), modulus(1024)), "at most 31"},
		{"an exponent of 64 bits", join(one(8, 8), bytes.Repeat(one(0xff), 8), modulus(1024)), "at most 31"},
		{"an exponent of 300 bytes", join(one(8, 0, 1, 44), bytes.Repeat(one(1), 300), modulus(1024)), "at most 31"},
		{"exponent 1", join(one(5, 1, 1), modulus(1024)), "at least 3"},
		{"an even exponent", join(one(5, 1, 4), modulus(1024)), "odd"},
		{"an even modulus", join(one(5, 1, 3), modulus(1023), one(0)), "odd"},
		{"a modulus of 1023 bits", join(one(5, 1, 3), modulus(1023)), "1023 bits, want 1024 to 4096"},
		{"a modulus of 4097 bits", join(one(5, 1, 3), modulus(4097)), "4097 bits, want 1024 to 4096"},
	} {
		_, err := ParsePublicKey(ppsp.SwarmID(v.id))
		if err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v, want an error with %q", v.what, err, v.want)
		}
	}
}

// "Its length in octets is represented as one octet if it is in the range of 1 to 255 and
// by a zero octet followed by a two octet unsigned length if it is longer than 255 bytes."
// (RFC 3110, 2)
func TestRSAExponentLengths(t *testing.T) {
	n := modulus(2048)
	short := join([]byte{8, 3, 1, 0, 1}, n)
	long := join([]byte{8, 0, 0, 3, 1, 0, 1}, n)
	for _, id := range [][]byte{short, long} {
		k, err := ParsePublicKey(ppsp.SwarmID(id))
		if err != nil {
			t.Fatal(err)
		}
		rsa := k.key.(rsaPublic).key
		if rsa.E != 65537 || rsa.N.BitLen() != 2048 || k.SignatureSize() != 256 {
			t.Errorf("exponent %d, modulus of %d bits, signatures of %d bytes", rsa.E, rsa.N.BitLen(), k.SignatureSize())
		}
		if k.SwarmID() != ppsp.SwarmID(id) {
			t.Error("the swarm's name changed, which would make it another swarm")
		}
	}
}

func TestRSABoundsAreIncluded(t *testing.T) {
	for _, bits := range []uint{MinRSABits, MaxRSABits} {
		for _, e := range [][]byte{{1, 3}, {4, 0x7f, 0xff, 0xff, 0xff}} {
			if _, err := ParsePublicKey(ppsp.SwarmID(join([]byte{5}, e, modulus(bits)))); err != nil {
				t.Errorf("%d bits, exponent %x: %v", bits, e[1:], err)
			}
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	for _, a := range algorithms[2:] {
		f.Add([]byte(key(f, a).SwarmID()), []byte("signature"))
	}
	f.Add(join([]byte{8, 3, 1, 0, 1}, modulus(1024)), make([]byte, 128))
	f.Add(join([]byte{5, 0, 0, 1, 3}, modulus(1024)), bytes.Repeat([]byte{0xff}, 128))
	f.Fuzz(func(t *testing.T, id, sig []byte) {
		k, err := ParsePublicKey(ppsp.SwarmID(id))
		if err != nil {
			return
		}
		if k.SwarmID() != ppsp.SwarmID(id) {
			t.Errorf("key of %x gives %v back", id, k.SwarmID())
		}
		if n := k.SignatureSize(); n < 64 || n > MaxRSABits/8 {
			t.Errorf("signatures of %d bytes", n)
		}
		if len(sig) != k.SignatureSize() && k.VerifyBare([]byte("hash"), sig) {
			t.Errorf("signature of %d bytes is taken, want %d", len(sig), k.SignatureSize())
		}
		k.Verify(nil, 0, nil, append(sig, make([]byte, k.SignatureSize())...)[:k.SignatureSize()])
	})
}
