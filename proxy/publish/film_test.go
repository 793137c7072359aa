package publish

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

func addrs(n *node.Node) []netip.AddrPort { return []netip.AddrPort{n.Addr()} }

// openFilm publishes a film on a socket of its own.
func openFilm(t *testing.T, c FilmConfig) (*Film, *node.Node) {
	t.Helper()
	c.Node, c.Logger = openNode(t), zerolog.Nop()
	f, err := OpenFilm(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return f, c.Node
}

func TestFilmIsServed(t *testing.T) {
	path, content := writeFile(t, "a film.mkv", 100_100)
	f, n := openFilm(t, FilmConfig{Path: path})
	run := start(t, f.Run)
	v := watch(t, f.Link(), n)
	v.await(t, swarm.EventComplete)
	if !bytes.Equal(v.store.from(0), content) {
		t.Error("what was fetched is not the film")
	}
	if f.Chunks() != 98 {
		t.Errorf("%d chunks, want 98", f.Chunks())
	}
	st, err := f.Member().Swarm().Stats()
	if err != nil || st.Have != 98 {
		t.Errorf("the publisher has %d chunks, error %v; want 98", st.Have, err)
	}
	run.stop()
	if err := run.wait(t); err != nil {
		t.Errorf("at its end: %v", err)
	}
}

func TestLinkOfAFilm(t *testing.T) {
	path, _ := writeFile(t, "My Film.2024.MP4", 5000)
	contacts, trackers := []string{"127.0.0.1:7000"}, []string{"http://tracker.example/"}
	f, _ := openFilm(t, FilmConfig{Path: path, Trackers: trackers, Contacts: contacts})
	l := f.Link()
	if l.Title != "My Film.2024" || l.MediaType != "video/mp4" || l.Length != 5000 || l.Kind != ppsp.Film {
		t.Errorf("link %+v, want the file's name, type and length", l)
	}
	if !slices.Equal(l.Trackers, trackers) || !slices.Equal(l.Peers, contacts) {
		t.Errorf("trackers %q and contacts %q, want %q and %q", l.Trackers, l.Peers, trackers, contacts)
	}
	if l.ChunkSize != ppsp.DefaultChunkSize || l.Hash != ppsp.SHA256 || l.Integrity != ppsp.IntegrityMerkle {
		t.Errorf("metadata %+v, want the defaults", l.Metadata)
	}
	if back, err := ppsp.ParseLink(l.String()); err != nil || !back.Equal(l) {
		t.Errorf("read back %+v, error %v; want %+v", back, err, l)
	}
	meta := ppsp.StaticDefaults("")
	meta.ChunkSize, meta.Addressing = 4096, ppsp.Bins32
	other, _ := openFilm(t, FilmConfig{Path: path, Title: "Another", Metadata: meta})
	l = other.Link()
	if l.Title != "Another" || l.ChunkSize != 4096 || l.Addressing != ppsp.Bins32 || l.SwarmID == f.Link().SwarmID {
		t.Errorf("link %+v, want title, chunk size and addressing as set, and another swarm", l)
	}
}

// The tree is kept beside the state, not beside the film.
func TestTreeIsKept(t *testing.T) {
	path, _ := writeFile(t, "film.ts", 50_000)
	dir := t.TempDir()
	told := 0
	c := FilmConfig{Path: path, StateDir: dir, Progress: func(done, total int64) {
		if told++; done > total || total != 50_000 {
			t.Errorf("progress %d of %d, want at most 50000 of 50000", done, total)
		}
	}}
	first, _ := openFilm(t, c)
	second, _ := openFilm(t, c)
	if first.Link().String() != second.Link().String() {
		t.Errorf("links %s and %s, want the same", first.Link(), second.Link())
	}
	if told == 0 {
		t.Error("no progress was told")
	}
	for dir, want := range map[string]int{dir: 1, filepath.Dir(path): 1} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("%d files in %s, error %v; want %d", len(entries), dir, err, want)
		}
	}
}

func TestFilmsThatCannotBePublished(t *testing.T) {
	path, _ := writeFile(t, "film.mp4", 5000)
	empty, _ := writeFile(t, "empty.mp4", 0)
	n := openNode(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	meta := ppsp.StaticDefaults("")
	meta.ChunkSize = 1 << 20
	for _, c := range []struct {
		name  string
		c     FilmConfig
		ctx   context.Context
		words string
	}{
		{"missing", FilmConfig{Path: path + ".not"}, t.Context(), "no such file"},
		{"empty", FilmConfig{Path: empty}, t.Context(), "the file is empty"},
		{"a folder", FilmConfig{Path: filepath.Dir(path)}, t.Context(), "is not a regular file"},
		{"chunk size", FilmConfig{Path: path, Metadata: meta}, t.Context(), "chunk size 1048576 is outside"},
		{"tracker", FilmConfig{Path: path, Trackers: []string{"gopher://x/"}}, t.Context(), "gopher"},
		{"contact", FilmConfig{Path: path, Contacts: []string{"nowhere"}}, t.Context(), "nowhere"},
		{"title", FilmConfig{Path: path, Title: strings.Repeat("x", 1000)}, t.Context(), "publish " + path},
		{"ended", FilmConfig{Path: path}, ended, "canceled"},
	} {
		c.c.Node, c.c.Logger = n, zerolog.Nop()
		if _, err := OpenFilm(c.ctx, c.c); err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", c.name, err, c.words)
		}
	}
	if f, err := OpenFilm(t.Context(), FilmConfig{Path: path, Node: n, Logger: zerolog.Nop()}); err != nil {
		t.Errorf("after all that: %v", err)
	} else if _, err := OpenFilm(t.Context(), FilmConfig{Path: path, Node: n, Logger: zerolog.Nop()}); err == nil || f == nil {
		t.Error("a film published twice on one socket: no error")
	}
}

// A file that changes is no longer what its link names: publishing ends, and says what to
// do, whether or not anybody was fetching it.
func TestChangedFilmEndsPublishing(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"touched": func(path string) error {
			later := time.Now().Add(time.Hour)
			return os.Chtimes(path, later, later)
		},
		"written to": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			_ = f.Close()
			return err
		},
		"cut": func(path string) error { return os.Truncate(path, 100) },
	} {
		for _, watched := range []bool{false, true} {
			path, _ := writeFile(t, "film.mp4", 100_000)
			f, n := openFilm(t, FilmConfig{Path: path})
			f.check = 10 * time.Millisecond
			run := start(t, f.Run)
			if watched {
				watch(t, f.Link(), n).await(t, swarm.EventComplete)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			want := "swarm " + f.Link().SwarmID.Short() + ": it is published no longer, for " + path +
				" has changed: publish the file again, it gets a new link"
			if err := run.wait(t); err == nil || err.Error() != want {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
			again, _ := openFilm(t, FilmConfig{Path: path})
			if name != "touched" && again.Link().SwarmID == f.Link().SwarmID {
				t.Errorf("%s: the changed file has the same link", name)
			}
		}
	}
}

// words is a log that tells of each line.
type words chan string

func (w words) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

// A bit of the film rots between two runs of its publisher, which its size and time do not
// tell: the chunk is not served, and the owner hears of it.
func TestFilmIsDamaged(t *testing.T) {
	path, content := writeFile(t, "film.mp4", 100_000)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	f, _ := openFilm(t, FilmConfig{Path: path, StateDir: state})
	first := start(t, f.Run)
	first.stop()
	if err := first.wait(t); err != nil {
		t.Fatal(err)
	}
	content = bytes.Clone(content)
	content[50_000] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	log := make(words, 100)
	f, _ = openFilm(t, FilmConfig{Path: path, StateDir: state})
	f.log = zerolog.New(log)
	start(t, f.Run)
	limit := time.After(patience)
	for {
		select {
		case line := <-log:
			if strings.Contains(line, `"chunks":1,`) && strings.Contains(line, path) && strings.Contains(line, "is not served: put the file back from a copy") {
				return
			}
		case <-limit:
			t.Fatal("the owner does not hear of it")
		}
	}
}

// The end of the time is no failure, whatever ended it.
func TestFilmEndsWithItsContext(t *testing.T) {
	path, _ := writeFile(t, "film.mp4", 5000)
	f, _ := openFilm(t, FilmConfig{Path: path})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Run(ctx); err != nil {
		t.Errorf("after its time-out: %v", err)
	}
}

func TestMediaType(t *testing.T) {
	for name, want := range map[string]string{
		"a.mp4": "video/mp4", "a.M4V": "video/mp4", "a.ts": "video/mp2t", "a.m2ts": "video/mp2t", "a.mts": "video/mp2t",
		"a.mkv": "video/x-matroska", "a.webm": "video/webm", "a.avi": "video/x-msvideo", "a.mov": "video/quicktime",
		"a.mpg": "video/mpeg", "a.mpeg": "video/mpeg", "a.mp3": "audio/mpeg", "a.flac": "audio/flac",
		"a.pdf": "application/pdf", "a.jpg": "image/jpeg", "b.c/a": "application/octet-stream",
		"a": "application/octet-stream", "": "application/octet-stream", "a.": "application/octet-stream",
		"a.nothing-known": "application/octet-stream", "/films/x.y/a b.MKV": "video/x-matroska",
	} {
		if got := MediaType(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
