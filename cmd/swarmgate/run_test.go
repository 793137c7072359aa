package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/config"
)

// The gateway by its configuration file: a film of the file is on the page, and the state
// lies where the file says.
func TestRun(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	content, _ := newFilm(t, filepath.Join(dir, "film.mp4"), 60_000)
	publisher := begin(t, nil, "publish", filepath.Join(dir, "film.mp4"), "--listen", free, "--dir", filepath.Join(dir, "publisher"), "--json")
	link := text(t, publisher.event(t, "swarm"), "link")
	file, state := filepath.Join(dir, "swarmgate.toml"), filepath.Join(dir, "state")
	settings := fmt.Sprintf("dir = %q\nlinks = [%q]\n[http]\nlisten = \"127.0.0.1:1\"\n[dlna]\nenabled = false\n", state, link)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time with the state of the first
		p := begin(t, nil, "run", "--config", file, "--http", free, "--listen", free, "--json")
		ready := p.event(t, "ready")
		if fields(ready) != "device event m3u page" || ready["device"] != "" {
			t.Errorf("ready is %v", ready)
		}
		url := text(t, ready, "page")
		body, _ := page(t, url+"films.m3u")
		_, film, _ := strings.Cut(body, url+"film/")
		film, _, _ = strings.Cut(film, "\n")
		if b, _ := page(t, url+"film/"+film); b != string(content) {
			t.Errorf("the film has %d bytes, want %d; the list is %q", len(b), len(content), body)
		}
		p.stop()
		if status := p.end(t, 5*time.Second); status != 0 {
			t.Errorf("exit status %d: %s", status, p.err)
		}
	}
	if _, err := os.Stat(filepath.Join(state, "films")); err != nil {
		t.Errorf("the films are not in the folder of the state: %v", err)
	}
}

// Without anything the gateway runs, and says how to go on.
func TestRunWithDefaults(t *testing.T) {
	atHome(t)
	t.Setenv("SWARMGATE_DLNA_INTERFACES", "nosuch")
	p := begin(t, nil, "run", "--http", free, "--listen", free, "--dir", t.TempDir())
	p.say(t, "There are no channels yet: add a link on the page, or in the configuration.")
	_, url, _ := strings.Cut(p.out.String(), "In a browser   ")
	url, _, _ = strings.Cut(url, "\n")
	page(t, url)
	if words := p.out.String(); !strings.Contains(words, "not found") || !strings.Contains(words, "nosuch") {
		t.Errorf("it says %q, want that TVs don't find it on nosuch", words)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 || !strings.HasSuffix(p.out.String(), "Stopped.\n") {
		t.Errorf("exit status %d: %s%s", status, p.out, p.err)
	}
}

// A network for a media server that is switched off is pointed out, and nothing fails for it.
func TestInterfaceWithoutMediaServer(t *testing.T) {
	atHome(t)
	for _, args := range [][]string{{"run", "--listen", free, "--dir", t.TempDir()}, {"demo"}} {
		p := begin(t, nil, append(args, "--http", free, "--no-dlna", "--interface", "lo")...)
		p.say(t, "In a player")
		if words := p.err.String(); !strings.Contains(words, "--interface has no effect beside --no-dlna") {
			t.Errorf("%v: it says %q", args, words)
		}
		p.stop()
		if status := p.end(t, 5*time.Second); status != 0 {
			t.Errorf("%v: exit status %d", args, status)
		}
	}
}

// Flags go before the environment, and that before the file.
func TestSettingsOfRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "swarmgate.toml")
	if err := os.WriteFile(file, []byte("[http]\nlisten = \":1\"\n[dlna]\nname = \"File\"\n[log]\nlevel = \"debug\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	around := config.Surroundings{Environ: []string{"HOME=/home/ann", "SWARMGATE_HTTP_LISTEN=:2", "SWARMGATE_DLNA_NAME=Environment"}}
	s, err := (&runCommand{Config: file}).settings(around)
	if err != nil || s.HTTP.Listen.Port != 2 || s.DLNA.Name != "Environment" || s.Log.Level != "debug" || !s.DLNA.Enabled || !s.Peer.NAT {
		t.Errorf("without flags %+v, error %v", s, err)
	}
	r := &runCommand{Config: file, HTTP: ":3", Name: "Flag", Dir: "/d", Interface: []string{"eth0", "wlan0"}, NoDLNA: true}
	r.Listen, r.Stun, r.NoNAT, r.Upload, r.LogLevel, r.LogFormat = "127.0.0.1:4", []string{"stun.example:3478"}, true, 1e6, "error", "json"
	r.Offload, r.MemberCA, r.MemberCert, r.MemberKey = "off", "/ca.pem", "/me.crt", "/me.key"
	s, err = r.settings(around)
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTP.Listen.Port != 3 || s.DLNA.Name != "Flag" || s.StateDir() != "/d" || len(s.DLNA.Interfaces) != 2 || s.DLNA.Enabled ||
		s.Peer.Listen.Port != 4 || len(s.Peer.STUN) != 1 || s.Peer.NAT || s.Peer.Upload != 1e6 || s.Log.Level != "error" || s.Log.Format != "json" ||
		s.Peer.Offload != "off" || s.Members != (config.Members{Authority: "/ca.pem", Certificate: "/me.crt", Key: "/me.key"}) {
		t.Errorf("with flags %+v", s)
	}
	if _, err := (&runCommand{Config: file, HTTP: "x"}).settings(around); err == nil || !strings.HasPrefix(err.Error(), `--http: "x" is no address`) {
		t.Errorf("a wrong flag: error %v, want its name", err)
	}
}

// A closed swarm is watched by what the configuration says, without a flag.
func TestMembershipByConfiguration(t *testing.T) {
	dir := atHome(t)
	ca := filepath.Join(dir, "ours.pem")
	content, _ := newFilm(t, filepath.Join(dir, "film.mp4"), 60_000)
	publisher := begin(t, nil, "publish", filepath.Join(dir, "film.mp4"), "--closed", "--member-ca", ca, "--listen", free, "--no-nat", "--dir", filepath.Join(dir, "p"), "--json")
	link := text(t, publisher.event(t, "swarm"), "link")
	cert, key := filepath.Join(dir, "me.crt"), filepath.Join(dir, "me.key")
	if status, _, words := once(t, "members", "add", "Me", "--swarm", link, "--cert", cert, "--key", key, "--member-ca", ca); status != 0 {
		t.Fatal(words)
	}
	file := filepath.Join(dir, "swarmgate.toml")
	settings := fmt.Sprintf("dir = %q\nlinks = [%q]\n[members]\nauthority = %q\ncertificate = %q\nkey = %q\n", filepath.Join(dir, "g"), link, ca, cert, key)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, nil, "run", "--config", file, "--http", free, "--listen", free, "--no-dlna", "--no-nat", "--json")
	url := text(t, p.event(t, "ready"), "page")
	list, _ := page(t, url+"films.m3u")
	_, film, _ := strings.Cut(list, url+"film/")
	film, _, _ = strings.Cut(film, "\n")
	if b, _ := page(t, url+"film/"+film); b != string(content) {
		t.Errorf("the film has %d bytes, want %d", len(b), len(content))
	}
	// And it is the gateway's authority: a member of it is added for that very link.
	if status, _, words := once(t, "members", "add", "Bob", "--swarm", link, "--cert", cert+"2", "--key", key+"2", "--api", strings.TrimSuffix(url, "/")); status != 0 {
		t.Errorf("members add: %s", words)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	sentence(t, []string{"run", "--config", file, "--http", free, "--listen", free, "--no-dlna"}, 1, "me.crt")
}

// Of several mistakes run tells the first, in one line, and what tells the others.
func TestRunWithMistakes(t *testing.T) {
	file := filepath.Join(atHome(t), "bad.toml")
	if err := os.WriteFile(file, []byte("lnks = []\n[http]\nlissen = 1\n[buffer]\nlive = 64\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sentence(t, []string{"run", "--config", file}, 1, file+":1:1: lnks is unknown; did you mean links?; this is the first of 3 mistakes, swarmgate config check --config "+file+" tells all")
}

// The page tells what switched the media server off, of the three that can.
func TestWhatSwitchesTVsOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gate.toml")
	if err := os.WriteFile(file, []byte("[dlna]\nenabled = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runCommand{Config: file}
	env := config.Surroundings{Environ: []string{"SWARMGATE_DLNA_ENABLED=false"}}
	for _, c := range []struct {
		noDLNA bool
		around config.Surroundings
		want   string
	}{{false, config.Surroundings{}, "[dlna] in the configuration"}, {false, env, "SWARMGATE_DLNA_ENABLED"}, {true, env, "--no-dlna"}} {
		r.NoDLNA = c.noDLNA
		s, err := r.settings(c.around)
		if err != nil {
			t.Fatal(err)
		}
		if got := switchedOff(s.Origin("dlna.enabled")); !strings.Contains(got, c.want) {
			t.Errorf("switched off by %q, want %q", got, c.want)
		}
	}
}

// A file of device profiles that can't be read is told with the place, before anything is opened.
func TestRunWithBadProfiles(t *testing.T) {
	dir := atHome(t)
	profiles, file := filepath.Join(dir, "tv.toml"), filepath.Join(dir, "gate.toml")
	if err := os.WriteFile(profiles, []byte("[[profile]]\nname = \"Ours\"\ncolour = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, "[dlna]\nprofiles = %q\n", profiles), 0o600); err != nil {
		t.Fatal(err)
	}
	sentence(t, []string{"run", "--config", file, "--http", free, "--listen", free}, 1, profiles+":3:1: profile.colour is unknown; remove it")
}
