package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// owned loads a configuration whose folder for state is dir, as a gateway does at its start.
func owned(t *testing.T, dir, text string, environ ...string) *Settings {
	t.Helper()
	s := load(t, text, environ...)
	if err := errors.Join(s.Set("dir", dir), s.TakeChosen(), s.Validate()); err != nil {
		t.Fatal(err)
	}
	return s
}

func change(o *Owner, body string) error {
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(body), &values); err != nil {
		return err
	}
	return o.Change(values)
}

func setting(t *testing.T, o *Owner, key string) Setting {
	t.Helper()
	for _, s := range o.Settings() {
		if s.Key == key {
			return s
		}
	}
	t.Fatalf("%s is not listed", key)
	return Setting{}
}

func TestWhatIsChosenCountsFromTheNextStart(t *testing.T) {
	dir := t.TempDir()
	running := owned(t, dir, "")
	o := NewOwner(running)
	if err := change(o, `{"buffer.live": "64MiB", "dlna.enabled": false, "buffer.sessions": 3, "dlna.interfaces": ["eth0", "eth1"], "dlna.name": "\"Our\" TV"}`); err != nil {
		t.Fatal(err)
	}
	if running.Buffer.Live != 32<<20 || !running.DLNA.Enabled {
		t.Error("what runs was changed")
	}
	if s := setting(t, o, "buffer.live"); s.Value != "64MiB" || s.Default != "32MiB" || s.Origin != FromPage || !s.Pending || !s.Changeable {
		t.Errorf("%+v", s)
	}
	next := owned(t, dir, "")
	if next.Buffer.Live != 64<<20 || next.DLNA.Enabled || next.Buffer.Sessions != 3 || len(next.DLNA.Interfaces) != 2 || next.DLNA.Name != `"Our" TV` {
		t.Errorf("after the start: %+v %+v", next.Buffer, next.DLNA)
	}
	o = NewOwner(next)
	if s := setting(t, o, "buffer.live"); s.Pending || s.Origin != FromPage {
		t.Errorf("%+v", s)
	}
	if err := change(o, `{"buffer.live": null}`); err != nil {
		t.Fatal(err)
	}
	if s := setting(t, o, "buffer.live"); s.Value != "32MiB" || s.Origin != FromDefault || !s.Pending {
		t.Errorf("taken back: %+v", s)
	}
	if again := owned(t, dir, ""); again.Buffer.Live != 32<<20 || again.Buffer.Sessions != 3 {
		t.Errorf("taken back: %+v", again.Buffer)
	}
}

func TestWhatIsStrongerThanThePage(t *testing.T) {
	dir := t.TempDir()
	if err := change(NewOwner(owned(t, dir, "")), `{"buffer.sessions": 3, "peer.dht": true, "log.level": "debug"}`); err != nil {
		t.Fatal(err)
	}
	s := owned(t, dir, "[buffer]\nsessions = 7\n", "SWARMGATE_PEER_DHT=false")
	if s.Buffer.Sessions != 7 || s.Peer.DHT || s.Log.Level != "debug" {
		t.Errorf("%+v %+v %+v", s.Buffer, s.Peer, s.Log)
	}
	o := NewOwner(s)
	for key, place := range map[string]string{"buffer.sessions": s.File, "peer.dht": "SWARMGATE_PEER_DHT", "dir": "the command line"} {
		if got := setting(t, o, key); got.Place != place || got.Changeable {
			t.Errorf("%+v, want it to be of %s", got, place)
		}
		err := change(o, `{"`+key+`": null}`)
		if err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestWrongChangesChangeNothing(t *testing.T) {
	dir := t.TempDir()
	o := NewOwner(owned(t, dir, ""))
	for body, want := range map[string]string{
		`{"buffer.live": "1KiB"}`:                           "too little",
		`{"buffer.live": "much"}`:                           "is no size",
		`{"buffer.live": 60}`:                               "wants text",
		`{"dlna.enabled": "yes"}`:                           "wants true or false",
		`{"buffer.sessions": 2.5}`:                          "wants a whole number",
		`{"dlna.interfaces": "eth0"}`:                       "wants a list",
		`{"dlna.interfaces": [null]}`:                       "wants a list",
		`{"dlna.announce": "20m"}`:                          "more than half",
		`{"buffer.sessions": 3, "buffer.live": "1KiB"}`:     "buffer.live",
		`{"buffer.lives": "64MiB"}`:                         "did you mean buffer.live",
		`{"ffmpeg": "/tmp/evil"}`:                           "configuration file",
		`{"access.password": ""}`:                           "configuration file",
		`{"http.clients": ["0.0.0.0/0"]}`:                   "configuration file",
		`{"peer.tracker_auth": "/etc/shadow"}`:              "configuration file",
		`{"guide.sources": ["/etc/passwd"]}`:                "configuration file",
		`{"dlna.name": "` + strings.Repeat("x", 100) + `"}`: "at most",
	} {
		if err := change(o, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ownerFile)); err == nil {
		t.Error("something was written")
	}
	if s := setting(t, o, "buffer.sessions"); s.Pending {
		t.Errorf("%+v", s)
	}
}

func TestWhatCannotBeWrittenIsNotChanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	o := NewOwner(owned(t, dir, ""))
	if err := change(o, `{"buffer.sessions": 3}`); !errors.Is(err, ErrNotSaved) {
		t.Errorf("%v", err)
	}
	if s := setting(t, o, "buffer.sessions"); s.Pending {
		t.Errorf("%+v", s)
	}
}

func TestDamagedChoicesAreTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte("buffer.live = \"6"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := load(t, "")
	if err := errors.Join(s.Set("dir", dir), s.TakeChosen()); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("%v", err)
	}
}

func TestCheckSaysWhatChangeWouldAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	o := NewOwner(owned(t, dir, ""))
	check := func(body string) error {
		values := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(body), &values); err != nil {
			t.Fatal(err)
		}
		return o.Check(values)
	}
	if err := check(`{"buffer.live": "64MiB"}`); err != nil {
		t.Error(err)
	}
	if err := check(`{"buffer.live": "64"}`); err == nil || err.Error() != change(o, `{"buffer.live": "64"}`).Error() {
		t.Errorf("check says %v", err)
	}
	if s := setting(t, o, "buffer.live"); s.Value != "32MiB" || s.Pending {
		t.Errorf("it was changed: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(dir, "settings.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

func TestChoicesAreThoseThatAreTaken(t *testing.T) {
	o := NewOwner(owned(t, t.TempDir(), ""))
	listed := 0
	for _, s := range o.Settings() {
		for _, choice := range s.Choices {
			listed++
			if err := o.Check(map[string]json.RawMessage{s.Key: json.RawMessage(`"` + choice + `"`)}); s.Changeable && err != nil {
				t.Errorf("%s can't be %q: %v", s.Key, choice, err)
			}
		}
	}
	if listed < 10 {
		t.Errorf("%d choices are listed", listed)
	}
}
