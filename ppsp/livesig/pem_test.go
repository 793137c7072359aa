package livesig

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// pkcs8 writes a key as other programs do.
func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestPEMRoundTrip(t *testing.T) {
	forEach(t, func(t *testing.T, k *PrivateKey) {
		b, err := k.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > MaxPEM {
			t.Errorf("stored key has %d bytes, more than ParsePEM takes", len(b))
		}
		back, err := ParsePEM(b)
		if err != nil {
			t.Fatal(err)
		}
		if back.SwarmID() != k.SwarmID() || back.Algorithm() != k.Algorithm() {
			t.Errorf("stored key is of swarm %v, algorithm %v", back.SwarmID(), back.Algorithm())
		}
		sig, err := back.Sign(nil, 1, []byte("hash"))
		if err != nil || !k.Public().Verify(nil, 1, []byte("hash"), sig) {
			t.Errorf("stored key does not sign for its swarm: %v", err)
		}
	})
}

// A source that starts again must stay in its swarm, so the two RSA algorithms, which one
// key can serve, must not be mixed up.
func TestPEMTellsRSAAlgorithms(t *testing.T) {
	b, err := key(t, ppsp.RSASHA1).MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	text, block, _ := bytes.Cut(b, []byte("\n"))
	if string(text) != "Algorithm: rsasha1" {
		t.Errorf("stored key begins with %q", text)
	}
	k, err := ParsePEM(block)
	if err != nil || k.Algorithm() != ppsp.RSASHA256 {
		t.Errorf("RSA key without its line: %v, want rsasha256", err)
	}
}

func TestParsePEMOfOthers(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParsePEM(pkcs8(t, private))
	if err != nil {
		t.Fatal(err)
	}
	if k.Algorithm() != ppsp.ECDSAP384SHA384 {
		t.Errorf("algorithm %v", k.Algorithm())
	}
}

func TestParsePEMRefuses(t *testing.T) {
	good, err := key(t, ppsp.ECDSAP256SHA256).MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory
	for _, v := range []struct {
		what string
		pem  []byte
		want string
	}{
		{"nothing", nil, "no PEM block"},
		{"text", []byte("hello"), "-----BEGIN PRIVATE KEY-----"},
		{"a certificate", block(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), `holds "CERTIFICATE"`},
		{"another form of key", block(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte{1}}), "openssl pkcs8"},
		{"rubbish", block(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1, 2, 3}}), "damaged"},
		{"too much", make([]byte, MaxPEM+1), "at most"},
		{"P-521", pkcs8(t, p521), "P-521, want P-256 or P-384"},
		{"X25519", pkcs8(t, x25519), "can't sign"},
		{"an unknown name", append([]byte("Algorithm: md5\n"), good...), `"md5" is unknown`},
		{"another name", bytes.Replace(good, []byte("ecdsap256sha256"), []byte("ed25519"), 1), "names algorithm ed25519, but holds a key of ecdsap256sha256"},
		{"RSA's name", bytes.Replace(good, []byte("ecdsap256sha256"), []byte("rsasha1"), 1), "names algorithm rsasha1"},
	} {
		if _, err := ParsePEM(v.pem); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v, want an error with %q", v.what, err, v.want)
		}
	}
}

// A key that no receiver would take must not become a swarm.
func TestPrivateRSABounds(t *testing.T) {
	for _, bits := range []uint{MinRSABits - 1, MaxRSABits + 1} {
		public := rsa.PublicKey{N: new(big.Int).SetBytes(modulus(bits)), E: 65537}
		if _, err := newRSA(ppsp.RSASHA256, &rsa.PrivateKey{PublicKey: public}); err == nil {
			t.Errorf("RSA key of %d bits is taken", bits)
		}
	}
}

func FuzzParsePEM(f *testing.F) {
	for _, a := range algorithms[2:] { // RSA keys take each worker seconds to make
		b, err := key(f, a).MarshalPEM()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParsePEM(b)
		if err != nil {
			return
		}
		if _, err := ParsePublicKey(k.SwarmID()); err != nil {
			t.Errorf("the key makes a swarm that nobody can join: %v", err)
		}
	})
}
