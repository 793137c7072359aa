package member

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

var (
	swarmA = mustSwarm("e5a12c7ad2d8fab33c699d1e198d66f79fa610c3")
	swarmB = mustSwarm("0102030405060708090a0b0c0d0e0f1011121314")
	noon   = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)
)

func mustSwarm(s string) ppsp.SwarmID {
	id, err := ppsp.ParseSwarmID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func authority(t testing.TB) *Authority {
	t.Helper()
	a, err := NewAuthority(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func memberKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	c, err := NewCredential(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c.Key
}

func issue(t testing.TB, a *Authority, address string) *Certificate {
	t.Helper()
	c, err := a.Issue(rand.Reader, Grant{
		Swarm: swarmA, Address: address, From: noon, Until: noon.Add(time.Hour), PublicKey: &memberKey(t).PublicKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// "An example URL: file://192.0.2.0:6778/e5a12c7ad2d8fab33c699d1e198d66f79fa610c3", "notBefore
// … set to T and notAfter … to T plus some expiry time" (RFC 7574, 8.13)
func TestFormOfCertificate(t *testing.T) {
	c := issue(t, authority(t), "192.0.2.0:6778")
	x, err := x509.ParseCertificate(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	if x.Version != 3 || len(x.URIs) != 1 || x.URIs[0].String() != "file://192.0.2.0:6778/e5a12c7ad2d8fab33c699d1e198d66f79fa610c3" {
		t.Errorf("X.509v%d of %v", x.Version, x.URIs)
	}
	if !x.NotBefore.Equal(noon) || !x.NotAfter.Equal(noon.Add(time.Hour)) {
		t.Errorf("holds from %v to %v", x.NotBefore, x.NotAfter)
	}
	critical := false
	for _, e := range x.Extensions {
		critical = critical || e.Id.Equal(oidSubjectAltName) && e.Critical
	}
	if !critical {
		t.Error("the alternative name is not critical")
	}
	addr, ok := c.AddrPort()
	if !ok || addr != netip.MustParseAddrPort("192.0.2.0:6778") || c.Swarm != swarmA || len(c.ID) != 64 {
		t.Errorf("parsed %v %v of swarm %s, member %s", addr, ok, c.Swarm, c.ID)
	}
}

func TestAddresses(t *testing.T) {
	a := authority(t)
	for address, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7:1", "[2001:db8::7]:6778": "[2001:db8::7]:6778", "peer.example.org:80": "", "": "", "0.0.0.0:0": "",
	} {
		c := issue(t, a, address)
		addr, ok := c.AddrPort()
		if ok != (want != "") || ok && addr.String() != want {
			t.Errorf("%q: %v, %v", address, addr, ok)
		}
		if text := c.Address(); text != strings.TrimPrefix(address, "0.0.0.0:0") {
			t.Errorf("%q: Address is %q", address, text)
		}
	}
	for _, address := range []string{
		"192.0.2.7", "192.0.2.7:0", "192.0.2.7:65536", "192.0.2.7:+1", "192.0.2.7:01", "[fe80::1%eth0]:1", "[::ffff:192.0.2.1]:1",
		"a b:1", ":1", "-x:1", "x..y:1", strings.Repeat("a", 254) + ":1", "name:0", "192.0.2.7:1/x", "u@h:1",
	} {
		_, err := a.Issue(rand.Reader, Grant{Swarm: swarmA, Address: address, From: noon, Until: noon.Add(1), PublicKey: &memberKey(t).PublicKey})
		if err == nil {
			t.Errorf("a certificate for %q was issued", address)
		}
	}
}

// "The receiver Peer A can check the certificate for a valid signature by a trusted issuer,
// the right swarm, and liveliness" (RFC 7574, 3.10.1)
func TestVerify(t *testing.T) {
	a, other := authority(t), authority(t)
	c := issue(t, a, "")
	tests := []struct {
		name  string
		key   AuthorityKey
		swarm ppsp.SwarmID
		at    time.Time
		want  error
	}{
		{"good", a.Key(), swarmA, noon.Add(time.Minute), nil},
		{"first moment, slow clock", a.Key(), swarmA, noon.Add(-Leeway), nil},
		{"too early", a.Key(), swarmA, noon.Add(-Leeway - 1), ErrNotYet},
		{"last moment, fast clock", a.Key(), swarmA, noon.Add(time.Hour + Leeway), nil},
		{"expired", a.Key(), swarmA, noon.Add(time.Hour + Leeway + 1), ErrExpired},
		{"other swarm", a.Key(), swarmB, noon, ErrOtherSwarm},
		{"other authority", other.Key(), swarmA, noon, ErrOtherAuthority},
	}
	for _, tt := range tests {
		if err := c.Verify(tt.key, tt.swarm, tt.at); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if c.Verify(AuthorityKey{}, swarmA, noon) == nil {
		t.Error("the zero key verified it")
	}
}

// Any bit that is changed makes a certificate unreadable or unverifiable.
func TestBitFlips(t *testing.T) {
	a := authority(t)
	c := issue(t, a, "192.0.2.0:6778")
	for i := range c.DER {
		b := bytes.Clone(c.DER)
		b[i] ^= 1 << (i % 8)
		if changed, err := Parse(b); err == nil && changed.Verify(a.Key(), changed.Swarm, changed.NotBefore) == nil {
			t.Errorf("byte %d of %d changed, and it verifies", i, len(b))
		}
	}
}

// Other programs verify what we issue against the authority's own certificate.
func TestChainOfOthers(t *testing.T) {
	a := authority(t)
	c := issue(t, a, "192.0.2.0:6778")
	self, err := a.SelfSigned(rand.Reader, noon)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(self) {
		t.Fatalf("not a certificate: %s", self)
	}
	x, _ := x509.ParseCertificate(c.DER)
	for at, good := range map[time.Time]bool{noon.Add(time.Minute): true, noon.Add(2 * time.Hour): false} {
		_, err := x.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if (err == nil) != good {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

// What strangers make of a certificate is refused, even if the authority signed it.
func TestForeignForms(t *testing.T) {
	a := authority(t)
	uri := func(s string) []*url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return []*url.URL{u}
	}
	const good = "file://192.0.2.0:6778/e5a12c"
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	edwards, _, _ := ed25519.GenerateKey(rand.Reader)
	tests := map[string]func(x *x509.Certificate, key *any){
		"no URI":         func(x *x509.Certificate, _ *any) { x.URIs = nil },
		"two URIs":       func(x *x509.Certificate, _ *any) { x.URIs = append(x.URIs, x.URIs[0]) },
		"a DNS name too": func(x *x509.Certificate, _ *any) { x.DNSNames = []string{"a.example"} },
		"other scheme":   func(x *x509.Certificate, _ *any) { x.URIs = uri("http://192.0.2.0:6778/e5a12c") },
		"query":          func(x *x509.Certificate, _ *any) { x.URIs = uri(good + "?x=1") },
		"fragment":       func(x *x509.Certificate, _ *any) { x.URIs = uri(good + "#x") },
		"user":           func(x *x509.Certificate, _ *any) { x.URIs = uri("file://u@192.0.2.0:6778/e5a12c") },
		"no port":        func(x *x509.Certificate, _ *any) { x.URIs = uri("file://192.0.2.0/e5a12c") },
		"no swarm":       func(x *x509.Certificate, _ *any) { x.URIs = uri("file://192.0.2.0:6778/") },
		"no path":        func(x *x509.Certificate, _ *any) { x.URIs = uri("file://192.0.2.0:6778") },
		"bad swarm":      func(x *x509.Certificate, _ *any) { x.URIs = uri("file://192.0.2.0:6778/xyz") },
		"not critical":   func(x *x509.Certificate, _ *any) { x.Subject.CommonName = "somebody" },
		"an authority":   func(x *x509.Certificate, _ *any) { x.IsCA = true; x.BasicConstraintsValid = true },
		"P-384":          func(_ *x509.Certificate, key *any) { *key = &p384.PublicKey },
		"Ed25519":        func(_ *x509.Certificate, key *any) { *key = edwards },
		"too long": func(x *x509.Certificate, _ *any) {
			x.ExtraExtensions = append(x.ExtraExtensions, extension(false, make([]byte, MaxCertificate)))
		},
		"unknown and critical": func(x *x509.Certificate, _ *any) {
			x.ExtraExtensions = append(x.ExtraExtensions, extension(true, []byte{5, 0}))
		},
	}
	for name, change := range tests {
		x := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: noon, NotAfter: noon.Add(time.Hour), URIs: uri(good)}
		var key any = &memberKey(t).PublicKey
		change(x, &key)
		der, err := x509.CreateCertificate(rand.Reader, x, parentOf(&a.private.PublicKey), key, a.private)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c, err := Parse(der); err == nil {
			t.Errorf("%s: taken for the certificate of %s in %s", name, c.Address(), c.Swarm)
		}
	}
}

func TestGrantsThatCantBe(t *testing.T) {
	a, key := authority(t), &memberKey(t).PublicKey
	for name, g := range map[string]Grant{
		"no swarm":   {From: noon, Until: noon.Add(1), PublicKey: key},
		"long swarm": {Swarm: ppsp.SwarmID(make([]byte, ppsp.MaxSwarmID+1)), From: noon, Until: noon.Add(1), PublicKey: key},
		"no key":     {Swarm: swarmA, From: noon, Until: noon.Add(1)},
		"no time":    {Swarm: swarmA, From: noon, Until: noon, PublicKey: key},
		"for ever":   {Swarm: swarmA, From: noon, Until: noon.Add(MaxValidity + 1), PublicKey: key},
	} {
		if _, err := a.Issue(rand.Reader, g); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
	longest := Grant{
		Swarm: ppsp.SwarmID(bytes.Repeat([]byte{255}, ppsp.MaxSwarmID)), Address: strings.Repeat("a.", 120) + "b:65535",
		From: noon, Until: noon.Add(time.Hour), PublicKey: key,
	}
	if c, err := a.Issue(rand.Reader, longest); err != nil || c.Swarm != longest.Swarm {
		t.Errorf("the longest certificate: %v", err)
	}
}

func TestAuthorityKey(t *testing.T) {
	a := authority(t)
	back, err := ParseAuthorityKey(a.Key().String())
	if err != nil || back != a.Key() {
		t.Errorf("%v, %v", back, err)
	}
	zero := strings.Repeat("00", 33)
	for _, s := range []string{"", "02", a.Key().String()[1:], a.Key().String() + "00", zero, "02" + strings.Repeat("ff", 32), strings.Repeat("zz", 33)} {
		if _, err := ParseAuthorityKey(s); err == nil {
			t.Errorf("%q is taken for a key", s)
		}
	}
}

func extension(critical bool, value []byte) (e pkix.Extension) {
	e.Id, e.Critical, e.Value = asn1.ObjectIdentifier{1, 2, 3, 4}, critical, value
	return e
}

func TestCredentialFiles(t *testing.T) {
	a := authority(t)
	c, err := NewCredential(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []struct {
		swarm ppsp.SwarmID
		days  int
	}{{swarmA, 1}, {swarmB, 1}, {swarmA, 9}, {swarmA, 3}} {
		o, err := a.Issue(rand.Reader, Grant{Swarm: g.swarm, From: noon, Until: noon.AddDate(0, 0, g.days), PublicKey: &c.Key.PublicKey})
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = append(c.Certificates, o)
	}
	key, err := c.MarshalKey()
	if err != nil {
		t.Fatal(err)
	}
	certificates := c.MarshalCertificates()
	for name, files := range map[string][2][]byte{
		"two files": {certificates, key},
		"one file":  {append(bytes.Clone(certificates), key...), append(bytes.Clone(certificates), key...)},
		"with text": {append([]byte("hello\n"), certificates...), append([]byte("my key\n"), key...)},
	} {
		back, err := ParseCredential(files[0], files[1])
		if err != nil || len(back.Certificates) != 4 || !back.Key.Equal(c.Key) {
			t.Fatalf("%s: %v", name, err)
		}
		if o, ok := back.For(swarmA); !ok || !o.NotAfter.Equal(noon.AddDate(0, 0, 9)) || o.ID != c.Certificates[1].ID {
			t.Errorf("%s: for swarm A: %v", name, o)
		}
		if _, ok := back.For(mustSwarm("00")); ok {
			t.Errorf("%s: a certificate for an unknown swarm", name)
		}
	}
	foreign, _ := NewCredential(rand.Reader)
	foreignKey, _ := foreign.MarshalKey()
	many := bytes.Repeat(certificates, MaxCertificates/4+1)
	for name, files := range map[string][2][]byte{
		"foreign key": {certificates, foreignKey}, "no key": {certificates, nil}, "no certificate": {key, key},
		"damaged":  {certificates, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: []byte{1}})},
		"not one":  {pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: []byte{1}}), key},
		"too many": {many, key}, "too long": {make([]byte, MaxPEM+1), key},
	} {
		if _, err := ParseCredential(files[0], files[1]); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAuthorityFile(t *testing.T) {
	a := authority(t)
	b, err := a.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseAuthority(b)
	if err != nil || back.Key() != a.Key() {
		t.Fatalf("%v, %v", back, err)
	}
	member, _ := NewCredential(rand.Reader)
	key, _ := member.MarshalKey()
	if _, err := ParseAuthority(key); err == nil {
		t.Error("a member's key is taken for an authority")
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	wrong, _ := marshalKey(pemAuthority, p384)
	if _, err := ParseAuthority(wrong); err == nil {
		t.Error("a key of P-384 is taken for an authority")
	}
}

// A parser of strangers' bytes never panics, and what it takes is what it says.
func FuzzParse(f *testing.F) {
	a := authority(f)
	for _, address := range []string{"", "192.0.2.0:6778", "[2001:db8::1]:9", "peer.example:1"} {
		f.Add(issue(f, a, address).DER)
	}
	fixed, err := hex.DecodeString("3003020101")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(fixed)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		if len(c.Swarm) == 0 || len(c.Swarm) > ppsp.MaxSwarmID || !bytes.Equal(c.DER, b) || len(c.ID) != 64 {
			t.Errorf("parsed %+v", c)
		}
		if addr, ok := c.AddrPort(); ok && (addr.Port() == 0 || addr.Addr().IsUnspecified() || addr.String() != c.Address()) {
			t.Errorf("address %v, %q", addr, c.Address())
		}
		stranger := AuthorityKey{2}
		stranger[32] = 5 // a point that nobody holds the key of
		if c.Verify(stranger, c.Swarm, c.NotBefore) == nil {
			t.Error("verified by a stranger's key")
		}
	})
}
