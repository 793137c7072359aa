package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// The operator sees who is there, shuts a peer out by the command line, and it stays out after a
// restart; with either registry.
func TestTrackerOperator(t *testing.T) {
	for name, registry := range map[string]func() string{
		"memory": func() string { return "memory" },
		"redis":  func() string { return redisServer(t) },
	} {
		t.Run(name, func(t *testing.T) { testTrackerOperator(t, registry()) })
	}
}

func testTrackerOperator(t *testing.T, registry string) {
	atHome(t)
	dir := filepath.Join(t.TempDir(), "fresh") // which nobody made
	start := func() (p *program, url, desk string) {
		p = begin(t, nil, "tracker", "--listen", free, "--operator", free, "--registry", registry, "--dir", dir, "--json")
		ready := p.event(t, "ready")
		return p, text(t, ready, "url"), text(t, ready, "operator")
	}
	p, url, desk := start()
	join := func(url string, id byte) error {
		client := tracker.NewClient(tracker.ClientConfig{URL: url, PeerID: ppsp.PeerID{id}})
		defer client.CloseIdleConnections()
		_, err := client.Connect(t.Context(), []tracker.SwarmAction{tracker.Join("\x01\x02", tracker.Leech)}, nil, nil)
		return err
	}
	for id := range byte(3) {
		if err := join(url, id); err != nil {
			t.Fatal(err)
		}
	}
	body, _ := page(t, desk+"api/v1/swarms")
	var list struct {
		Peers int
		List  []tracker.SwarmSummary
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || list.Peers != 3 || len(list.List) != 1 || list.List[0].Leeches != 3 {
		t.Errorf("the swarms are %s, %v", body, err)
	}
	if body, _ = page(t, desk); !strings.Contains(body, "/swarms/0102") {
		t.Errorf("the page: %s", body)
	}
	if body, _ = page(t, desk+"metrics"); !strings.Contains(body, "\nswarmgate_tracker_peers 3\n") || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("the metrics: %s", body)
	}
	bad := ppsp.PeerID{1}.String()
	api := strings.TrimSuffix(desk, "/")
	if status, out, problem := once(t, "bans", "add", bad, "--reason", "test", "--api", api); status != 0 {
		t.Fatalf("bans add: %s%s", out, problem)
	}
	if err := join(url, 1); err == nil || !strings.Contains(err.Error(), "03 forbidden action") {
		t.Errorf("who is shut out joins: %v", err)
	}
	if body, _ = page(t, desk+"api/v1/swarms/0102/peers"); strings.Contains(body, bad) || !strings.Contains(body, ppsp.PeerID{2}.String()) {
		t.Errorf("the peers: %s", body)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	_, url, desk = start()
	api = strings.TrimSuffix(desk, "/")
	if err := join(url, 1); err == nil {
		t.Error("a restart lets everybody in again")
	}
	if _, out, _ := once(t, "bans", "list", "--json", "--api", api); !strings.Contains(out, bad) {
		t.Errorf("bans list: %s", out)
	}
	if status, out, problem := once(t, "bans", "remove", bad, "--api", api); status != 0 {
		t.Errorf("bans remove: %s%s", out, problem)
	}
	if err := join(url, 1); err != nil {
		t.Errorf("who was let in again: %v", err)
	}
}

// Elsewhere than on this machine the page speaks HTTPS, and wants the token.
func TestTrackerOperatorElsewhere(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	p := begin(t, nil, "tracker", "--listen", free, "--operator", "0.0.0.0:0", "--dir", dir, "--json")
	ready := p.event(t, "ready")
	desk := text(t, ready, "operator")
	if !strings.HasPrefix(desk, "https://") || !strings.HasPrefix(text(t, ready, "url"), "https://") {
		t.Fatalf("it serves %v", ready)
	}
	cert, err := os.ReadFile(filepath.Join(dir, ownCert))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	token, err := os.ReadFile(filepath.Join(dir, tokenFile))
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]int{"": 401, "wrong-but-long-enough": 401, strings.TrimSpace(string(token)): 200} {
		for _, path := range []string{"", "metrics", "api/v1/swarms"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, desk+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if password != "" {
				r.SetBasicAuth("me", password)
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%s with password %q: %s", path, password, answer.Status)
			}
		}
	}
	if status, _, problem := once(t, "tracker", "--listen", free, "--operator", "192.0.2.1:1", "--dir", t.TempDir()); status != 1 || !strings.Contains(problem, "choose another address with --operator") {
		t.Errorf("an address of elsewhere: exit status %d, %s", status, problem)
	}
}
