package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// register is a Register that can be out of reach.
type register struct {
	mu      sync.Mutex
	used    map[string]int
	entries map[string]string
	gone    error
	asked   int
}

func (r *register) Spend(_ context.Context, code string, uses int, token, entry string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil || r.used[code] >= uses {
		return false, r.gone
	}
	r.used[code]++
	r.entries[token] = entry
	return true, nil
}

func (r *register) Entry(_ context.Context, token string) (string, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	entry, ok := r.entries[token]
	return entry, ok, r.gone
}

// Who enrols at one tracker is known to all, and a code is good as often as it says at all together.
func TestSharedEnrolment(t *testing.T) {
	r := &register{used: map[string]int{}, entries: map[string]string{}}
	now := time.Unix(1_700_000_000, 0)
	open := func() (*Enrolment, *Checker) {
		e, err := ReadCodes(strings.NewReader(onceCode + "\n" + sharedCode + " 3 2\n"))
		if err != nil {
			t.Fatal(err)
		}
		e.now = func() time.Time { return now }
		e.Share(r)
		return e, New(func() time.Time { return now }, NewTokens(e))
	}
	a, _ := open()
	b, atB := open()
	status, token := enrolBy(t, a, "192.0.2.1:1", `{"code":"`+onceCode+`","peer_id":"`+onePeer+`"}`)
	if status != 200 {
		t.Fatal(status)
	}
	if status, _ := enrolBy(t, b, "192.0.2.2:1", `{"code":"`+onceCode+`"}`); status != 403 {
		t.Errorf("the code for one, at another tracker: %d", status)
	}
	in := func(what, peer, token string, want bool) {
		t.Helper()
		if _, ok := ask(atB, "192.0.2.1:1", peer, "Bearer "+token); ok != want {
			t.Errorf("%s: %v", what, ok)
		}
	}
	in("enrolled at the other", onePeer, token, true)
	in("as another peer", otherPeer, token, false)
	asked := r.asked
	in("again", onePeer, token, true)
	if r.asked != asked {
		t.Error("a token that is known is looked up again")
	}
	r.gone = errors.New("connection refused")
	in("known, while the register is gone", onePeer, token, true)
	for range 3 * wrongTries { // nobody's guess
		in("not known, while the register is gone", onePeer, "0123456789abcdefg", false)
	}
	if status, _ := enrolBy(t, b, "192.0.2.3:1", `{"code":"`+sharedCode+`"}`); status != 503 {
		t.Errorf("enrolled without the register: %d", status)
	}
	r.gone = nil
	status, brief := enrolBy(t, b, "192.0.2.1:1", `{"code":"`+sharedCode+`"}`)
	if status != 200 {
		t.Fatal(status)
	}
	in("for two days", onePeer, brief, true)
	clear(r.entries) // taken back
	now = now.Add(sharedFresh + time.Second)
	in("taken back", onePeer, token, false)
}

// A token holds for as long as its code says, also over a restart.
func TestEnrolmentEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "enrolled")
	now := time.Unix(1_700_000_000, 0)
	open := func() *Enrolment {
		e, err := ReadCodes(strings.NewReader(onceCode + "\n" + sharedCode + " 3 2\n"))
		if err != nil {
			t.Fatal(err)
		}
		e.now = func() time.Time { return now }
		if err := e.Keep(path); err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	_, forEver := enrolBy(t, e, "192.0.2.1:1", `{"code":"`+onceCode+`"}`)
	_, forTwoDays := enrolBy(t, e, "192.0.2.1:1", `{"code":"`+sharedCode+`"}`)
	for _, c := range []struct {
		after time.Duration
		ends  bool
	}{{0, false}, {48*time.Hour - time.Second, false}, {time.Second, true}} {
		now = now.Add(c.after)
		for _, e := range []*Enrolment{e, open()} {
			tokens := New(func() time.Time { return now }, NewTokens(e))
			if _, ok := ask(tokens, "192.0.2.1:1", onePeer, "Bearer "+forEver); !ok {
				t.Error("a token without end has ended")
			}
			if _, ok := ask(tokens, "192.0.2.1:1", onePeer, "Bearer "+forTwoDays); ok == c.ends {
				t.Errorf("%v: in %v", now, ok)
			}
		}
	}
	for _, text := range []string{sharedCode + " 3 0", sharedCode + " 3 4000", sharedCode + " 3 x", sharedCode + " 3 4 5"} {
		if _, err := ReadCodes(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "days") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A peer whose token has ended enrols again, once an hour at most, and is refused in words if it can't.
func TestEnrolClientRenews(t *testing.T) {
	e := enrolment(t, filepath.Join(t.TempDir(), "enrolled"))
	c := New(nil, NewTokens(e))
	var enrolled atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == EnrolPath {
			enrolled.Add(1)
			e.ServeHTTP(w, r)
		} else if challenges, ok := c.Authorize(r, onePeer); !ok {
			w.Header()["Www-Authenticate"] = challenges
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	cred, err := ReadCredentials(strings.NewReader(s.URL+" enroll "+sharedCode), "")
	if err == nil {
		err = cred.Keep(filepath.Join(t.TempDir(), "kept"))
	}
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: cred.Transport(&http.Transport{})}
	defer client.CloseIdleConnections()
	post := func(want, codes int) {
		t.Helper()
		answer, err := client.Post(s.URL, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want || enrolled.Load() != int32(codes) {
			t.Errorf("%s after %d enrolments, want %d after %d", answer.Status, enrolled.Load(), want, codes)
		}
	}
	end := func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		clear(e.names)
	}
	post(200, 1)
	end()
	post(200, 2)
	post(200, 2)
	end()
	post(401, 2) // it was renewed just now
}
