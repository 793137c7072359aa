package livesig

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func swarmID(a ppsp.Signature, key []byte) ppsp.SwarmID {
	return ppsp.SwarmID(append([]byte{byte(a)}, key...))
}

// signedRRSet returns what the RRSIG of "www.example.net. 3600 IN A 192.0.2.1" covers:
// the RRSIG's RDATA without its signature, then the record (RFC 4034, 3.1.8.1).
func signedRRSet(t *testing.T, a ppsp.Signature, expires, inception string, tag uint16) []byte {
	t.Helper()
	name := func(labels ...string) (b []byte) {
		for _, l := range labels {
			b = append(append(b, byte(len(l))), l...)
		}
		return append(b, 0)
	}
	stamp := func(b []byte, s string) []byte {
		at, err := time.Parse("20060102150405", s)
		if err != nil {
			t.Fatal(err)
		}
		return binary.BigEndian.AppendUint32(b, uint32(at.Unix()))
	}
	b := []byte{0, 1, byte(a), 3, 0, 0, 0x0e, 0x10}
	b = stamp(stamp(b, expires), inception)
	b = binary.BigEndian.AppendUint16(b, tag)
	b = append(b, name("example", "net")...)
	b = append(b, name("www", "example", "net")...)
	return append(b, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1)
}

// RFC 6605, 6: keys and signatures of DNSSEC, whose forms RFC 7574 takes over.
func TestECDSAVectorsOfRFC6605(t *testing.T) {
	for _, v := range []struct {
		algorithm                 ppsp.Signature
		private, public           string
		expires, inception        string
		tag                       uint16
		signature                 string
		publicBytes, signatureLen int
	}{
		{
			algorithm: ppsp.ECDSAP256SHA256,
			private:   "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=",
			public:    "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
			expires:   "20100909100439", inception: "20100812100439", tag: 55648,
			signature: "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXA yGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
			// "for P-256, each integer MUST be encoded as 32 octets"
			publicBytes: 64, signatureLen: 64,
		},
		{
			algorithm: ppsp.ECDSAP384SHA384,
			private:   "WURgWHCcYIYUPWgeLmiPY2DJJk02vgrmTfitxgqcL4vw W7BOrbawVmVe0d9V94SR",
			public: `xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1
				w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8
				/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40`,
			expires: "20100909102025", inception: "20100812102025", tag: 10771,
			signature: `/L5hDKIvGDyI1fcARX3z65qrmPsVz73QD1Mr5CEqOiLP
				95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuz
				WTSSPdz7wnqXL5bdcJzusdnI0RSMROxxwGipWcJm`,
			// "for P-384, each integer MUST be encoded as 48 octets"
			publicBytes: 96, signatureLen: 96,
		},
	} {
		t.Run(v.algorithm.String(), func(t *testing.T) {
			public := unbase64(t, v.public)
			k, err := ParsePublicKey(swarmID(v.algorithm, public))
			if err != nil {
				t.Fatal(err)
			}
			if len(public) != v.publicBytes || k.SignatureSize() != v.signatureLen || k.Algorithm() != v.algorithm {
				t.Errorf("key of %d bytes, signatures of %d, algorithm %v", len(public), k.SignatureSize(), k.Algorithm())
			}
			message, sig := signedRRSet(t, v.algorithm, v.expires, v.inception, v.tag), unbase64(t, v.signature)
			if !k.VerifyBare(message, sig) {
				t.Error("the RFC's signature is refused")
			}
			message[len(message)-1]++
			if k.VerifyBare(message, sig) {
				t.Error("the signature is taken for another address")
			}
			private, err := Generate(v.algorithm, bytes.NewReader(unbase64(t, v.private)))
			if err != nil {
				t.Fatal(err)
			}
			if got := private.SwarmID(); got != swarmID(v.algorithm, public) {
				t.Errorf("private key leads to swarm %v", got)
			}
		})
	}
}

// RFC 6979, A.2.5 and A.2.6, message "sample": signing is deterministic.
func TestECDSAVectorsOfRFC6979(t *testing.T) {
	for _, v := range []struct {
		algorithm     ppsp.Signature
		private, want string
	}{
		{
			ppsp.ECDSAP256SHA256,
			"C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
			`EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
			 F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8`,
		},
		{
			ppsp.ECDSAP384SHA384,
			"6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
			`94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46
			 99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8`,
		},
	} {
		k, err := Generate(v.algorithm, bytes.NewReader(unhex(t, v.private)))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := k.SignBare([]byte("sample"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sig, unhex(t, v.want)) {
			t.Errorf("%v: signature %x", v.algorithm, sig)
		}
	}
}

// RFC 8032, 7.1, TEST 1.
func TestEd25519VectorOfRFC8032(t *testing.T) {
	seed := unhex(t, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	k, err := Generate(ppsp.Ed25519, bytes.NewReader(seed))
	if err != nil {
		t.Fatal(err)
	}
	public := unhex(t, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	if k.SwarmID() != swarmID(ppsp.Ed25519, public) {
		t.Errorf("swarm ID %v", k.SwarmID())
	}
	sig, err := k.SignBare(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, `e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
		5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b`)
	if !bytes.Equal(sig, want) {
		t.Errorf("signature %x", sig)
	}
}

// RFC 5702, 6.2: an RSA key in the form of RFC 3110. Its signature uses SHA-512, which
// RFC 7574 does not know, so only the key is of use; that of 6.1 is too short for us.
func TestRSAKeysOfRFC5702(t *testing.T) {
	long := unbase64(t, `AwEAAdHoNTOW+et86KuJOWRDp1pndvwb6Y83nSVXXyLA3DLroROUkN6X0O6pnWnjJQujX/AyhqFD
		xj13tOnD9u/1kTg7cV6rklMrZDtJCQ5PCl/D7QNPsgVsMu1J2Q8gpMpztNFLpPBz1bWXjDtaR7ZQBlZ3PFY12ZTSncorffcGmhOL`)
	k, err := ParsePublicKey(swarmID(ppsp.RSASHA256, long))
	if err != nil {
		t.Fatal(err)
	}
	if k.SignatureSize() != 128 {
		t.Errorf("signatures of %d bytes, want the modulus' 128", k.SignatureSize())
	}
	short := unbase64(t, `AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8PkxUdp6p/DlUmObdk=`)
	if _, err := ParsePublicKey(swarmID(ppsp.RSASHA256, short)); err == nil || !strings.Contains(err.Error(), "512 bits") {
		t.Errorf("key of 512 bits: %v", err)
	}
}

// A live source of libswift, seen on the wire: munro of chunks 0 to 31, signed as draft 10
// had it, over the hash alone.
func TestLibswiftSignature(t *testing.T) {
	id := unhex(t, `0d
		32551cc819873a95b43de735a7ec2f4576d4eaa383a880b819d24dcafcc64471
		e5c4d5dcd24659c4140739e3808086f21f0b8469d0ec2620d39f2fd93c46201e`)
	k, err := ParsePublicKey(ppsp.SwarmID(id))
	if err != nil {
		t.Fatal(err)
	}
	spec, hash := unhex(t, "00000000 0000001f"), unhex(t, "25843a28e53da621f4daa8d939eaefdaa7358718")
	sig := unhex(t, `bee41d978c6161367b5dcd174d904ca527bc3723d0a99b305b6d263cdf0b87b7
		23127c1d302f1bbb92963bcff36bd0f746b99847f1861a7c9e9c046e309a87a3`)
	if !k.VerifyBare(hash, sig) {
		t.Error("libswift's signature is refused")
	}
	if k.Verify(spec, 0x000660d9869124c2, hash, sig) {
		t.Error("libswift's signature passes for one of RFC 7574, which covers more")
	}
	hash[0] ^= 1
	if k.VerifyBare(hash, sig) {
		t.Error("libswift's signature is taken for another hash")
	}
}
