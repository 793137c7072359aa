package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestPageAtItsPaths(t *testing.T) {
	first := ask(t, newFakeGateway(), http.MethodGet, "/", "")
	for _, path := range []string{"/", "/watch/news", "/watch/none", "/watch/a%2Fb", "/gateway/health"} {
		w := ask(t, newFakeGateway(), http.MethodGet, path, "")
		if w.Code != http.StatusOK || w.Body.String() != first.Body.String() {
			t.Errorf("%s: status %d, not the page", path, w.Code)
		}
		if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", path, got)
		}
	}
}

func TestPagePolicyForbidsInlineScripts(t *testing.T) {
	w := ask(t, newFakeGateway(), http.MethodGet, "/", "")
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy lacks %q: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	body := w.Body.String()
	if regexp.MustCompile(`<script[^>]*>[^<]|\son\w+=|style=|<style`).MatchString(body) {
		t.Errorf("the page has inline script or style, which its policy forbids:\n%s", body)
	}
}

var reference = regexp.MustCompile(`(?:src|href|data-[a-z-]+)="/([^"]+)"`)

func TestPageFindsItsFiles(t *testing.T) {
	body := ask(t, newFakeGateway(), http.MethodGet, "/", "").Body.String()
	found := reference.FindAllStringSubmatch(body, -1)
	if len(found) != 9 {
		t.Fatalf("%d references, want icon, style, script, player, script and style of the gateway's views, and three languages: %s", len(found), body)
	}
	for _, match := range found {
		w := ask(t, newFakeGateway(), http.MethodGet, "/"+match[1], "")
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, %d bytes", match[1], w.Code, w.Body.Len())
		}
		if kind := w.Header().Get("Content-Type"); kind == "" || strings.HasPrefix(kind, "text/plain") {
			t.Errorf("%s: Content-Type %q", match[1], kind)
		}
		if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control %q", match[1], got)
		}
	}
	if w := ask(t, newFakeGateway(), http.MethodGet, "/assets/app-0000000000.js", ""); w.Code != http.StatusNotFound {
		t.Errorf("a file of another build: status %d", w.Code)
	}
}

// The page works without Internet: it names no address outside of the gateway.
func TestPageAsksNobodyElse(t *testing.T) {
	outside := regexp.MustCompile(`(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import`)
	for name, a := range newPage("", "").others {
		if !strings.Contains(name, "mpegts") && outside.Match(a.content().body) {
			t.Errorf("%s: %s", name, outside.Find(a.content().body))
		}
	}
}

func TestLicencesOfBundledSoftware(t *testing.T) {
	w := ask(t, newFakeGateway(), http.MethodGet, "/licences.txt", "")
	for _, want := range []string{"preact", "mpegts.js", "es6-promise", "events", "Apache License", "MIT License", "golang.org/x/net", "github.com/pion/stun", "Mozilla Public License"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("licences.txt does not mention %s", want)
		}
	}
}

func TestCompressedFilesAreTheSame(t *testing.T) {
	for name := range newPage("", "").others {
		plain := ask(t, newFakeGateway(), http.MethodGet, "/"+name, "")
		packed := ask(t, newFakeGateway(), http.MethodGet, "/"+name, "", header("Accept-Encoding", "br, gzip"))
		if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: headers %v", name, packed.Header())
		}
		if plain.Header().Get("ETag") == packed.Header().Get("ETag") {
			t.Errorf("%s: two representations share an entity tag", name)
		}
		r, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if body, err := io.ReadAll(r); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
			t.Errorf("%s: %d bytes after unpacking, %v", name, len(body), err)
		}
		again := ask(t, newFakeGateway(), http.MethodGet, "/"+name, "", header("Accept-Encoding", "gzip"), header("If-None-Match", packed.Header().Get("ETag")))
		if again.Code != http.StatusNotModified {
			t.Errorf("%s: status %d for a known file", name, again.Code)
		}
	}
}

func TestNameAndVersionAreEscaped(t *testing.T) {
	s := New(Config{Gateway: newFakeGateway(), Name: `"><script>alert(1)</script>`, Version: `'"&`})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr, r.Host = home, "localhost"
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "{{") {
		t.Errorf("page:\n%s", w.Body)
	}
}

var language = regexp.MustCompile(`/[a-z]{2}-[0-9a-f]{10}\.js$`)

// Budgets of the page, compressed: what stands before the first paint, and all of it.
func TestPageBudgets(t *testing.T) {
	const shellBudget, wholeBudget = 40 << 10, 400 << 10
	shell, whole, words := 0, 0, 0 // bytes; of words those of the language that has most
	err := fs.WalkDir(dist, "page/dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		n := len(compress(body))
		whole += n
		switch {
		case language.MatchString(name):
			words = max(words, n)
		case !strings.Contains(name, "mpegts") && !strings.Contains(name, "owner") && !strings.Contains(name, "licences"):
			shell += n
		}
		return nil
	})
	shell += words
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("shell %d bytes, everything %d bytes", shell, whole)
	if shell > shellBudget || whole > wholeBudget {
		t.Errorf("shell %d of %d bytes, everything %d of %d bytes", shell, shellBudget, whole, wholeBudget)
	}
}
