package tracker

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	certs "github.com/swarmgate/swarmgate/ppsp/member"
)

// office is a tracker that issues certificates, and a peer that is in swarmA.
type office struct {
	t         testing.TB
	authority *certs.Authority
	issuer    *Issuer
	server    *Server
	now       time.Time
	key       *ecdsa.PrivateKey
	csr       []byte
}

var (
	memberAt   = netip.MustParseAddrPort("203.0.113.7:7000")
	memberPeer = ppsp.PeerID{1}
)

func newOffice(t testing.TB, change func(*ServerConfig)) *office {
	t.Helper()
	o := &office{t: t, now: time.Unix(1_800_000_000, 0)}
	var err error
	if o.authority, err = certs.NewAuthority(rand.Reader); err != nil {
		t.Fatal(err)
	}
	o.issuer = NewIssuer(o.authority, time.Hour, 3478)
	cfg := ServerConfig{Issuer: o.issuer, Now: func() time.Time { return o.now }}
	if change != nil {
		change(&cfg)
	}
	o.server = NewServer(cfg)
	o.join(memberPeer)
	if o.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if o.csr, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, o.key); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) join(id ppsp.PeerID) {
	o.t.Helper()
	m := Member{ID: id.String(), Mode: Leech, Source: address("203.0.113.7:4000", Reflexive, 0)}
	if err := o.server.config.Registry.Join(o.t.Context(), o.now, swarmA.String(), m); err != nil {
		o.t.Fatal(err)
	}
}

// request is a good one, of the member.
func (o *office) request() CertificateRequest {
	return CertificateRequest{swarmA.String(), memberPeer.String(), memberAt, o.issuer.Proof(memberAt, o.now), o.csr}
}

// ask posts a request.
func (o *office) ask(q any) (int, CertificateAnswer) {
	o.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.post(body)
}

func (o *office) post(body []byte) (int, CertificateAnswer) {
	o.t.Helper()
	r := httptest.NewRequest(http.MethodPost, CertificatePath, bytes.NewReader(body))
	r.RemoteAddr = "203.0.113.7:5000"
	w := httptest.NewRecorder()
	o.server.ServeHTTP(w, r)
	var a CertificateAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || (w.Code == http.StatusOK) != (len(a.Certificate) > 0 && a.Error == "") {
		o.t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return w.Code, a
}

// "the tracker creates a membership certificate from the request with Swarm ID S, a Timestamp T, and
// the external IP and port it received the message from, signed with the tracker's private key" (RFC
// 7574, 12.2.2).
func TestIssue(t *testing.T) {
	o := newOffice(t, nil)
	status, a := o.ask(o.request())
	if status != http.StatusOK {
		t.Fatal(status, a.Error)
	}
	c, err := certs.Parse(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	id, err := certs.IDOf(&o.key.PublicKey)
	if at, _ := c.AddrPort(); err != nil || at != memberAt || c.Swarm != swarmA || c.ID != id || !c.NotBefore.Equal(o.now) || !c.NotAfter.Equal(o.now.Add(time.Hour)) {
		t.Errorf("%+v, %v", c, err)
	}
	if err := c.Verify(o.authority.Key(), swarmA, o.now); err != nil {
		t.Error(err)
	}
}

// Nobody gets one but a member, for an address to which datagrams get through to him.
func TestIssueRefuses(t *testing.T) {
	elsewhere := netip.MustParseAddrPort("198.51.100.9:7000")
	for name, c := range map[string]struct {
		change func(o *office, q *CertificateRequest)
		want   int
		words  string
	}{
		"another address":     {func(_ *office, q *CertificateRequest) { q.Address = elsewhere }, 403, "proof"},
		"another port":        {func(_ *office, q *CertificateRequest) { q.Address = netip.AddrPortFrom(memberAt.Addr(), 7001) }, 403, "proof"},
		"no proof":            {func(_ *office, q *CertificateRequest) { q.Proof = nil }, 403, "proof"},
		"an old proof":        {func(o *office, _ *CertificateRequest) { o.now = o.now.Add(proofLife) }, 403, "proof"},
		"a proof of tomorrow": {func(o *office, q *CertificateRequest) { q.Proof = o.issuer.Proof(memberAt, o.now.Add(proofLife)) }, 403, "proof"},
		"another one's proof": {func(o *office, q *CertificateRequest) { q.Proof = newOffice(o.t, nil).issuer.Proof(memberAt, o.now) }, 403, "proof"},
		"a proof, changed":    {func(_ *office, q *CertificateRequest) { q.Proof[proofSize-1]++ }, 403, "proof"},
		"no address":          {func(_ *office, q *CertificateRequest) { q.Address = netip.AddrPort{} }, 400, "peer_addr"},
		"a group's address":   {func(_ *office, q *CertificateRequest) { q.Address = netip.MustParseAddrPort("224.0.0.1:1") }, 400, "peer_addr"},
		"another swarm":       {func(_ *office, q *CertificateRequest) { q.SwarmID = swarmB.String() }, 403, "CONNECT first"},
		"no swarm":            {func(_ *office, q *CertificateRequest) { q.SwarmID = "xyz" }, 400, "swarm_id"},
		"an unknown peer":     {func(_ *office, q *CertificateRequest) { q.PeerID = ppsp.PeerID{9}.String() }, 403, "CONNECT first"},
		"no peer":             {func(_ *office, q *CertificateRequest) { q.PeerID = "" }, 400, "peer_id"},
		"no key":              {func(_ *office, q *CertificateRequest) { q.Request = nil }, 400, "PKCS"},
		"another one's key":   {func(_ *office, q *CertificateRequest) { q.Request[len(q.Request)-1] ^= 1 }, 400, "PKCS"},
		"a key of another kind": {func(o *office, q *CertificateRequest) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err == nil {
				q.Request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
			}
			if err != nil {
				o.t.Fatal(err)
			}
		}, 400, "PKCS"},
	} {
		o := newOffice(t, nil)
		q := o.request()
		c.change(o, &q)
		if status, a := o.ask(q); status != c.want || !strings.Contains(a.Error, c.words) {
			t.Errorf("%s: %d %q, want %d and %q", name, status, a.Error, c.want, c.words)
		}
	}
	o := newOffice(t, nil)
	for _, body := range []string{"", "{", "[]", `{"peer_addr":"nowhere"}`, `{"proof":"` + strings.Repeat("A", MaxCertificateRequest) + `"}`} {
		if status, _ := o.post([]byte(body)); status != http.StatusBadRequest {
			t.Errorf("%.30s: %d", body, status)
		}
	}
	closed := newOffice(t, func(c *ServerConfig) { c.Authorize = refuseAll })
	if status, _ := closed.ask(closed.request()); status != http.StatusUnauthorized {
		t.Errorf("without credentials: %d", status)
	}
	shut := newOffice(t, func(c *ServerConfig) {
		c.Banned = func(from netip.Addr, _ string) bool { return from == elsewhere.Addr() }
	})
	q := shut.request()
	q.Address, q.Proof = elsewhere, shut.issuer.Proof(elsewhere, shut.now)
	if status, _ := shut.ask(q); status != http.StatusForbidden {
		t.Errorf("for an address that is shut out: %d", status)
	}
	o.server.config.Registry = broken{}
	if status, _ := o.ask(o.request()); status != http.StatusServiceUnavailable {
		t.Errorf("without its registry: %d", status)
	}
}

// Certificates are bounded for each address, and for all together.
func TestIssueIsBounded(t *testing.T) {
	o := newOffice(t, nil)
	count := func(at func(i int) netip.AddrPort, n int) (good, last int) {
		for i := range n {
			q := o.request()
			q.Address, q.Proof = at(i), o.issuer.Proof(at(i), o.now)
			if last, _ = o.ask(q); last == http.StatusOK {
				good++
			}
		}
		return good, last
	}
	port := func(i int) netip.AddrPort { return netip.AddrPortFrom(memberAt.Addr(), uint16(i+1)) }
	if good, last := count(port, 2*issuesRoom); good != issuesRoom+1 || last != http.StatusTooManyRequests {
		t.Errorf("one address got %d, then %d", good, last)
	}
	all := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 7000)
	}
	if good, last := count(all, 1100); good != issuesBurst-issuesRoom || last != http.StatusServiceUnavailable {
		t.Errorf("all addresses got %d, then %d", good, last)
	}
	o.now = o.now.Add(issuesEvery)
	if good, _ := count(port, 2); good != 1 {
		t.Errorf("later one address got %d", good)
	}
}

// A client gets a certificate from a tracker of the swarm's authority, and takes no other.
func TestClientCertificate(t *testing.T) {
	o := newOffice(t, func(c *ServerConfig) { c.Now = nil })
	o.now = time.Now()
	o.join(memberPeer)
	around := func(f func(w http.ResponseWriter, r *http.Request) bool) *Client {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !f(w, r) {
				o.server.ServeHTTP(w, r)
			}
		}))
		t.Cleanup(s.Close)
		return NewClient(ClientConfig{URL: s.URL + "/announce?x=1", PeerID: memberPeer})
	}
	plain := func(http.ResponseWriter, *http.Request) bool { return false }
	var asked netip.AddrPort
	query := CertificateQuery{Swarm: swarmA, Authority: o.authority.Key(), Key: o.key, Prove: func(_ context.Context, server netip.AddrPort) (netip.AddrPort, []byte, error) {
		asked = server
		return memberAt, o.issuer.Proof(memberAt, time.Now()), nil
	}}
	client := around(plain)
	defer client.CloseIdleConnections()
	c, err := client.Certificate(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := c.AddrPort(); at != memberAt || asked != netip.MustParseAddrPort("127.0.0.1:3478") {
		t.Errorf("a certificate for %v by the STUN server %v", at, asked)
	}
	other := newOffice(t, nil)
	stranger := query
	stranger.Authority = other.authority.Key()
	if _, err := client.Certificate(t.Context(), stranger); !errors.Is(err, ErrNoIssuer) {
		t.Errorf("a tracker of another authority: %v", err)
	}
	lost := query
	lost.Prove = func(context.Context, netip.AddrPort) (netip.AddrPort, []byte, error) {
		return netip.AddrPort{}, nil, errBroken
	}
	if _, err := client.Certificate(t.Context(), lost); !errors.Is(err, errBroken) {
		t.Errorf("without an answer by UDP: %v", err)
	}
	answers := func(status int, body string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	_, theirs := o.ask(CertificateRequest{swarmA.String(), memberPeer.String(), memberAt, o.issuer.Proof(memberAt, time.Now()), other.csr})
	mine, err := json.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		f    func(w http.ResponseWriter, r *http.Request) bool
		want string
	}{
		{answers(http.StatusOK, string(mine)), "another one's"},
		{answers(http.StatusOK, `{"certificate":"AAAA"}`), "membership certificate"},
		{answers(http.StatusOK, `no`), "no JSON"},
		{answers(http.StatusOK, strings.Repeat(" ", maxCertificateAnswer+1)), "more than"},
		{answers(http.StatusForbidden, `{"error":"you are shut out"}`), "403 Forbidden you are shut out"},
		{func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return true
		}, ErrNoIssuer.Error()},
	} {
		c := around(bad.f)
		if _, err := c.Certificate(t.Context(), query); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%v, want %q", err, bad.want)
		}
		c.CloseIdleConnections()
	}
}

// Whatever is posted costs a bounded look, and gets no certificate that says what is not proven.
func FuzzCertificateRequest(f *testing.F) {
	o := newOffice(f, nil)
	good, err := json.Marshal(o.request())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"peer_addr":"[::1%eth0]:7"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o.t, o.issuer.one.until, o.issuer.all.until, o.server.rates.until = t, nil, nil, nil
		status, a := o.post(b)
		if status != http.StatusOK {
			return
		}
		c, err := certs.Parse(a.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if at, _ := c.AddrPort(); at != memberAt || c.Swarm != swarmA || c.Verify(o.authority.Key(), swarmA, o.now) != nil {
			t.Errorf("%s\ngot a certificate for %v in %s", b, at, c.Swarm)
		}
	})
}
