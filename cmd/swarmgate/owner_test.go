package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The token is made once, for its owner's eyes, and one that was spoilt is not taken.
func TestOwnerToken(t *testing.T) {
	dir := t.TempDir()
	first, err := ownerToken(dir)
	if err != nil || len(first) != 64 {
		t.Fatalf("%q, %v", first, err)
	}
	path := filepath.Join(dir, tokenFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if again, err := ownerToken(dir); again != first || err != nil {
		t.Errorf("another token at the next start: %v", err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if token, err := ownerToken(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("an empty file is the token %q, %v", token, err)
	}
}

// A command shows the token that --token names, that of this machine's gateway to this machine
// alone, and none when it only looks.
func TestCommandsShowToken(t *testing.T) {
	own, err := ownerToken(atHome(t))
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	named, err := ownerToken(other)
	if err != nil {
		t.Fatal(err)
	}
	var shown string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	flags := apiFlags{API: apiURL(server.URL)}
	if err := flags.post(t.Context(), "/x", nil, nil); err != nil || shown != "Bearer "+own {
		t.Errorf("to this machine: %q, %v", shown, err)
	}
	shown = ""
	if err := flags.get(t.Context(), "/x", nil); err != nil || shown != "Bearer "+own { // a gateway without guests asks those who look, too
		t.Errorf("to look: %q, %v", shown, err)
	}
	flags.Token = filepath.Join(other, tokenFile)
	if err := flags.remove(t.Context(), "/x", "y"); err != nil || shown != "Bearer "+named {
		t.Errorf("by --token: %q, %v", shown, err)
	}
	if status, _, words := once(t, "bans", "add", "192.0.2.1", "--api", server.URL, "--token", filepath.Join(other, "none")); status != 1 || !strings.Contains(words, "owner.token") {
		t.Errorf("no such file: %d %s", status, words)
	}
	for _, api := range []apiURL{"http://192.0.2.1:8088", "http://tv.local:8088", "http://localhost.example"} {
		if token, err := (apiFlags{API: api}).token(); token != "" || err != nil {
			t.Errorf("%s is shown %q, %v", api, token, err)
		}
	}
}
