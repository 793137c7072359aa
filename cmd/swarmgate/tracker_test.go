package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes a certificate for this machine and its key, and returns who trusts it.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tracker"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret), pool
}

func TestTrackerCommand(t *testing.T) {
	atHome(t)
	p := begin(t, nil, "tracker", "--http", "--listen", free, "--stun", free, "--json")
	ready := p.event(t, "ready")
	url, stun := text(t, ready, "url"), text(t, ready, "stun")
	if fields(ready) != "event operator stun url" || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("ready is %v", ready)
	}
	// A peer learns its address by the STUN server.
	seen := begin(t, nil, "get", "-o", filepath.Join(t.TempDir(), "nothing"), "--listen", free, "--stun", stun, "--timeout", "1s", "--json", "ppsp:film/"+strings.Repeat("0d", 32)+"?len=9&tr="+url)
	if by := text(t, seen.event(t, "nat"), "address"); !strings.HasPrefix(by, "127.0.0.1:") {
		t.Errorf("the address is %s", by)
	}
	seen.stop()
	seen.end(t, patience)
	// Publisher and get find each other by it.
	dir := t.TempDir()
	_, digest := newFilm(t, filepath.Join(dir, "film.mp4"), 50_000)
	begin(t, nil, "publish", filepath.Join(dir, "film.mp4"), "--listen", free, "--tracker", url, "--json").event(t, "swarm")
	_, out, _ := once(t, "inspect", "--json", filepath.Join(dir, "film.mp4"))
	link := text(t, object(t, out), "link") + "&tr=" + url
	g := begin(t, nil, "get", "-o", filepath.Join(dir, "copy"), "--listen", free, "--json", link)
	if status := g.end(t, patience); status != 0 || g.event(t, "done")["sha256"] != digest {
		t.Errorf("get: exit status %d: %s", status, g.err)
	}
	body, _ := page(t, url+"status")
	status := struct{ Swarms []struct{ Seeders int } }{}
	if err := json.Unmarshal([]byte(body), &status); err != nil || len(status.Swarms) != 1 || status.Swarms[0].Seeders < 1 {
		t.Errorf("the status is %s, error %v; want the publisher in one swarm", body, err)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestTrackerSpeaksHTTPS(t *testing.T) {
	atHome(t)
	cert, key, pool := certificate(t)
	p := begin(t, nil, "tracker", "--listen", free, "--cert", cert, "--key", key, "--log-level", "debug")
	p.say(t, "Ctrl-C ends it.")
	_, url, _ := strings.Cut(p.out.String(), "Tracker: ")
	url, _, _ = strings.Cut(url, "\n")
	if !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Fatalf("it prints %q", p.out)
	}
	for least, want := range map[uint16]bool{tls.VersionTLS12: true, tls.VersionTLS13: true, tls.VersionTLS11: false} {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: least},
		}}
		r, err := client.Get(url + "status")
		if err == nil {
			_ = r.Body.Close()
		}
		if (err == nil) != want {
			t.Errorf("TLS version %#x: error %v", least, err)
		}
	}
	p.say(t, "TLS handshake error") // in the log, for debugging
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	sentence(t, []string{"tracker", "--listen", free, "--cert", key, "--key", cert}, 1, "both have to be PEM files that belong together")
}
