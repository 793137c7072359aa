package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
)

// A key is made once, for its owner's eyes only, and kept from then on.
func TestKeyIsMadeOnce(t *testing.T) {
	for _, algorithm := range []ppsp.Signature{ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384, ppsp.Ed25519} {
		dir := t.TempDir()
		path := filepath.Join(dir, "channel.key")
		key, fresh, err := openKey(path, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		if key.Algorithm() != algorithm || !fresh {
			t.Errorf("a key of %s, want %s", key.Algorithm(), algorithm)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the key file has mode %v, error %v; want 0600", info.Mode(), err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		again, fresh, err := openKey(path, ppsp.RSASHA256) // of a new key only
		if err != nil || fresh || again.SwarmID() != key.SwarmID() || again.Algorithm() != algorithm {
			t.Errorf("read again: another key, error %v", err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the key file was changed, error %v", err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("%d files beside the key, error %v; want none", len(files)-1, err)
		}
	}
}

// A damaged key is refused and stays as it is: it may be a copy away from being mended, and
// with a new key the channel would be another one.
func TestDamagedKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.key")
	if _, _, err := openKey(good, ppsp.ECDSAP256SHA256); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": {}, "noise": []byte("no key at all"), "cut": whole[:len(whole)/2], "turned": bytes.Replace(whole, whole[40:44], []byte("!!!!"), 1),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := openKey(path, ppsp.ECDSAP256SHA256)
		if err == nil || !strings.Contains(err.Error(), "key "+path+": ") || !strings.Contains(err.Error(), "it was not changed, give another with --key") {
			t.Errorf("%s: error %v, want one that names the file and what to do", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
			t.Errorf("%s: the file was changed, error %v", name, err)
		}
	}
}

func TestKeyThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "folder", "channel.key")
	if _, _, err := openKey(path, ppsp.Ed25519); err == nil || !strings.Contains(err.Error(), "the folder has to exist") {
		t.Errorf("error %v, want one that names the folder", err)
	}
	if _, _, err := openKey(filepath.Join(t.TempDir(), "k"), ppsp.Signature(99)); err == nil || !strings.Contains(err.Error(), "make key") {
		t.Errorf("of an unknown algorithm: error %v", err)
	}
}

// A state that was damaged is begun anew, and that is told.
func TestDamagedStateIsTold(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	s, err := openState(dir, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 || log.Len() > 0 {
		t.Fatalf("files %v, error %v, log %q; want one and silence", files, err, log.String())
	}
	if err := os.WriteFile(files[0], bytes.Repeat([]byte{7}, 40000), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = openState(dir, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), `"level":"warn"`) {
		t.Errorf("the log has %q, want a warning", log.String())
	}
}

// The folder that is not named is the user's, or the service's.
func TestStateFolder(t *testing.T) {
	for _, name := range []string{"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"} {
		t.Setenv(name, "")
	}
	if dir, err := stateFolder("", "publisher"); err == nil || !strings.Contains(err.Error(), "choose one with --dir") {
		t.Errorf("without a home: %q, error %v; want one that names --dir", dir, err)
	}
	t.Setenv("HOME", "/home/ann")
	for _, c := range []struct{ service, xdg, flag, want string }{
		{"", "", "", "/home/ann/.local/state/swarmgate/publisher"},
		{"", "/xdg", "", "/xdg/swarmgate/publisher"},
		{"/var/lib/swarmgate", "/xdg", "", "/var/lib/swarmgate/publisher"},
		{"/var/lib/swarmgate:/other", "", "", "/var/lib/swarmgate/publisher"},
		{"/var/lib/swarmgate", "/xdg", "/here", "/here"},
	} {
		t.Setenv("STATE_DIRECTORY", c.service)
		t.Setenv("XDG_STATE_HOME", c.xdg)
		if got, err := stateFolder(c.flag, "publisher"); err != nil || got != c.want {
			t.Errorf("%+v: %q, error %v", c, got, err)
		}
	}
}
