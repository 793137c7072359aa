package auth

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	onceCode   = "good-for-one-peer"
	sharedCode = "good-for-three-peers"
)

func enrolment(t *testing.T, path string) *Enrolment {
	t.Helper()
	e, err := ReadCodes(strings.NewReader("# codes\n" + onceCode + "\n" + sharedCode + " 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Keep(path); err != nil {
		t.Fatal(err)
	}
	return e
}

// enrolBy posts a code and returns status and token.
func enrolBy(t *testing.T, e *Enrolment, from, body string) (status int, token string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, EnrolPath, strings.NewReader(body))
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	e.Around(http.NotFoundHandler()).ServeHTTP(w, r)
	var answer struct{ Token, Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || (answer.Token == "") == (w.Code == 200) || (answer.Error == "") == (w.Code != 200) {
		t.Errorf("%s: %d %s, %v", body, w.Code, w.Body, err)
	}
	return w.Code, answer.Token
}

func TestEnrolment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "enrolled")
	e := enrolment(t, path)
	issued := map[string]string{} // token by peer
	for i, c := range []struct {
		body string
		want int
	}{
		{`{"code":"` + onceCode + `"}`, 200},
		{`{"code":"` + onceCode + `"}`, 403},
		{`{"code":"nobody-knows-this"}`, 403},
		{`{"code":"` + sharedCode + `","peer_id":"` + onePeer + `"}`, 200},
		{`{"code":"` + sharedCode + `","peer_id":"me"}`, 400},
		{`{"code":"` + sharedCode + `"}`, 200},
		{`{`, 400},
		{`{}`, 403},
	} {
		status, token := enrolBy(t, e, fmt.Sprintf("192.0.2.%d:1", i), c.body)
		if status != c.want {
			t.Errorf("%s: %d, want %d", c.body, status, c.want)
		}
		if token != "" {
			issued[token] = ""
			if strings.Contains(c.body, onePeer) {
				issued[token] = onePeer
			}
		}
	}
	if len(issued) != 3 {
		t.Fatalf("issued %v", issued)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for round, e := range []*Enrolment{e, enrolment(t, path)} { // the second as after a restart
		c := New(nil, NewTokens(e))
		for token, peer := range issued {
			if strings.Contains(string(b), token) {
				t.Error("a token stands in the file")
			}
			for _, asker := range []string{onePeer, otherPeer} {
				if _, ok := ask(c, "192.0.2.1:1", asker, "Bearer "+token); ok != (peer == "" || peer == asker) {
					t.Errorf("round %d: a token of %q lets %s in: %v", round, peer, asker, ok)
				}
			}
		}
		if _, ok := ask(c, "192.0.2.2:1", onePeer, "Bearer "+onceCode); ok {
			t.Error("a code is no token")
		}
	}
	again := enrolment(t, path)
	if status, _ := enrolBy(t, again, "203.0.113.1:1", `{"code":"`+onceCode+`"}`); status != 403 {
		t.Errorf("a code that was used works after a restart: %d", status)
	}
	if status, _ := enrolBy(t, again, "203.0.113.1:1", `{"code":"`+sharedCode+`"}`); status != 200 {
		t.Errorf("the third by the shared code: %d", status)
	}
	if status, _ := enrolBy(t, again, "203.0.113.1:1", `{"code":"`+sharedCode+`"}`); status != 403 {
		t.Errorf("the fourth by the shared code: %d", status)
	}
}

// A line that a full disk left torn costs nobody a token, and does not stop the next start.
func TestTornEnrolment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "enrolled")
	e := enrolment(t, path)
	enrolled := func(e *Enrolment) string {
		t.Helper()
		status, token := enrolBy(t, e, "192.0.2.1:1", `{"code":"`+sharedCode+`"}`)
		if status != 200 {
			t.Fatalf("status %d", status)
		}
		return token
	}
	tear := func() {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("0123456789abcdef 01")
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	tokens := []string{enrolled(e)}
	tear()
	tokens = append(tokens, enrolled(e))
	tear()
	e = enrolment(t, path)
	for i, token := range tokens {
		if _, ok := e.named(sha256.Sum256([]byte(token))); !ok {
			t.Errorf("token %d is forgotten", i)
		}
	}
}

// A file that can't be understood stays as it is: who enrolled is in it.
func TestEnrolmentKeepsWhatItCantRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "enrolled")
	before := "a line\n" + strings.Repeat("x", 2*longestLine)
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := appendLine(path, "another\n"); err == nil {
		t.Error("a line was added to it")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != before {
		t.Errorf("%d bytes of %d are left, %v", len(after), len(before), err)
	}
}

// Tokens that have ended take nobody's place, neither before nor after a start.
func TestEndedTokensMakeRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "enrolled")
	e := enrolment(t, path)
	ended := e.now().Add(-time.Second).Unix()
	var lines strings.Builder
	for i := range MaxEnrolled {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		e.names[sum] = enrolled{until: ended}
		fmt.Fprintf(&lines, "%x %x - %d\n", sum, sum, ended)
	}
	if _, token := enrolBy(t, e, "192.0.2.1:1", `{"code":"`+sharedCode+`"}`); token == "" || len(e.names) != 1 {
		t.Errorf("token %q, %d names", token, len(e.names))
	}
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if e = enrolment(t, path); len(e.names) != 0 {
		t.Errorf("%d names after a start", len(e.names))
	}
}

// An enrolled peer is let in while another one's enrolment waits for the disk.
func TestEnrolmentWaitsForTheDiskAlone(t *testing.T) {
	e := enrolment(t, filepath.Join(t.TempDir(), "enrolled"))
	_, token := enrolBy(t, e, "192.0.2.1:1", `{"code":"`+sharedCode+`"}`)
	writing, written := make(chan bool), make(chan bool)
	e.add = func(path, line string) error {
		close(writing)
		<-written
		return appendLine(path, line)
	}
	var all sync.WaitGroup
	all.Go(func() { enrolBy(t, e, "192.0.2.2:1", `{"code":"`+sharedCode+`"}`) })
	<-writing
	in := make(chan bool, 1)
	all.Go(func() {
		_, ok := ask(New(nil, NewTokens(e)), "192.0.2.1:1", onePeer, "Bearer "+token)
		in <- ok
	})
	select {
	case ok := <-in:
		if !ok {
			t.Error("who enrolled is not let in")
		}
	case <-time.After(30 * time.Second):
		t.Error("who enrolled waits for the disk")
	}
	close(written)
	all.Wait()
}

// Who is shut out gets no token, and learns nothing of a code.
func TestEnrolmentOfTheBanned(t *testing.T) {
	e := enrolment(t, filepath.Join(t.TempDir(), "enrolled"))
	e.Banned = func(from netip.Addr, peer string) bool {
		return from == netip.MustParseAddr("192.0.2.1") || peer == onePeer
	}
	for _, c := range []struct {
		from, body string
		want       int
	}{
		{"192.0.2.1:1", `{"code":"` + onceCode + `"}`, 403},
		{"192.0.2.1:1", `{`, 403},
		{"192.0.2.2:1", `{"code":"` + onceCode + `","peer_id":"` + onePeer + `"}`, 403},
		{"192.0.2.2:1", `{"code":"` + onceCode + `","peer_id":"` + otherPeer + `"}`, 200},
	} {
		if status, _ := enrolBy(t, e, c.from, c.body); status != c.want {
			t.Errorf("%s from %s: %d, want %d", c.body, c.from, status, c.want)
		}
	}
}

// However many wrong codes come, and while another peer's token is written, a right code is taken
// and a wrong one answered: a stranger keeps nobody out.
func TestWrongCodesKeepNobodyOut(t *testing.T) {
	e := enrolment(t, filepath.Join(t.TempDir(), "enrolled"))
	wrong := func(from string, i int) {
		if status, _ := enrolBy(t, e, from, fmt.Sprintf(`{"code":"guess-number-%d"}`, i)); status != 403 {
			t.Fatalf("wrong code %d: %d", i, status)
		}
	}
	for i := range 3000 {
		wrong("127.0.0.1:1", i) // by a proxy on this machine
		wrong(fmt.Sprintf("198.51.%d.%d:1", i/256, i%256), i)
	}
	for _, from := range []string{"127.0.0.1:1", "192.0.2.1:1"} {
		if status, _ := enrolBy(t, e, from, `{"code":"`+sharedCode+`"}`); status != 200 {
			t.Errorf("the right one from %s: %d", from, status)
		}
	}
	e.add = func(path, line string) error {
		wrong("127.0.0.1:1", 0)
		return appendLine(path, line)
	}
	if status, _ := enrolBy(t, e, "192.0.2.2:1", `{"code":"`+onceCode+`"}`); status != 200 {
		t.Errorf("the code for one: %d", status)
	}
	if status, _ := enrolBy(t, e, "192.0.2.2:1", `{"code":"`+onceCode+`"}`); status != 403 {
		t.Errorf("the code for one, again: %d", status)
	}
}

// An address that tries code after code is put off; others are not.
func TestEnrolmentRate(t *testing.T) {
	e := enrolment(t, filepath.Join(t.TempDir(), "enrolled"))
	now := time.Unix(1_700_000_000, 0)
	e.now = func() time.Time { return now }
	statuses := map[int]int{}
	for i := range 1000 {
		status, _ := enrolBy(t, e, "192.0.2.1:1", fmt.Sprintf(`{"code":"guess-number-%d"}`, i))
		statuses[status]++
	}
	if statuses[403] != wrongTries || statuses[429] != 1000-wrongTries {
		t.Errorf("answers: %v", statuses)
	}
	if status, _ := enrolBy(t, e, "192.0.2.2:1", `{"code":"`+onceCode+`"}`); status != 200 {
		t.Errorf("another address: %d", status)
	}
	now = now.Add(wrongTries * wrongRefill)
	if status, _ := enrolBy(t, e, "192.0.2.1:1", `{"code":"`+sharedCode+`"}`); status != 200 {
		t.Errorf("later: %d", status)
	}
}

func TestCodesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"": "there is no code", "short": "12 characters", "long-enough-code 0": "no number of peers", "long-enough-code x": "no number of peers",
		"long-enough-code 1 2 3": "write a code", "long-enough-code\nlong-enough-code": "line 2: the code is there twice",
	} {
		if _, err := ReadCodes(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	path := filepath.Join(t.TempDir(), "enrolled")
	for _, text := range []string{"a b c\n", "x\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := ReadCodes(strings.NewReader(onceCode))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Keep(path); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A peer that has a code enrols once, however many requests it makes at the same time, and
// shows the same token after a restart.
func TestEnrolClient(t *testing.T) {
	e := enrolment(t, filepath.Join(t.TempDir(), "enrolled"))
	c := New(nil, NewTokens(e))
	enrolled := 0
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == EnrolPath {
			mu.Lock()
			enrolled++
			mu.Unlock()
			e.ServeHTTP(w, r)
		} else if challenges, ok := c.Authorize(r, onePeer); !ok {
			w.Header()["Www-Authenticate"] = challenges
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	keep := filepath.Join(t.TempDir(), "kept")
	client := func(code string) *http.Client {
		t.Helper()
		cred, err := ReadCredentials(strings.NewReader(s.URL+" enroll "+code), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := cred.Keep(keep); err != nil {
			t.Fatal(err)
		}
		return &http.Client{Transport: cred.Transport(&http.Transport{})}
	}
	if _, err := client("not-a-code-of-theirs").Post(s.URL, "text/plain", strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("a wrong code: %v", err)
	}
	for range 2 { // the second after a restart
		one := client(onceCode)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				answer, err := one.Post(s.URL, "text/plain", strings.NewReader("x"))
				if err != nil || answer.StatusCode != http.StatusOK {
					t.Errorf("%v, %v", answer, err)
					return
				}
				_ = answer.Body.Close()
			})
		}
		all.Wait()
		one.CloseIdleConnections()
	}
	mu.Lock()
	defer mu.Unlock()
	if enrolled != 2 {
		t.Errorf("enrolled %d times, want 1 and one refusal", enrolled)
	}
	if info, err := os.Stat(keep); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of tokens: %v, %v", info, err)
	}
}
