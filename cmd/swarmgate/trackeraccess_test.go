package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// clientCertificates writes an authority, and a certificate and key of a peer that it signed.
func clientCertificates(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, prefix := range []string{"", "other-"} {
		authority, _ := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
		root := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "operator"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(crand.Reader, root, root, authority.Public(), authority)
		if err != nil {
			t.Fatal(err)
		}
		write(prefix+"ca.pem", "CERTIFICATE", der)
		peer, _ := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "home"}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if der, err = x509.CreateCertificate(crand.Reader, leaf, root, peer.Public(), authority); err != nil {
			t.Fatal(err)
		}
		write(prefix+"peer.pem", "CERTIFICATE", der)
		if der, err = x509.MarshalPKCS8PrivateKey(peer); err != nil {
			t.Fatal(err)
		}
		write(prefix+"peer.key", "PRIVATE KEY", der)
	}
}

// curl sends a CONNECT and returns the HTTP status and the error code of the answer.
func curl(t *testing.T, url, dir string, args ...string) (status int, code tracker.ErrorCode, headers string) {
	t.Helper()
	body := `{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"1","peer_id":"p","connect":{"swarm_action":[{"swarm_id":"11","action":"JOIN","peer_mode":"LEECH"}]}}}`
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args = append([]string{"-sS", "-i", "--noproxy", "*", "--cacert", filepath.Join(dir, "state", ownCert), "-H", "Content-Type: " + tracker.MediaType, "-d", body}, args...)
	out, err := exec.CommandContext(ctx, "curl", append(args, url)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v: %s", err, out)
	}
	all := strings.Split(string(out), "\r\n\r\n")
	answer, err := tracker.DecodeResponse([]byte(all[len(all)-1]))
	if err != nil {
		t.Fatalf("curl %v: %v in %s", args, err, out)
	}
	headers = all[len(all)-2]
	if _, err := fmt.Sscanf(headers, "HTTP/2 %d", &status); err != nil {
		t.Errorf("not HTTP/2: %s", headers)
	}
	return status, answer.ErrorCode, headers
}

// curl --digest, a TLS client certificate and a token each get in; wrong ones get 06.
func TestTrackerAuthentication(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	clientCertificates(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	const token = "0123456789abcdefghij"
	for name, text := range map[string]string{"users": "anna:secret\n", "tokens": token + "\n"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := begin(t, nil, "tracker", "--listen", free, "--auth", "digest,cert,token", "--users", at("users"), "--tokens", at("tokens"), "--client-ca", at("ca.pem"), "--dir", at("state"), "--json")
	url := text(t, p.event(t, "ready"), "url")
	if !strings.HasPrefix(url, "https://") {
		t.Fatalf("it serves %s", url)
	}
	for _, c := range []struct {
		what string
		args []string
		in   bool
	}{
		{"Digest", []string{"--digest", "-u", "anna:secret"}, true},
		{"Digest, wrong password", []string{"--digest", "-u", "anna:wrong"}, false},
		{"Digest, nobody", []string{"--digest", "-u", "bert:secret"}, false},
		{"Basic", []string{"-u", "anna:secret"}, false},
		{"a token", []string{"-H", "Authorization: Bearer " + token}, true},
		{"a wrong token", []string{"-H", "Authorization: Bearer " + token + "x"}, false},
		{"a certificate", []string{"--cert", at("peer.pem"), "--key", at("peer.key")}, true},
		{"a certificate of another authority", []string{"--cert", at("other-peer.pem"), "--key", at("other-peer.key")}, false},
		{"nothing", nil, false},
	} {
		status, code, headers := curl(t, url, dir, c.args...)
		if c.in && (status != 200 || code != tracker.NoError) ||
			!c.in && (status != 401 || code != tracker.AuthenticationRequired || !strings.Contains(headers, `www-authenticate: Digest realm="swarmgate", qop="auth", algorithm=SHA-256`)) {
			t.Errorf("%s: status %d, error code %v, %s", c.what, status, code, headers)
		}
	}
	// Publisher and get show what they have been given; get without is refused.
	if err := os.WriteFile(at("shown"), []byte(url+" digest anna secret\n"+url+" ca state/"+ownCert+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, digest := newFilm(t, at("film.mp4"), 50_000)
	begin(t, nil, "publish", at("film.mp4"), "--listen", free, "--tracker", url, "--tracker-auth", at("shown"), "--json").event(t, "swarm")
	_, out, _ := once(t, "inspect", "--json", at("film.mp4"))
	link := text(t, object(t, out), "link") + "&tr=" + url
	g := begin(t, nil, "get", "-o", at("copy"), "--listen", free, "--tracker-auth", at("shown"), "--json", link)
	if status := g.end(t, patience); status != 0 || g.event(t, "done")["sha256"] != digest {
		t.Errorf("get: exit status %d: %s", status, g.err)
	}
	sentence(t, []string{"get", "-o", at("copy2"), "--listen", free, "--tracker-auth", at("users"), link}, 1, `--tracker-auth`)
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	// The certificate is the same after a restart.
	before, err := os.ReadFile(at("state/" + ownCert))
	if err != nil {
		t.Fatal(err)
	}
	p = begin(t, nil, "tracker", "--listen", free, "--auth", "cert", "--client-ca", at("ca.pem"), "--dir", at("state"), "--json")
	p.event(t, "ready")
	if after, err := os.ReadFile(at("state/" + ownCert)); err != nil || string(after) != string(before) {
		t.Errorf("the tracker made another certificate, %v", err)
	}
}

// Without --cert: plain HTTP on this machine alone, and only there, unless it is asked for.
func TestTrackerIsPlainOnlyAtHome(t *testing.T) {
	atHome(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "127.0.0.1:0"}, "http://127.0.0.1:"},
		{[]string{"--listen", "[::1]:0"}, "http://[::1]:"},
		{[]string{"--listen", ":0"}, "https://localhost:"},
		{[]string{"--listen", "0.0.0.0:0", "--http"}, "http://localhost:"},
	} {
		p := begin(t, nil, append([]string{"tracker", "--json", "--dir", t.TempDir()}, c.args...)...)
		url := text(t, p.event(t, "ready"), "url")
		if !strings.HasPrefix(url, c.want) {
			t.Errorf("%v: %s, want %s…", c.args, url, c.want)
		}
		p.stop()
		p.end(t, 5*time.Second)
	}
}

// A tracker that is killed and started again has forgotten nobody.
func TestTrackerKilled(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	start := func() (*exec.Cmd, string) {
		c := exec.Command(os.Args[0], "tracker", "--listen", free, "--dir", dir, "--json")
		c.Env = append(os.Environ(), asProgram+"=1")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var rest sync.WaitGroup
		url, err := readyField(out, "url", &rest)
		if err != nil {
			t.Fatal(err)
		}
		return c, url
	}
	kill := func(c *exec.Cmd) {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	swarm := ppsp.SwarmID("\x01\x02")
	c, url := start()
	for i := range 50 {
		client := tracker.NewClient(tracker.ClientConfig{URL: url, PeerID: ppsp.PeerID{byte(i)}})
		_, err := client.Connect(t.Context(), []tracker.SwarmAction{tracker.Join(swarm, tracker.Leech)}, nil, nil)
		client.CloseIdleConnections()
		if err != nil {
			t.Fatal(err)
		}
	}
	kill(c)
	c, url = start()
	defer func() { kill(c) }()
	client := tracker.NewClient(tracker.ClientConfig{URL: url, PeerID: ppsp.PeerID{7}})
	defer client.CloseIdleConnections()
	answer, err := client.Find(t.Context(), swarm, &tracker.PeerNum{PeerCount: 29})
	if err != nil || len(answer.Swarms[0].Peers) != 29 {
		t.Fatalf("after the restart: %+v, %v", answer, err)
	}
	body, _ := page(t, url+"status")
	var status tracker.Status
	if err := json.Unmarshal([]byte(body), &status); err != nil || status.Peers != 50 {
		t.Errorf("%d peers, %v", status.Peers, err)
	}
	sentence(t, []string{"tracker", "--listen", free, "--dir", dir}, 1, "another tracker uses the folder; choose another with --dir")
}
