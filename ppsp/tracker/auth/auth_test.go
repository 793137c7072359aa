package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	onePeer   = "0123456789abcdef0123456789abcdef"
	otherPeer = "ffffffffffffffffffffffffffffffff"
	goodToken = "a-token-that-is-long-enough"
)

func users(t testing.TB, text string) *Users {
	t.Helper()
	u, err := ReadUsers(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func tokens(t testing.TB) *Tokens {
	t.Helper()
	k, err := ReadTokens(strings.NewReader("# ours\n" + goodToken + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ask has the checker decide on a request.
func ask(c *Checker, from, peer, authorization string) (challenges []string, ok bool) {
	r := httptest.NewRequest(http.MethodPost, "/announce", http.NoBody)
	r.RemoteAddr = from
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return c.Authorize(r, peer)
}

// reply answers a challenge as a client does.
func reply(t testing.TB, challenge, name, password string, count uint32) string {
	t.Helper()
	rest, ok := scheme(challenge, "Digest")
	p, good := parameters(rest)
	if !ok || !good {
		t.Fatalf("challenge %q", challenge)
	}
	return answer(p, name, password, http.MethodPost, "/announce", "0a4f113b", count)
}

// RFC 7616, 3.9.1: the example, with both algorithms.
func TestExampleOfTheRFC(t *testing.T) {
	for algorithm, want := range map[Algorithm]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		challenge := map[string]string{
			"realm": "http-auth@example.org", "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			"opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", "algorithm": string(algorithm),
		}
		got := answer(challenge, "Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
		if !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}

func TestDigest(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	file := "# people\nalice:open sesame\n" + onePeer + ":mine\n" +
		"htmd5:" + Realm + ":" + MD5.digest("htmd5", Realm, "old") + "\nhtsha:" + Realm + ":" + SHA256.digest("htsha", Realm, "new") + "\n"
	c := New(func() time.Time { return now }, NewDigest(users(t, file)))
	from := func(i int) string { return fmt.Sprintf("192.0.2.%d:99", i) }
	challenges, ok := ask(c, from(0), onePeer, "")
	// RFC 7616, 3.7: "the first challenge is the one that the server prefers"
	if ok || len(challenges) != 2 || !strings.Contains(challenges[0], "SHA-256") || !strings.Contains(challenges[1], "MD5") {
		t.Fatalf("challenged with %q", challenges)
	}
	sha, md := challenges[0], challenges[1]
	good := reply(t, sha, "alice", "open sesame", 1)
	for i, c2 := range []struct {
		what, header, peer string
		want               bool
	}{
		{"right", good, onePeer, true},
		{"the same once more", good, onePeer, false},
		{"the next count", reply(t, sha, "alice", "open sesame", 3), onePeer, true},
		{"one that was overtaken", reply(t, sha, "alice", "open sesame", 2), otherPeer, true},
		{"MD5", reply(t, md, "alice", "open sesame", 4), onePeer, true},
		{"wrong password", reply(t, sha, "alice", "open barley", 5), onePeer, false},
		{"nobody", reply(t, sha, "bob", "open sesame", 6), onePeer, false},
		{"its own ID", reply(t, sha, onePeer, "mine", 7), onePeer, true},
		{"the ID of another", reply(t, sha, onePeer, "mine", 8), otherPeer, false},
		{"hash of MD5", reply(t, md, "htmd5", "old", 9), onePeer, true},
		{"hash of MD5 by SHA-256", reply(t, sha, "htmd5", "old", 10), onePeer, false},
		{"hash of SHA-256", reply(t, sha, "htsha", "new", 11), onePeer, true},
		{"another address", strings.Replace(reply(t, sha, "alice", "open sesame", 12), `uri="/announce"`, `uri="/"`, 1), onePeer, false},
		{"another realm", strings.Replace(reply(t, sha, "alice", "open sesame", 13), `realm="`+Realm, `realm="x`, 1), onePeer, false},
		{"count of another length", strings.Replace(reply(t, sha, "alice", "open sesame", 14), "nc=0000000e", "nc=e", 1), onePeer, false},
		{"twice a name", good + ", nc=00000001", onePeer, false},
		{"no Digest at all", "Digest", onePeer, false},
		{"Basic", "Basic YWxpY2U6b3BlbiBzZXNhbWU=", onePeer, false},
	} {
		if _, ok := ask(c, from(i), c2.peer, c2.header); ok != c2.want {
			t.Errorf("%s: %v, want %v (%s)", c2.what, ok, c2.want, c2.header)
		}
	}
	// A nonce that is too old or not ours is no wrong password: RFC 7616, 3.3, stale.
	now = now.Add(nonceLife + time.Minute)
	challenges, ok = ask(c, from(0), onePeer, reply(t, sha, "alice", "open sesame", 20))
	if ok || !strings.Contains(challenges[0], "stale=true") {
		t.Errorf("an old nonce: %v, %q", ok, challenges)
	}
	if _, ok = ask(c, from(0), onePeer, reply(t, challenges[0], "alice", "open sesame", 1)); !ok {
		t.Error("the nonce that came instead is refused")
	}
	forged := strings.Replace(sha, `nonce="`, `nonce="AAAA`, 1)
	if challenges, ok = ask(c, from(0), onePeer, reply(t, forged, "alice", "open sesame", 1)); ok || !strings.Contains(challenges[0], "stale=true") {
		t.Errorf("a nonce that is not ours: %v, %q", ok, challenges)
	}
}

// RFC 7616, 3.4: the count is that of "the number of requests (including the current request) that the client has sent with the
// nonce value": each client begins at 1, also when several are challenged at the same time.
func TestDigestOfManyClients(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	c := New(func() time.Time { return now }, NewDigest(users(t, "alice:one\nbob:two")))
	var headers []string
	for i, who := range []string{"alice one", "bob two", "alice one"} {
		name, password, _ := strings.Cut(who, " ")
		challenges, _ := ask(c, fmt.Sprintf("192.0.2.%d:1", i), onePeer, "")
		headers = append(headers, reply(t, challenges[0], name, password, 1))
	}
	for round, want := range []bool{true, false} {
		for i, header := range headers {
			if _, ok := ask(c, fmt.Sprintf("192.0.2.%d:1", i), onePeer, header); ok != want {
				t.Errorf("round %d, client %d: %v, want %v", round, i, ok, want)
			}
		}
	}
}

// A gateway announces several channels at the same time.
func TestDigestClientInParallel(t *testing.T) {
	c := New(nil, NewDigest(users(t, "alice:secret")))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if challenges, ok := c.Authorize(r, onePeer); !ok {
			w.Header()["Www-Authenticate"] = challenges
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	cred, err := ReadCredentials(strings.NewReader(s.URL+" digest alice secret"), "")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: cred.Transport(&http.Transport{})}
	defer client.CloseIdleConnections()
	status := make(chan int)
	const many = 8
	for range many {
		go func() { // the test waits for each below
			answer, err := client.Get(s.URL)
			if err != nil {
				status <- 0
				return
			}
			_ = answer.Body.Close()
			status <- answer.StatusCode
		}()
	}
	for range many {
		if got := <-status; got != 200 {
			t.Errorf("one of %d requests at a time: status %d", many, got)
		}
	}
}

func TestToken(t *testing.T) {
	c := New(nil, tokens(t))
	for header, want := range map[string]bool{
		"Bearer " + goodToken: true, "bearer " + goodToken: true, "Bearer " + goodToken + "x": false, "Bearer": false, "Bearer ": false, goodToken: false, "": false,
	} {
		challenges, ok := ask(c, "192.0.2.1:1", onePeer, header)
		if ok != want || !want && (len(challenges) != 1 || challenges[0] != `Bearer realm="swarmgate"`) {
			t.Errorf("%q: %v, %q", header, ok, challenges)
		}
	}
}

// A thousand wrong tries from one address cost nothing: beyond the first few nothing is looked
// at, nobody else notices, and a peer that was let in from the same address stays in.
func TestWrongTries(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	c := New(func() time.Time { return now }, tokens(t), NewDigest(users(t, "alice:secret")))
	const home, neighbour = "192.0.2.1:1", "192.0.2.2:1"
	challenges, _ := ask(c, home, onePeer, "")
	digest := challenges[1]
	if _, ok := ask(c, home, onePeer, reply(t, digest, "alice", "secret", 1)); !ok {
		t.Fatal("alice is not let in")
	}
	for i := range 1000 {
		now = now.Add(60 * time.Millisecond)
		challenges, ok := ask(c, home, otherPeer, fmt.Sprintf("Bearer guess-number-%020d", i))
		if ok || len(challenges) != 3 {
			t.Fatalf("try %d: %v, %q", i, ok, challenges)
		}
	}
	if _, ok := ask(c, home, otherPeer, "Bearer "+goodToken); ok {
		t.Error("the try after a thousand wrong ones was looked at")
	}
	if _, ok := ask(c, home, onePeer, reply(t, digest, "alice", "secret", 2)); !ok {
		t.Error("alice, who was in, is shut out by whoever guesses from the same address")
	}
	if _, ok := ask(c, neighbour, otherPeer, "Bearer "+goodToken); !ok {
		t.Error("another address is shut out")
	}
	now = now.Add(wrongTries * wrongRefill)
	if _, ok := ask(c, home, otherPeer, "Bearer "+goodToken); !ok {
		t.Error("the address is shut out for ever")
	}
	if n := len(c.guard.tries) + len(c.guard.known); n > 4 {
		t.Errorf("%d things are remembered", n)
	}
}

// A user's password is guessed no faster from the address at which the user is known, nor from
// this machine, by which a proxy passes on all the world; and no guesser shuts another one out.
func TestGuesses(t *testing.T) {
	for _, c := range []struct {
		what, guesser, user string
		most                int // guesses that are looked at
	}{
		{"a neighbour of the user", "192.0.2.1:7", "192.0.2.1:8", wrongOfUser},
		{"somebody far away", "198.51.100.1:7", "192.0.2.1:8", wrongOfUser},
		{"by a proxy on this machine", "127.0.0.1:7", "127.0.0.1:8", wrongOfUser},
		{"by a proxy on this machine, IPv6", "[::1]:7", "[::1]:8", wrongOfUser},
	} {
		now := time.Unix(1_700_000_000, 0)
		d := NewDigest(users(t, "alice:secret\nbob:other"))
		checked := &counted{way: d}
		c2 := New(func() time.Time { return now }, checked, tokens(t))
		challenges, _ := ask(c2, c.user, onePeer, "")
		own := challenges[0]
		if _, ok := ask(c2, c.user, onePeer, reply(t, own, "alice", "secret", 1)); !ok {
			t.Fatalf("%s: alice is not let in", c.what)
		}
		checked.n = 0
		for i := range 1000 {
			challenges, _ = ask(c2, c.guesser, otherPeer, "")
			if _, ok := ask(c2, c.guesser, otherPeer, reply(t, challenges[0], "alice", fmt.Sprint(i), 1)); ok {
				t.Fatalf("%s: guess %d is right", c.what, i)
			}
		}
		if checked.n != c.most {
			t.Errorf("%s: %d guesses were looked at, want %d", c.what, checked.n, c.most)
		}
		// The one who was in stays in, by a new nonce too.
		now = now.Add(nonceLife + time.Minute)
		for range 1000 {
			ask(c2, c.guesser, otherPeer, reply(t, challenges[0], "alice", "wrong", 1))
		}
		if challenges, _ = ask(c2, c.user, onePeer, reply(t, own, "alice", "secret", 2)); !strings.Contains(challenges[0], "stale=true") {
			t.Errorf("%s: alice's nonce of before gets %q", c.what, challenges)
		}
		if _, ok := ask(c2, c.user, onePeer, reply(t, challenges[0], "alice", "secret", 1)); !ok {
			t.Errorf("%s: alice is shut out", c.what)
		}
		if challenges, _ = ask(c2, c.user, onePeer, ""); c.user != "192.0.2.1:8" {
			if _, ok := ask(c2, c.user, onePeer, reply(t, challenges[0], "bob", "other", 1)); !ok {
				t.Errorf("%s: bob is shut out", c.what)
			}
			if _, ok := ask(c2, c.user, onePeer, "Bearer "+goodToken); !ok {
				t.Errorf("%s: a token is shut out", c.what)
			}
		}
	}
}

// What was overheard of a client that was let in is worth one guess.
func TestKnownNonceIsNoFreeTicket(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	checked := &counted{way: NewDigest(users(t, "alice:secret"))}
	c := New(func() time.Time { return now }, checked)
	challenges, _ := ask(c, "192.0.2.1:1", onePeer, "")
	ask(c, "192.0.2.1:1", onePeer, reply(t, challenges[0], "alice", "secret", 1))
	checked.n = 0
	for i := range uint32(1000) {
		ask(c, "192.0.2.1:1", onePeer, reply(t, challenges[0], "alice", "guess", i+2))
	}
	if checked.n != wrongOfUser {
		t.Errorf("%d guesses were looked at", checked.n)
	}
}

// Guesses at the same time are no more than guesses one after the other, by credentials that
// are known as well; and who is right at the same time pays nothing.
func TestGuessesInParallel(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, known := range []bool{false, true} {
		slow := &held{way: NewDigest(users(t, "alice:secret")), asked: make(chan bool, 1000), answer: make(chan bool)}
		c := New(func() time.Time { return now }, slow)
		challenges, _ := ask(c, "192.0.2.1:1", onePeer, "")
		count := uint32(0)
		try := func(password string, n int) (looked, in int) {
			var all sync.WaitGroup
			refused := make(chan bool, n)
			for range n {
				count++
				header := reply(t, challenges[0], "alice", password, count)
				all.Go(func() {
					if _, ok := ask(c, "192.0.2.1:1", onePeer, header); !ok {
						refused <- true
					}
				})
			}
			for range n { // each is either looked at, and waits, or refused at once
				select {
				case <-slow.asked:
					looked++
				case <-refused:
				}
			}
			for range looked {
				slow.answer <- true
			}
			all.Wait()
			return looked, looked - len(refused)
		}
		want := wrongOfUser
		if known {
			if _, in := try("secret", 1); in != 1 {
				t.Fatal("alice is not let in")
			}
			want *= 2 // on trust, and once more without
		}
		if got, _ := try("guess", 200); got != want {
			t.Errorf("known %v: %d guesses were looked at, want %d", known, got, want)
		}
		if got, _ := try("guess", 200); got != 0 {
			t.Errorf("known %v: then %d more", known, got)
		}
		now = now.Add(200 * wrongRefill)
		for range 3 {
			challenges, _ = ask(c, "192.0.2.1:1", onePeer, "")
			if _, in := try("secret", wrongOfUser); in != wrongOfUser {
				t.Errorf("known %v: %d who are right are in", known, in)
			}
		}
	}
}

// held is a way that waits before it answers.
type held struct {
	way
	asked, answer chan bool
}

func (h *held) check(r *http.Request, now time.Time) (name string, ok, again bool) {
	h.asked <- true
	<-h.answer
	return h.way.check(r, now)
}

// counted is a way that counts how often it is asked.
type counted struct {
	way
	n int
}

func (c *counted) check(r *http.Request, now time.Time) (name string, ok, again bool) {
	c.n++
	return c.way.check(r, now)
}

// What a wrong try costs once the limit is reached, the making of its request included.
func BenchmarkWrongTries(b *testing.B) {
	c := New(nil, NewDigest(users(b, "alice:secret")), tokens(b))
	challenges, _ := ask(c, "192.0.2.1:1", onePeer, "")
	for name, header := range map[string]string{"token": "Bearer wrong-token-of-a-peer", "digest": reply(b, challenges[0], "alice", "wrong", 1)} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/announce", http.NoBody)
			r.RemoteAddr = "192.0.2.1:1"
			r.Header.Set("Authorization", header)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.Authorize(r, onePeer); ok {
					b.Fatal("in")
				}
			}
		})
	}
}

// What is remembered of wrong tries is bounded.
func TestGuardIsBounded(t *testing.T) {
	var g guard
	now := time.Unix(1_700_000_000, 0)
	for i := range maxGuarded + 1000 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		m := markOf(a, []byte("x"))
		g.may(attempt{from: a, user: m}, now)
		g.good(m, now)
	}
	if len(g.tries) > maxGuarded || len(g.known) > maxGuarded {
		t.Errorf("%d tries, %d credentials", len(g.tries), len(g.known))
	}
}

// So are nonces; and what is forgotten can't be used again.
func TestNoncesAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	d := NewDigest(users(t, "a:b"))
	first := d.nonce(now)
	d.once(first, now, 1, now)
	for i := range maxNonces + 10 {
		at := now.Add(time.Duration(i+1) * time.Nanosecond)
		d.once(d.nonce(at), at, 1, at)
	}
	if len(d.used) > maxNonces {
		t.Errorf("%d nonces", len(d.used))
	}
	if d.once(first, now, 1, now.Add(time.Second)) {
		t.Error("a request works again once its count is forgotten")
	}
	var c counts
	d.used = map[string]*counts{"n": &c}
	seen := map[uint64]bool{}
	for _, n := range []uint64{5, 3, 3, 5, 4, 200, 137, 136, 135, 201, 200, 1, 4} {
		want := !seen[n] && (n > c.highest || c.highest-n < 64)
		if got := d.once("n", now.Add(time.Second), n, now); got != want {
			t.Errorf("count %d after %v: %v", n, seen, got)
		}
		seen[n] = true
	}
}

// authority signs certificates of peers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.issue(t, "authority", x509.ExtKeyUsageAny, time.Hour)
	return a
}

func (a *authority) issue(t testing.TB, name string, usage x509.ExtKeyUsage, life time.Duration) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, IsCA: a.cert == nil, BasicConstraintsValid: true,
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) pool() *x509.CertPool { p := x509.NewCertPool(); p.AddCert(a.cert); return p }

func TestCertificates(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	ways := NewCertificates(ours.pool())
	c := New(nil, ways)
	for _, check := range []struct {
		what  string
		by    *authority
		name  string
		usage x509.ExtKeyUsage
		life  time.Duration
		want  bool
	}{
		{"right", ours, "anna", x509.ExtKeyUsageClientAuth, time.Hour, true},
		{"for this peer", ours, onePeer, x509.ExtKeyUsageClientAuth, time.Hour, true},
		{"for another peer", ours, otherPeer, x509.ExtKeyUsageClientAuth, time.Hour, false},
		{"of another authority", others, "anna", x509.ExtKeyUsageClientAuth, time.Hour, false},
		{"of a server", ours, "anna", x509.ExtKeyUsageServerAuth, time.Hour, false},
		{"expired", ours, "anna", x509.ExtKeyUsageClientAuth, -time.Minute, false},
	} {
		cert, _ := check.by.issue(t, check.name, check.usage, check.life)
		for range 2 { // the second time from what is remembered
			r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
			if _, ok := c.Authorize(r, onePeer); ok != check.want {
				t.Errorf("%s: %v", check.what, ok)
			}
		}
	}
	if challenges, ok := ask(c, "192.0.2.1:1", onePeer, ""); ok || len(challenges) != 1 {
		t.Errorf("without one: %v, %q", ok, challenges)
	}
	cert, _ := ours.issue(t, "anna", x509.ExtKeyUsageClientAuth, time.Hour)
	for i := range maxVerified {
		ways.good[[32]byte{byte(i), byte(i >> 8)}] = time.Now()
	}
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	if _, ok := c.Authorize(r, onePeer); !ok || len(ways.good) > maxVerified {
		t.Errorf("%v, with %d certificates remembered", ok, len(ways.good))
	}
}

// passwords of a file of users.
func TestUsersFile(t *testing.T) {
	hash := SHA256.digest("htsha", Realm, "new")
	u := users(t, "  alice: two  blanks \nbob:a:b\nhtsha:"+Realm+":"+strings.ToUpper(hash)+"\nhtsha:"+Realm+":"+MD5.digest("htsha", Realm, "new")+"\n")
	for _, a := range algorithms {
		for name, password := range map[string]string{"alice": " two  blanks ", "bob": "a:b", "htsha": "new"} {
			if got, want := u.secrets[name][a], a.digest(name, Realm, password); got != want {
				t.Errorf("%s of %s: %q, want that of %q", a, name, got, password)
			}
		}
	}
}

// So are those that are shown.
func TestPasswordsShown(t *testing.T) {
	c, err := ReadCredentials(strings.NewReader("\thttps://a/  digest\talice  two  blanks \nhttps://b/ digest bob secret\r\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"https a 443": " two  blanks ", "https b 443": "secret"} {
		if got := c.hosts[host]; got == nil || got.password != want {
			t.Errorf("%s: %+v, want %q", host, got, want)
		}
	}
}

func TestFilesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "there is nobody in it",
		"alice":                   `line 1: it is not "name:password"`,
		"\nalice:":                "line 2:",
		":x":                      "line 1:",
		"alice:" + Realm + ":abc": "neither MD5 nor SHA-256",
		"alice:theirs:" + strings.Repeat("a", 64):                   `line 1: the hash of "alice" is for the realm "theirs", want swarmgate`,
		"alice:theirs:" + strings.Repeat("A", 32):                   `is for the realm "theirs"`,
		"alice:one\nalice:two":                                      `line 2: "alice" is there twice`,
		"alice:one\nalice:" + Realm + ":" + strings.Repeat("a", 64): `line 2: "alice" is there twice`,
		"alice:" + Realm + ":" + strings.Repeat("z", 32):            "neither MD5 nor SHA-256",
	} {
		if _, err := ReadUsers(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("users %q: %v", text, err)
		}
	}
	for text, want := range map[string]string{"": "there is no token", "short": "16 characters", "a token of several words": "no spaces"} {
		if _, err := ReadTokens(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tokens %q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"https://a/":                  "line 1: it is not of the form",
		"ftp://a/ token x":            "is no tracker",
		"https://a/ basic x y":        `"basic" with 2 values is unknown`,
		"https://a/ pin 00":           "64 hexadecimal digits",
		"https://a/ digest x":         `"digest" with 1 values`,
		"https://a/ ca nothing.pem":   "no such file",
		"https://a/ cert no.pem no":   "no such file",
		"https://a/ ca empty.pem":     "holds no certificate",
		"# x\nhttps://a/ token a b c": "line 2:",
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "empty.pem"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCredentials(strings.NewReader(text), folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("credentials %q: %v", text, err)
		}
	}
	if _, err := ReadRoots(strings.NewReader("x")); err == nil {
		t.Error("roots: no error")
	}
}

// tracker is a server that lets in by any way.
func tracker(t *testing.T, a *authority) *httptest.Server {
	t.Helper()
	certs := NewCertificates(a.pool())
	c := New(nil, NewDigest(users(t, "alice:open sesame")), tokens(t), certs)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if challenges, ok := c.Authorize(r, onePeer); !ok {
			w.Header()["Www-Authenticate"] = challenges
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(append([]byte("in by "+r.Proto+": "), body...))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of handshakes that are to fail
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	certs.TLS(s.TLS)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func pemFile(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The client's side gets in by each way, and shows nothing to other trackers.
func TestTransport(t *testing.T) {
	a := newAuthority(t)
	folder := t.TempDir()
	cert, key := a.issue(t, "anna", x509.ExtKeyUsageClientAuth, time.Hour)
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pemFile(t, filepath.Join(folder, "peer.pem"), "CERTIFICATE", cert.Raw)
	pemFile(t, filepath.Join(folder, "peer.key"), "EC PRIVATE KEY", secret)
	s, stranger := tracker(t, a), tracker(t, a)
	for _, server := range []*httptest.Server{s, stranger} {
		pemFile(t, filepath.Join(folder, "ca.pem"), "CERTIFICATE", server.Certificate().Raw) // both have the same
	}
	for way, want := range map[string]int{
		"digest alice open sesame": 200, "digest alice wrong": 401, "token " + goodToken: 200, "token " + goodToken + "2": 401, "cert peer.pem peer.key": 200,
	} {
		text := s.URL + " " + way + "\n" + s.URL + " ca ca.pem\n" + stranger.URL + " ca ca.pem\n"
		c, err := ReadCredentials(strings.NewReader(text), folder)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: c.Transport(&http.Transport{ForceAttemptHTTP2: true})}
		for i := range 3 {
			if status, body := send(t, client, s.URL); status != want || want == 200 && body != "in by HTTP/2.0: hello" {
				t.Errorf("%s, request %d: %d, %s", way, i, status, body)
			}
		}
		if status, _ := send(t, client, stranger.URL); status != 401 {
			t.Errorf("%s: another tracker let us in with %d", way, status)
		}
		client.CloseIdleConnections()
	}
}

func send(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	r, err := client.Post(url+"/announce", "text/plain", bytes.NewReader([]byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// A tracker is known by its certificate's fingerprint, and by no other.
func TestPin(t *testing.T) {
	s := tracker(t, newAuthority(t))
	right := Fingerprint(s.Certificate().Raw)
	for pin, want := range map[string]bool{right: true, strings.ToUpper(right): true, strings.Repeat("00", 32): false} {
		c, err := ReadCredentials(strings.NewReader(s.URL+" token "+goodToken+"\n"+s.URL+" pin "+pin), "")
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: c.Transport(&http.Transport{ForceAttemptHTTP2: true})}
		r, err := client.Post(s.URL, "text/plain", strings.NewReader("hello"))
		if err == nil {
			_ = r.Body.Close()
		}
		if want != (err == nil) || !want && !strings.Contains(err.Error(), "pinned") {
			t.Errorf("pin %s: %v", pin, err)
		}
		client.CloseIdleConnections()
	}
}

// A Digest client asks once to learn the challenge, and not again until the nonce is stale.
func TestDigestClientRemembersTheChallenge(t *testing.T) {
	now := time.Now()
	c := New(func() time.Time { return now }, NewDigest(users(t, "alice:secret")))
	requests := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if challenges, ok := c.Authorize(r, onePeer); !ok {
			w.Header()["Www-Authenticate"] = challenges
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	cred, err := ReadCredentials(strings.NewReader(s.URL+" digest alice secret"), "")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: cred.Transport(&http.Transport{})}
	defer client.CloseIdleConnections()
	for _, want := range []int{2, 3, 4} {
		if status, _ := send(t, client, s.URL); status != 200 || requests != want {
			t.Errorf("status %d after %d requests, want %d", status, requests, want)
		}
	}
	now = now.Add(time.Hour)
	if status, _ := send(t, client, s.URL); status != 200 || requests != 6 {
		t.Errorf("with a stale nonce: status %d after %d requests", status, requests)
	}
}

func TestNobodysCredentials(t *testing.T) {
	base := &http.Transport{}
	var none *Credentials
	if none.Transport(base) != http.RoundTripper(base) {
		t.Error("nil credentials change the transport")
	}
}

func FuzzParameters(f *testing.F) {
	f.Add(`username="Mufasa", realm="a \"b\"", nc=00000001, qop=auth`)
	f.Add(`a="b`)
	f.Add(`,=,`)
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parameters(s)
		if !ok {
			return
		}
		var all []string
		for name, value := range p {
			all = append(all, name+"="+quote(value))
		}
		again, ok := parameters(strings.Join(all, ", "))
		if text := strings.Join(all, ", "); len(text) <= maxHeader && (!ok || len(again) != len(p)) {
			t.Fatalf("%q became %q, %v", s, text, again)
		}
		c := New(nil, NewDigest(users(t, "a:b")))
		if _, ok := ask(c, "192.0.2.1:1", onePeer, "Digest "+strings.Map(printable, s)); ok {
			t.Fatal("in")
		}
	})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return 'x'
	}
	return r
}

// A tracker with a line in the file was named by a person.
func TestNames(t *testing.T) {
	c, err := ReadCredentials(strings.NewReader("https://nas.example/ token abc\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	var none *Credentials
	for address, want := range map[string]bool{
		"https://nas.example/": true, "https://NAS.example:443/x": true, "http://nas.example/": false, "https://other.example/": false, ":": false,
	} {
		if c.Names(address) != want || none.Names(address) {
			t.Errorf("%s: %v, want %v", address, c.Names(address), want)
		}
	}
}
