package auth

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// login answers the challenges of one tracker.
type login struct {
	base           http.RoundTripper
	token          string
	name, password string
	code, keep     string // see enrol

	enrolling sync.Mutex // held while asking for a token
	renewed   time.Time  // when a token was refused, and another asked for

	mu        sync.Mutex
	challenge map[string]string // the latest of Digest
	count     uint32
}

// RoundTrip sends a request with what the tracker is known to want, and once more when it wants
// something else. The request's body has to be one that can be sent again.
func (l *login) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := l.bearer(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	if token != "" {
		return l.shown(r, token)
	}
	if l.name == "" {
		return l.base.RoundTrip(r)
	}
	for try := 0; ; try++ {
		send, err := l.signed(r, try > 0)
		if err != nil {
			return nil, err
		}
		response, err := l.base.RoundTrip(send)
		if err != nil || response.StatusCode != http.StatusUnauthorized || try == 1 || !l.learn(response, send.Header.Get("Authorization") != "") {
			return response, err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxRefusal)) // so that the connection can be used again
		_ = response.Body.Close()
	}
}

// bearer returns the token to show, if there is one. Who has but a code enrols first.
func (l *login) bearer(r *http.Request) (string, error) {
	if l.code == "" {
		return l.token, nil
	}
	l.enrolling.Lock()
	defer l.enrolling.Unlock()
	if l.token == "" {
		token, err := l.enrol(r.Context(), r.URL)
		if err != nil {
			return "", err
		}
		l.token = token
	}
	return l.token, nil
}

// renewEvery is how often another token is asked for in place of one that is refused.
const renewEvery = time.Hour

// shown sends a request with a token; with another, if it was one of enrolment that has ended.
func (l *login) shown(r *http.Request, token string) (*http.Response, error) {
	send := r.Clone(r.Context())
	send.Header.Set("Authorization", "Bearer "+token)
	response, err := l.base.RoundTrip(send)
	if err != nil || response.StatusCode != http.StatusUnauthorized || l.code == "" || r.Body != nil && r.GetBody == nil {
		return response, err
	}
	fresh := l.renew(r, token)
	if fresh == "" {
		return response, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxRefusal))
	_ = response.Body.Close()
	send = r.Clone(r.Context())
	if r.GetBody != nil {
		if send.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	send.Header.Set("Authorization", "Bearer "+fresh)
	return l.base.RoundTrip(send)
}

// renew returns another token than the one that was refused, empty for none.
func (l *login) renew(r *http.Request, refused string) string {
	l.enrolling.Lock()
	defer l.enrolling.Unlock()
	if l.token != refused { // another request was faster
		return l.token
	}
	now := time.Now()
	if now.Sub(l.renewed) < renewEvery {
		return ""
	}
	l.renewed = now
	token, err := l.enrol(r.Context(), r.URL)
	if err != nil {
		return ""
	}
	l.token = token
	return token
}

// maxRefusal is how much of a refusal is read, bytes.
const maxRefusal = 16 << 10

// signed returns the request with an answer to the challenge that is known, if one is.
func (l *login) signed(r *http.Request, again bool) (*http.Request, error) {
	out := r.Clone(r.Context())
	if again && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.challenge != nil {
		l.count++
		out.Header.Set("Authorization", answer(l.challenge, l.name, l.password, r.Method, r.URL.RequestURI(), rand.Text(), l.count))
	}
	return out, nil
}

// learn takes the best challenge of a refusal and tells whether another try makes sense. tried
// says that the refused request had an answer already: then only a stale nonce is worth it.
func (l *login) learn(response *http.Response, tried bool) bool {
	var found []map[string]string
	for _, header := range response.Header.Values("WWW-Authenticate") {
		rest, ok := scheme(header, "Digest")
		p, good := parameters(rest)
		if ok && good && p["nonce"] != "" && slices.Contains(algorithms[:], algorithmOf(p)) && offersAuth(p["qop"]) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return false
	}
	best := found[0]
	for _, p := range found { // RFC 7616, 3.7: the strongest that the client supports
		if algorithmOf(p) == SHA256 {
			best = p
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	news := l.challenge == nil || l.challenge["nonce"] != best["nonce"]
	if news { // requests of ours that go at the same time count on
		l.challenge, l.count = best, 0
	}
	return !tried || news && strings.EqualFold(best["stale"], "true")
}

func algorithmOf(p map[string]string) Algorithm {
	if p["algorithm"] == "" {
		return MD5
	}
	return Algorithm(strings.ToUpper(p["algorithm"]))
}

func offersAuth(qop string) bool {
	for q := range strings.SplitSeq(qop, ",") {
		if strings.TrimSpace(q) == "auth" {
			return true
		}
	}
	return false
}

// answer is an Authorization header for a challenge (RFC 7616, 3.4).
func answer(challenge map[string]string, name, password, method, uri, cnonce string, count uint32) string {
	a := algorithmOf(challenge)
	nc := fmt.Sprintf("%08x", count)
	secret := a.digest(name, challenge["realm"], password)
	response := a.digest(secret, challenge["nonce"], nc, cnonce, "auth", a.digest(method, uri))
	out := "Digest username=" + quote(name) + ", realm=" + quote(challenge["realm"]) + ", nonce=" + quote(challenge["nonce"]) +
		", uri=" + quote(uri) + ", algorithm=" + string(a) + ", qop=auth, nc=" + nc + ", cnonce=" + quote(cnonce) + `, response="` + response + `"`
	if opaque, ok := challenge["opaque"]; ok {
		out += ", opaque=" + quote(opaque)
	}
	return out
}
