package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
)

// meteredTracker is a tracker in a process of its own, whose processor time can be told.
func meteredTracker(t *testing.T, args ...string) (url string, used func() time.Duration) {
	t.Helper()
	c := exec.Command(os.Args[0], append([]string{"tracker", "--listen", free, "--json"}, args...)...)
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stderr = newNoise()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var rest sync.WaitGroup
	t.Cleanup(func() {
		_ = c.Process.Kill()
		rest.Wait()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("the tracker says %s", c.Stderr)
		}
	})
	if url, err = readyField(out, "url", &rest); err != nil {
		t.Fatal(err)
	}
	return url, func() time.Duration {
		d, err := processorTime(c.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// A thousand wrong tries from one address, by curl and by a program, each get 401 and 06, cost
// the tracker next to nothing, and shut nobody else out.
func TestThousandWrongTries(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	users, tokens := filepath.Join(dir, "users"), filepath.Join(dir, "tokens")
	const token = "0123456789abcdefghij"
	for name, text := range map[string]string{users: "anna:secret\n", tokens: token + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url, used := meteredTracker(t, "--http", "--auth", "digest,token", "--users", users, "--tokens", tokens, "--behind", "127.0.0.0/8", "--dir", filepath.Join(dir, "state"))
	before := used()
	wrong := 0
	for _, way := range [][]string{{"--digest", "-u", "anna:wrong"}, {"-H", "Authorization: Bearer " + token + "x"}} {
		wrong += curlWrong(t, url, way)
	}
	wrong += programWrong(t, url)
	cost := used() - before
	t.Logf("%d wrong tries cost %v of processor time", wrong, cost)
	if wrong < 1000 {
		t.Errorf("%d wrong tries were made", wrong)
	}
	if cost > 2*time.Second { // of a minute; HTTP itself takes most of it
		t.Errorf("%d wrong tries cost %v of processor time", wrong, cost)
	}
	for _, c := range []struct {
		what, from, credentials string
		in                      bool
	}{
		{"anna elsewhere", "203.0.113.9", "digest anna secret", true},
		{"a token elsewhere", "203.0.113.10", "token " + token, true},
		{"a token from where the guesses come", "203.0.113.1", "token " + token, false},
	} {
		cred, err := auth.ReadCredentials(strings.NewReader(url+" "+c.credentials), "")
		if err != nil {
			t.Fatal(err)
		}
		base := &http.Transport{DisableKeepAlives: true}
		client := tracker.NewClient(tracker.ClientConfig{URL: url, PeerID: ppsp.PeerID{1}, HTTP: &http.Client{Transport: from{c.from, cred.Transport(base)}}})
		if _, err := client.Connect(t.Context(), []tracker.SwarmAction{tracker.Join("\x01", tracker.Leech)}, nil, nil); (err == nil) != c.in {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// from says whence requests come, as a proxy does.
type from struct {
	address string
	http.RoundTripper
}

func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	return f.RoundTripper.RoundTrip(r)
}

const connectOfP = `{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"1","peer_id":"p","connect":{"swarm_action":[{"swarm_id":"11","action":"JOIN","peer_mode":"LEECH"}]}}}`

// curlWrong makes 300 wrong tries by one curl, and returns how many were refused.
func curlWrong(t *testing.T, url string, way []string) (refused int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := append([]string{
		"-sS", "--noproxy", "*", "-H", "X-Forwarded-For: 203.0.113.1", "-H", "Content-Type: " + tracker.MediaType, "-d", connectOfP, "-w", "|%{http_code}\n",
	}, way...)
	out, err := exec.CommandContext(ctx, "curl", append(args, url+"?[1-300]")...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v: %s", err, out)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		body, status, _ := strings.Cut(line, "|")
		answer, err := tracker.DecodeResponse([]byte(body))
		if err != nil || status != "401" || answer.ErrorCode != tracker.AuthenticationRequired {
			t.Fatalf("curl %v: %s, %v", way, line, err)
		}
		refused++
	}
	return refused
}

// programWrong makes 500 different ones.
func programWrong(t *testing.T, url string) (refused int) {
	t.Helper()
	client := &http.Client{Transport: from{"203.0.113.1", &http.Transport{}}, Timeout: patience}
	defer client.Transport.(from).RoundTripper.(*http.Transport).CloseIdleConnections()
	for i := range 500 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(connectOfP)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tracker.MediaType)
		r.Header.Set("Authorization", fmt.Sprintf("Bearer guess-number-%020d", i))
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		decoded, err2 := tracker.DecodeResponse(b)
		if err != nil || err2 != nil || answer.StatusCode != http.StatusUnauthorized || decoded.ErrorCode != tracker.AuthenticationRequired || len(answer.Header.Values("WWW-Authenticate")) != 3 {
			t.Fatalf("try %d: %s %s, %v, %v", i, answer.Status, b, err, err2)
		}
		refused++
	}
	return refused
}
