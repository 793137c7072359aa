package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
)

// What is published by draft 10 is had by draft 10, or by a peer that finds that out.
func TestProfileOfFilm(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	_, digest := newFilm(t, path, 100_000)
	p := begin(t, nil, "publish", path, "--profile", "draft10", "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	swarm := p.event(t, "swarm")
	if swarm["hash"] != "sha1" || swarm["addressing"] != "chunk32" {
		t.Errorf("the swarm is %v", swarm)
	}
	for _, c := range []struct {
		profile string
		comes   bool
	}{{"auto", true}, {"draft10", true}, {"rfc7574", false}} {
		to, limit := filepath.Join(t.TempDir(), "copy"), "20s"
		if !c.comes {
			limit = "2s"
		}
		g := begin(t, nil, "get", "-o", to, "--listen", free, "--profile", c.profile, "--timeout", limit, "--json", text(t, swarm, "link"))
		if status := g.end(t, patience); (status == 0) != c.comes {
			t.Errorf("get by %s: exit status %d: %s%s", c.profile, status, g.out, g.err)
		}
		if c.comes && g.event(t, "done")["sha256"] != digest {
			t.Errorf("get by %s: another file", c.profile)
		}
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("publish: exit status %d", status)
	}
}

// A live channel goes into a file as it comes, by either form of the protocol, of which draft 10
// has to be said to both ends.
func TestGetLive(t *testing.T) {
	for _, profile := range []string{"rfc7574", "draft10"} {
		t.Run(profile, func(t *testing.T) {
			home := atHome(t)
			stream := filepath.Join(home, "News.ts")
			if err := os.WriteFile(stream, media.Channel, 0o600); err != nil {
				t.Fatal(err)
			}
			p := begin(t, nil, "publish", "--live", stream, "--listen", free, "--profile", profile, "--json")
			link := text(t, p.event(t, "swarm"), "link")
			to := filepath.Join(home, "copy.ts")
			watch := map[string]string{"rfc7574": "auto", "draft10": "draft10"}[profile]
			g := begin(t, nil, "get", link, "-o", to, "--profile", watch, "--listen", free, "--duration", "2s", "--json")
			if status := g.end(t, patience); status != 0 {
				t.Fatalf("exit status %d: %s%s", status, g.out, g.err)
			}
			got, err := os.ReadFile(to)
			if err != nil || len(got) < 10_000 || len(got)%1316 != 0 || !bytes.Contains(media.Channel, got) {
				t.Errorf("%d bytes came, which are no part of the stream: error %v", len(got), err)
			}
			if done := g.event(t, "done"); fields(done) != "bytes event seconds sha256" || done["bytes"] != float64(len(got)) {
				t.Errorf("done %v, but the file has %d bytes", done, len(got))
			}
			if fields(g.event(t, "progress")) != "bytes event length peers rate" {
				t.Errorf("the fields of the progress are %s", fields(g.event(t, "progress")))
			}
			p.stop()
			p.end(t, 5*time.Second)
			sentence(t, []string{"get", link, "-o", to, "--listen", free}, 1, "it is there already and was not touched")
			if again, err := os.ReadFile(to); err != nil || !bytes.Equal(again, got) {
				t.Errorf("of %d bytes %d are left: %v", len(got), len(again), err)
			}
			late := begin(t, nil, "get", link, "-o", to+"2", "--listen", free, "--timeout", "300ms")
			if status := late.end(t, patience); status != 1 {
				t.Errorf("behind the publisher: exit status %d", status)
			}
			sentence(t, []string{"get", link, "-o", to + "2", "--listen", free, "--duration", "300ms"}, 1, "nothing came within 300ms")
			if _, err := os.Stat(to + "2"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file that got nothing is left behind: %v", err)
			}
		})
	}
}
