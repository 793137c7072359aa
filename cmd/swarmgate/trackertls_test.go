package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
)

// Peers keep connections open by HTTP/1.1 and HTTP/2, know the tracker by the fingerprint that it
// prints, the same after a restart, and plain HTTP gets nothing from it.
func TestTrackerConnections(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	var before string
	for range 2 { // the second as after a restart
		p := begin(t, nil, "tracker", "--listen", "0.0.0.0:0", "--no-operator", "--dir", dir)
		p.say(t, "Ctrl-C ends it.")
		url, fingerprint := "", ""
		for line := range strings.Lines(p.out.String()) {
			line = strings.TrimSpace(line)
			if u, ok := strings.CutPrefix(line, "Tracker: "); ok {
				url = strings.Replace(u, "localhost", "127.0.0.1", 1)
			} else if len(line) == 64 && !strings.Contains(line, " ") {
				fingerprint = line
			}
		}
		if before != "" && fingerprint != before {
			t.Errorf("after a restart it is %s, before %s", fingerprint, before)
		}
		before = fingerprint
		shown, err := auth.ReadCredentials(strings.NewReader(url+" pin "+fingerprint), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, two := range []bool{false, true} {
			base := &http.Transport{ForceAttemptHTTP2: two}
			if !two {
				base.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
			}
			askTwice(t, url, &http.Client{Transport: shown.Transport(base), Timeout: patience}, two)
		}
		r, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}).Get(strings.Replace(url, "https:", "http:", 1))
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode != http.StatusBadRequest {
				t.Errorf("plain HTTP gets %s", r.Status)
			}
		}
		p.stop()
		p.end(t, 5*time.Second)
	}
}

// askTwice makes two requests on one connection.
func askTwice(t *testing.T, url string, client *http.Client, two bool) {
	t.Helper()
	defer client.CloseIdleConnections()
	for i := range 2 {
		reused := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(connectOfP))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tracker.MediaType)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || reused != (i == 1) || (answer.ProtoMajor == 2) != two {
			t.Errorf("request %d: %s by %s, connection used before: %v", i, answer.Status, answer.Proto, reused)
		}
	}
}

// Who sends a byte now and then is cut off, and others are served meanwhile.
func TestTrackerCutsSlowClientsOff(t *testing.T) {
	atHome(t)
	p := begin(t, nil, "tracker", "--listen", free, "--operator", free, "--json")
	ready := p.event(t, "ready")
	host := strings.Trim(strings.TrimPrefix(text(t, ready, "url"), "http:"), "/")
	slow, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := fmt.Fprintf(slow, "POST / HTTP/1.1\r\nHost: %s\r\nX-Slow: ", host); err != nil {
		t.Fatal(err)
	}
	client := tracker.NewClient(tracker.ClientConfig{URL: "http://" + host + "/", PeerID: ppsp.PeerID{1}})
	_, err = client.Connect(t.Context(), []tracker.SwarmAction{tracker.Join("\x01", tracker.Leech)}, nil, nil)
	client.CloseIdleConnections()
	if err != nil {
		t.Errorf("another peer: %v", err)
	}
	_ = slow.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.ReadAll(bufio.NewReader(slow)); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("who is slow is waited for")
	}
	body, _ := page(t, text(t, ready, "operator")+"api/v1/health")
	health := struct{ Peers int }{}
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Peers != 1 {
		t.Errorf("health: %s, %v", body, err)
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("HOME"), ownCert)); err == nil {
		t.Error("on loopback a certificate was made")
	}
}
