package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/config"
)

// object reads what a command prints with --json: one object.
func object(t *testing.T, out string) map[string]any {
	t.Helper()
	fields := map[string]any{}
	if strings.Count(out, "\n") != 1 || json.Unmarshal([]byte(out), &fields) != nil {
		t.Fatalf("%q is not one JSON object in one line", out)
	}
	return fields
}

func TestVersion(t *testing.T) {
	status, out, err := once(t, "version", "--json")
	if status != 0 || err != "" {
		t.Errorf("exit status %d, %q", status, err)
	}
	v := object(t, out)
	if fields(v) != "arch commit event go os version" || v["event"] != "version" || v["version"] != version || v["go"] != runtime.Version() ||
		v["os"] != runtime.GOOS || v["arch"] != runtime.GOARCH {
		t.Errorf("it prints %v", v)
	}
	for _, as := range []string{"version", "--version"} {
		if _, out, _ = once(t, as); !strings.HasPrefix(out, "swarmgate "+version+" (go") || strings.Count(out, "\n") != 1 {
			t.Errorf("for people %s prints %q", as, out)
		}
	}
}

func TestInspectLink(t *testing.T) {
	link := "ppsp:film/" + filmID + "?c=8192&len=399360&t=Short%20Film&type=video/mp4&tr=http://tracker.example/&peer=192.0.2.1:7000"
	status, out, err := once(t, "inspect", "--json", link)
	if status != 0 || err != "" {
		t.Errorf("exit status %d, %q", status, err)
	}
	v := object(t, out)
	if fields(v) != "addressing chunk_size chunks event hash integrity kind length link swarm_id title" {
		t.Errorf("the fields are %s", fields(v))
	}
	for name, want := range map[string]any{
		"event": "swarm", "link": link, "swarm_id": filmID, "kind": "film", "title": "Short Film", "length": 399360.0, "chunks": 49.0,
		"chunk_size": 8192.0, "addressing": "chunk32", "integrity": "merkle", "hash": "sha256",
	} {
		if v[name] != want {
			t.Errorf("%s is %v, want %v", name, v[name], want)
		}
	}
	_, out, _ = once(t, "inspect", strings.ToUpper(link[:5])+link[5:])
	for _, words := range []string{
		"Short Film\n", "film\n", filmID + "\n", "399.4 kB, 49 chunks\n", "8192 bytes, addressed by chunk32\n", "merkle, sha256\n",
		"http://tracker.example/\n", "192.0.2.1:7000\n", link + "\n",
	} {
		if !strings.Contains(out, words) {
			t.Errorf("for people it prints %q, want %q in it", out, words)
		}
	}
}

func TestInspectLiveLink(t *testing.T) {
	id := "0d" + strings.Repeat("ab", 64)
	_, out, _ := once(t, "inspect", "--json", "ppsp:live/"+id+"?c=1316&rate=2500000&t=One")
	v := object(t, out)
	if fields(v) != "addressing chunk_size event hash integrity kind link signature swarm_id title" {
		t.Errorf("the fields are %s", fields(v))
	}
	if v["kind"] != "live" || v["signature"] != "ecdsap256sha256" || v["integrity"] != "unified" || v["chunk_size"] != 1316.0 || v["swarm_id"] != id {
		t.Errorf("it prints %v", v)
	}
	if _, out, _ = once(t, "inspect", "ppsp:live/"+id+"?rate=2500000"); !strings.Contains(out, "2.5 Mbit/s\n") || !strings.Contains(out, "signed by ecdsap256sha256\n") {
		t.Errorf("for people it prints %q", out)
	}
}

func TestInspectFile(t *testing.T) {
	path := filepath.Join(tree(t, "A film.mkv"), "A film.mkv")
	if err := os.WriteFile(path, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, _ := once(t, "inspect", "--json", path)
	first := object(t, out)
	if first["title"] != "A film" || first["length"] != 5000.0 || first["chunks"] != 5.0 || first["chunk_size"] != 1024.0 || first["kind"] != "film" {
		t.Errorf("it prints %v", first)
	}
	link, err := ppsp.ParseLink(text(t, first, "link"))
	if err != nil || link.SwarmID.String() != first["swarm_id"] || link.MediaType != "video/x-matroska" {
		t.Errorf("the link is %v, error %v", first["link"], err)
	}
	_, out, _ = once(t, "inspect", "--json", "--hash", "sha1", "--addressing", "bin32", "--chunk-size", "2000", path)
	second := object(t, out)
	if second["hash"] != "sha1" || second["addressing"] != "bin32" || second["chunks"] != 3.0 || len(text(t, second, "swarm_id")) != 40 {
		t.Errorf("with other metadata it prints %v", second)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%d files in the folder, error %v; want the film alone", len(files), err)
	}
}

func TestConfigInit(t *testing.T) {
	atHome(t)
	path := filepath.Join(t.TempDir(), "below", "swarmgate.toml")
	status, out, _ := once(t, "config", "init", "--config", path)
	if status != 0 || out != "Wrote "+path+".\n" {
		t.Errorf("exit status %d, %q", status, out)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != config.Sample() {
		t.Errorf("the file is not the sample, error %v", err)
	}
	if status, out, _ = once(t, "config", "check", "--config", path); status != 0 || !strings.Contains(out, "The configuration is valid ("+path+").") {
		t.Errorf("check of the sample: exit status %d, %q", status, out)
	}
	if _, out, _ = once(t, "config", "check", "--json", "--config", path); fields(object(t, out)) != "chosen event file ok" {
		t.Errorf("check with --json prints %q", out)
	}
	if _, out, _ = once(t, "config", "init", "--config", "-"); out != config.Sample() {
		t.Error("to standard output goes another file")
	}
}

// Whatever is wrong is told, each with its place.
func TestConfigCheck(t *testing.T) {
	atHome(t)
	path := filepath.Join(t.TempDir(), "swarmgate.toml")
	if err := os.WriteFile(path, []byte("[http]\nlisten = \":8088\"\n[peer]\nupload = \"1kbit/s\"\n[buffer]\nsessions = 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, err := once(t, "config", "check", "--config", path)
	lines := strings.Split(strings.TrimSpace(err), "\n")
	if status != 1 || out != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], path+":4:") || !strings.HasPrefix(lines[1], path+":6:") ||
		lines[2] != "swarmgate: the configuration has 2 mistakes" {
		t.Errorf("exit status %d, %q, %q", status, out, err)
	}
	sentence(t, []string{"config", "check", "--config", path + ".none"}, 1, "there is no such file")
	if err := os.WriteFile(path, []byte("[http]\nlisten = \"x\"\n[buffer]\nsessions = 0\n[members]\ncertificate = \"/nowhere.crt\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err = once(t, "config", "check", "--config", path); !strings.Contains(err, path+":2:10: ") || !strings.Contains(err, path+":4:12: ") ||
		!strings.Contains(err, "/nowhere.crt") || !strings.HasSuffix(err, "the configuration has 3 mistakes\n") {
		t.Errorf("of three kinds of mistakes it says %q", err)
	}
	for setting, want := range map[string]string{
		`certificate = "/nowhere.crt"`: "membership certificate /nowhere.crt",
		`authority = "` + path + `"`:   "membership authority",
	} {
		members := filepath.Join(t.TempDir(), "members.toml")
		if err := os.WriteFile(members, []byte("[members]\n"+setting+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		sentence(t, []string{"config", "check", "--config", members}, 1, want)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"[access]\npassword = \"/nowhere\"":      "swarmgate password /nowhere writes it",
		"[access]\npassword = \"" + wrong + "\"": "holds no hash of a password",
		"[access]\ntokens = \"" + wrong + "\"":   wrong + ":1: a token is one word",
		"ffmpeg = \"/nowhere/ffmpeg\"":           "/nowhere/ffmpeg",
	} {
		file := filepath.Join(t.TempDir(), "access.toml")
		if err := os.WriteFile(file, []byte(setting+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		sentence(t, []string{"config", "check", "--config", file}, 1, want)
	}
	t.Setenv("SWARMGATE_HTTP_LISTEN", "nowhere")
	sentence(t, []string{"config", "check"}, 1, "SWARMGATE_HTTP_LISTEN")
}

func TestConfigShow(t *testing.T) {
	atHome(t)
	path := filepath.Join(t.TempDir(), "swarmgate.toml")
	if err := os.WriteFile(path, []byte("[http]\nlisten = \":1234\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, _ := once(t, "config", "show", "--config", path)
	if status != 0 || !strings.Contains(out, "http.listen = \":1234\"  (file)\n    ") || !strings.Contains(out, "  (default)\n") {
		t.Errorf("exit status %d, %q", status, out)
	}
	_, out, _ = once(t, "config", "show", "--json", "--config", path)
	found := false
	for line := range strings.Lines(out) {
		v := object(t, line)
		if v["event"] != "parameter" || v["key"] == "" || v["meaning"] == "" || v["origin"] == "" {
			t.Errorf("a line of --json is %v", v)
		}
		found = found || v["key"] == "http.listen" && v["value"] == `":1234"`
	}
	if !found {
		t.Errorf("with --json http.listen is not among %s", out)
	}
}

// The same seed gives the same table.
func TestSim(t *testing.T) {
	args := []string{"sim", "live", "--peers", "3", "--duration", "2s", "--seed", "7"}
	status, first, err := once(t, args...)
	if status != 0 || !strings.Contains(first, "seed 7\n") || !strings.Contains(first, "homes                    3 at a time") ||
		!strings.HasPrefix(err, "wall time ") || !strings.Contains(err, "peak memory ") {
		t.Errorf("exit status %d, %q, it prints %q", status, err, first)
	}
	if _, second, _ := once(t, args...); second != first {
		t.Errorf("a second time it prints %q, first it was %q", second, first)
	}
	_, out, _ := once(t, append(args, "--json")...)
	if _, again, _ := once(t, append(args, "--json")...); again != out {
		t.Errorf("a second time it prints %q, first it was %q", again, out)
	}
	v := object(t, out)
	for _, name := range []string{"continuity_p50", "continuity_p5", "delay_p95_s", "startup_p50_s", "startup_p95_s", "source_upload_ratio", "chunk_size"} {
		if _, ok := v[name].(float64); !ok {
			t.Errorf("the result has no number %s: %v", name, v)
		}
	}
	if _, other, _ := once(t, "sim", "live", "--peers", "3", "--duration", "2s", "--seed", "8"); other == first {
		t.Error("another seed gives the same table")
	}
}

// Who stops a simulation gets no table, and scripts don't take the silence for success.
func TestSimStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, complaint strings.Builder
	status := run(ctx, []string{"sim", "live", "--peers", "3"}, console{in: strings.NewReader(""), out: &out, err: &complaint})
	if status != 1 || out.String() != "" || !strings.HasPrefix(complaint.String(), "swarmgate: stopped before the scenario was over") {
		t.Errorf("exit status %d, %q, it prints %q", status, complaint.String(), out.String())
	}
}

func TestSimList(t *testing.T) {
	_, out, _ := once(t, "sim", "--list")
	_, lines, _ := once(t, "sim", "--list", "--json")
	if strings.Count(out, "\n") != strings.Count(lines, "\n") || !strings.HasPrefix(out, "live ") {
		t.Errorf("the list is %q, and with --json %q", out, lines)
	}
	for line := range strings.Lines(lines) {
		if fields(object(t, line)) != "about event name" {
			t.Errorf("a line of --json is %q", line)
		}
	}
}
