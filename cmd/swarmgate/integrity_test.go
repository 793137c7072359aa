package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// packets are n empty packets of a transport stream that tell their number.
func packets(n int) []byte {
	var b []byte
	for i := range n {
		p := bytes.Repeat([]byte{byte(i)}, 188)
		p[0], p[1], p[2], p[3] = 0x47, byte(i>>16)&0x1f, byte(i>>8), byte(i)
		b = append(b, p...)
	}
	return b
}

// Films with and without protection, by each hash and addressing that differs from the default.
func TestPublishIntegrity(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	content, _ := newFilm(t, path, 100_000)
	for _, flags := range []string{
		"--integrity none", "--integrity merkle --hash sha512", "--integrity none --addressing byte64 --chunk-size 2048", "--addressing bin64",
	} {
		state := filepath.Join(dir, "state")
		p := begin(t, nil, append([]string{"publish", path, "--listen", free, "--dir", state, "--json"}, strings.Fields(flags)...)...)
		swarm := p.event(t, "swarm")
		if word, _, named := strings.Cut(strings.TrimPrefix(flags, "--integrity "), " "); strings.HasPrefix(flags, "--integrity") && swarm["integrity"] != word {
			t.Errorf("%s: %v, %v", flags, swarm["integrity"], named)
		}
		to := filepath.Join(t.TempDir(), "copy.mp4")
		g := begin(t, nil, "get", "-o", to, "--listen", free, "--timeout", "15s", text(t, swarm, "link"))
		if status := g.end(t, patience); status != 0 {
			t.Fatalf("%s: exit status %d: %s%s", flags, status, g.out, g.err)
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: another file, error %v", flags, err)
		}
		p.stop()
		p.end(t, 5*time.Second)
		// A second start takes the tree of the first.
		again := begin(t, nil, append([]string{"publish", path, "--listen", free, "--dir", state, "--json"}, strings.Fields(flags)...)...)
		if id := again.event(t, "swarm")["swarm_id"]; id != swarm["swarm_id"] {
			t.Errorf("%s: started again it is swarm %v", flags, id)
		}
		again.stop()
		again.end(t, 5*time.Second)
	}
	// Without hashes nothing but the link tells the length.
	link := "ppsp:film/" + filmID + "?i=none&peer=127.0.0.1:9"
	status, _, err := once(t, "get", "-o", filepath.Join(dir, "x"), "--listen", free, link)
	if status != 2 || !strings.Contains(err, "swarm 47a0…b03b: ") || !strings.Contains(err, "take a link with the parameter len") || strings.Count(err, "\n") != 1 {
		t.Errorf("a link without length: exit status %d, %q", status, err)
	}
	link = "ppsp:film/" + filmID + "?c=variable&peer=127.0.0.1:9"
	status, _, err = once(t, "get", "-o", filepath.Join(dir, "x"), "--listen", free, link)
	if status != 1 || !strings.Contains(err, "47a0…b03b vary in size") || strings.Count(err, "\n") != 1 {
		t.Errorf("chunks of variable size: exit status %d, %q", status, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "x*")); err != nil || len(left) != 0 {
		t.Errorf("what could not begin left %v, %v", left, err)
	}
}

// swarms returns all "swarm" lines so far.
func swarms(p *program) []map[string]any {
	var all []map[string]any
	for _, line := range p.out.lines() {
		fields := map[string]any{}
		if json.Unmarshal([]byte(line), &fields) == nil && fields["event"] == "swarm" {
			all = append(all, fields)
		}
	}
	return all
}

// A live input that ends becomes a film, by each method and kind of chunks, to its last byte:
// what fills no chunk and no signature is not cut off.
func TestBroadcastBecomesFilm(t *testing.T) {
	atHome(t)
	content := packets(7*41 + 3)
	for k, flags := range []string{
		"", "--integrity signall --signature ed25519", "--integrity none --addressing chunk32", "--chunk-size variable",
		"--hash sha1 --addressing bin32 --chunks-per-signature 16",
	} {
		t.Run(flags, func(t *testing.T) {
			dir := t.TempDir()
			record := filepath.Join(dir, "show.ts")
			args := append([]string{
				"publish", "-", "--listen", free, "--dir", filepath.Join(dir, "state"), "--record", record, "--title", "Show", "--json",
			}, strings.Fields(flags)...)
			p := begin(t, bytes.NewReader(content), args...)
			p.await(t, "the film", func() bool { return len(swarms(p)) == 2 })
			live, film := swarms(p)[0], swarms(p)[1]
			if live["kind"] != "live" || film["kind"] != "film" || film["title"] != "Show" || film["length"] != float64(len(content)) {
				t.Errorf("live %v, film %v", live, film)
			}
			if k != 3 && (film["chunk_size"] != live["chunk_size"] || film["hash"] != live["hash"] || film["addressing"] != live["addressing"]) {
				t.Errorf("the film %v is not of the chunks of the stream %v", film, live)
			}
			to := filepath.Join(dir, "copy.ts")
			g := begin(t, nil, "get", "-o", to, "--listen", free, "--timeout", "15s", text(t, film, "link"))
			if status := g.end(t, patience); status != 0 {
				t.Fatalf("exit status %d: %s%s", status, g.out, g.err)
			}
			if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes of %d, error %v", len(got), len(content), err)
			}
			p.stop()
			if status := p.end(t, 5*time.Second); status != 0 {
				t.Errorf("exit status %d: %s", status, p.err)
			}
			// A recording is never written over.
			again := begin(t, bytes.NewReader(content), args...)
			if status := again.end(t, patience); status != 1 || !strings.Contains(again.err.String(), "name a new file") {
				t.Errorf("with the file there: exit status %d, %s", status, again.err)
			}
			if got, err := os.ReadFile(record); err != nil || !bytes.Equal(got, content) {
				t.Errorf("the recording was changed, error %v", err)
			}
		})
	}
}

// Whose state is lost goes on behind all numbers that the key can have been used for, or says
// that it can't.
func TestKeyWithLostState(t *testing.T) {
	home := atHome(t)
	key := filepath.Join(home, "my.key")
	publish := func(flags ...string) (int, string) {
		p := begin(t, bytes.NewReader(packets(50)), append([]string{
			"publish", "-", "--listen", free, "--key", key, "--dir", t.TempDir(), "--record", filepath.Join(t.TempDir(), "x.ts"), "--json",
		}, flags...)...)
		if len(flags) == 0 {
			p.await(t, "the film", func() bool { return len(swarms(p)) == 2 })
			p.stop()
		}
		return p.end(t, patience), p.err.String()
	}
	for range 2 {
		if status, words := publish(); status != 0 {
			t.Fatalf("exit status %d: %s", status, words)
		}
	}
	status, words := publish("--addressing", "chunk32")
	if status != 1 || !strings.Contains(words, "the key was used before") || !strings.Contains(words, "publish with another --key") {
		t.Errorf("32 bits: exit status %d: %s", status, words)
	}
	status, words = publish("--signature", "rsasha256")
	if status != 2 || !strings.Contains(words, "--signature rsasha256: key "+key+" is of ecdsap256sha256") {
		t.Errorf("another signature: exit status %d: %s", status, words)
	}
}

// Two links of one swarm that differ: the publisher answers only its own, tells its operator,
// and serves on.
func TestMetadataMismatch(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	content, _ := newFilm(t, path, 50_000)
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	link, err := ppsp.ParseLink(text(t, p.event(t, "swarm"), "link"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := link
	wrong.ChunkSize = 2048
	status, _, words := once(t, "get", "-o", filepath.Join(dir, "x"), "--listen", free, "--timeout", "2s", wrong.String())
	if status != 1 || !strings.Contains(words, "swarm "+link.SwarmID.Short()+": not complete after 2s") || !strings.Contains(words, "copy the link again") ||
		strings.Count(words, "\n") != 1 {
		t.Errorf("a wrong link: exit status %d, %q", status, words)
	}
	p.say(t, "its chunk size is 2048, ours 1024")
	to := filepath.Join(dir, "copy.mp4")
	if status, out, words := once(t, "get", "-o", to, "--listen", free, link.String()); status != 0 {
		t.Fatalf("the right link afterwards: exit status %d: %s%s", status, out, words)
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
		t.Errorf("another file, error %v", err)
	}
}

// A link with another length than the film has: its peers answer, but nothing that they send can
// be verified. Each way to fetch it says so and ends, and leaves no file under the film's name.
func TestWrongLength(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	newFilm(t, path, 50_000)
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	link, err := ppsp.ParseLink(text(t, p.event(t, "swarm"), "link"))
	if err != nil {
		t.Fatal(err)
	}
	var fetching []*program
	for _, wrong := range []struct {
		length int64
		flags  []string
	}{{5, nil}, {5_000_000, nil}, {500, []string{"--timeout", "2s"}}} {
		link.Length = wrong.length
		args := append([]string{"get", "-o", filepath.Join(dir, fmt.Sprint("x", wrong.length)), "--listen", free}, wrong.flags...)
		fetching = append(fetching, begin(t, nil, append(args, link.String())...))
	}
	short := "swarm " + link.SwarmID.Short() + ": "
	for k, want := range []string{
		short + "nothing that the peers send fits the link; peer ", short + "nothing that the peers send fits the link; peer ", short + "not complete after 2s; peer ",
	} {
		g := fetching[k]
		if status := g.end(t, patience); status != 1 || !strings.Contains(g.err.String(), want) || !strings.Contains(g.err.String(), "copy it again") {
			t.Errorf("exit status %d, %q, want %q", status, g.err, want)
		}
	}
	for _, n := range []string{"x5", "x500", "x5000000"} {
		if _, err := os.Stat(filepath.Join(dir, n)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

// A swarm that nobody has: silence, and one sentence.
func TestUnknownSwarm(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	newFilm(t, path, 50_000)
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	at := text(t, p.event(t, "swarm"), "listen")
	status, _, words := once(t, "get", "-o", filepath.Join(dir, "x"), "--listen", free, "--timeout", "1s", "--peer", at, "ppsp:film/"+filmID)
	want := "swarm 47a0…b03b: not complete after 1s; no peer was found; is the publisher running?"
	if status != 1 || !strings.Contains(words, want) || strings.Count(words, "\n") != 1 {
		t.Errorf("exit status %d, %q", status, words)
	}
}

// A file that changes while it is published ends its swarm with one sentence; the other films
// of the folder stay.
func TestChangedFilm(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	for name, size := range map[string]int{"one.mp4": 50_000, "two.mp4": 50_001, "two again.mp4": 50_001} {
		newFilm(t, filepath.Join(dir, name), size)
	}
	p := begin(t, nil, "publish", dir, "--listen", free, "--dir", t.TempDir(), "--json")
	p.await(t, "both films", func() bool { return len(swarms(p)) == 2 })
	p.say(t, "the folder has this very film under another name, too")
	one, two := swarms(p)[0], swarms(p)[1]
	newFilm(t, filepath.Join(dir, "one.mp4"), 60_000)
	short := text(t, one, "swarm_id")
	p.say(t, fmt.Sprintf("swarm %s…%s: it is published no longer, for %s has changed: publish the file again, it gets a new link",
		short[:4], short[len(short)-4:], filepath.Join(dir, "one.mp4")))
	if status, _, words := once(t, "get", "-o", filepath.Join(t.TempDir(), "x"), "--listen", free, "--timeout", "15s", text(t, two, "link")); status != 0 {
		t.Errorf("the other film: exit status %d: %s", status, words)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
