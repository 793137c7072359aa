package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/bcrypt"

	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/web"
)

func TestPasswordIsWrittenAsHash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	for input, want := range map[string]string{
		"short\n":                         "at least 8",
		strings.Repeat("ö", 37) + "\n":    "at most 72",
		"":                                "at least 8",
		"correct horse\r\nsecond line\n":  "",
		"without the end of a line, okay": "",
	} {
		var out bytes.Buffer
		err := (&passwordCommand{File: path}).Run(console{in: strings.NewReader(input), out: &out, err: &out})
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want an error with %q", input, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		hash, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(strings.TrimRight(input, "\n"), "\r")
		if bcrypt.CompareHashAndPassword(bytes.TrimSpace(hash), []byte(line)) != nil {
			t.Errorf("%q does not open %s", line, hash)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
}

func TestAccessOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	good := file("password", string(hash)+"\n")
	tokens := file("tokens", "# Prometheus\n0123456789abcdef\n\n  fedcba9876543210  \n")
	h := &home{cfg: homeConfig{dir: dir, access: config.Access{Password: good, Tokens: tokens}}}
	a, err := h.access()
	if err != nil || len(a.Tokens) != 2 || a.Tokens[1] != "fedcba9876543210" || len(a.Key) != 32 {
		t.Errorf("%+v, %v", a, err)
	}
	if again, err := h.access(); err != nil || again.Key != a.Key {
		t.Errorf("the key of streams was %q and is %q, %v", a.Key, again.Key, err)
	}
	for want, c := range map[string]config.Access{
		"swarmgate password": {Password: file("plain", "correct horse\n")},
		"no such file":       {Password: filepath.Join(dir, "none")},
		":1: a token":        {Password: good, Tokens: file("short", "secret\n")},
		"one word":           {Password: good, Tokens: file("words", "\n0123456789 abcdef0123\n")},
	} {
		h.cfg.access = c
		if _, err := h.access(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", c, err, want)
		}
	}
	h.cfg.access = config.Access{Guests: true}
	if a, err := h.access(); err != nil || len(a.Password) > 0 || !a.Guests {
		t.Errorf("without a password: %+v, %v", a, err)
	}
}

func TestHTTPSWithACertificateOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	h := &home{cfg: homeConfig{dir: dir, log: zerolog.Nop(), reach: config.HTTP{TLSListen: "127.0.0.1:0"}}}
	listener, err := h.openHTTPS()
	if err != nil {
		t.Fatal(err)
	}
	server := web.HTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	}), zerolog.Nop())
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it is the certificate that is looked at
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusTeapot || answer.TLS.PeerCertificates[0].VerifyHostname("127.0.0.1") != nil {
		t.Errorf("status %d, certificate for %v", answer.StatusCode, answer.TLS.PeerCertificates[0].IPAddresses)
	}
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-done
	before, err := os.ReadFile(filepath.Join(dir, gatewayCert))
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.openHTTPS()
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
	if after, err := os.ReadFile(filepath.Join(dir, gatewayCert)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("another certificate at the next start, %v", err)
	}
	h.cfg.reach.TLSCert = filepath.Join(dir, "none")
	if _, err := h.openHTTPS(); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a missing certificate: %v", err)
	}
	h.cfg.reach.TLSListen = ""
	if l, err := h.openHTTPS(); l != nil || err != nil {
		t.Errorf("none: %v, %v", l, err)
	}
}
