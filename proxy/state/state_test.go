package state

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// The catalog of the gateway (proxy.Catalog) wants this.
var _ interface {
	Links() ([]ppsp.Link, error)
	AddLink(id string, l ppsp.Link) error
	RemoveLink(id string) error
} = (*State)(nil)

// config opens with a clock that stands still and a random source that repeats.
func config(dir string) Config {
	return Config{
		Dir: dir, Wait: 50 * time.Millisecond,
		Random: rand.NewChaCha8([32]byte{1}),
		Now:    func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) },
	}
}

func mustOpen(t testing.TB, c Config) *State {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustClose(t testing.TB, s *State) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// film returns the link of the n-th film.
func film(n byte) ppsp.Link {
	l := ppsp.NewLink(ppsp.StaticDefaults(ppsp.SwarmID(bytes.Repeat([]byte{n}, 32))))
	l.Title = "Film " + string('A'+rune(n%26))
	return l
}

func TestIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	s := mustOpen(t, config(dir))
	peer, device := s.PeerID(), s.DeviceUUID()
	// RFC 9562, 5.4: version 4, variant 10.
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(device) {
		t.Errorf("device UUID %q has not the form of a random UUID", device)
	}
	if peer == (ppsp.PeerID{}) || s.Notice() != nil {
		t.Errorf("peer ID %v, notice %v", peer, s.Notice())
	}
	mustClose(t, s)
	mustClose(t, s) // twice

	c := config(dir)
	c.Random = rand.NewChaCha8([32]byte{2})
	s = mustOpen(t, c)
	if s.PeerID() != peer || s.DeviceUUID() != device {
		t.Error("the node has another identity after a restart")
	}
	other := mustOpen(t, Config{Dir: t.TempDir()})
	if other.PeerID() == peer || other.DeviceUUID() == device {
		t.Error("two nodes have one identity")
	}
	if _, err := Open(Config{Dir: t.TempDir(), Random: strings.NewReader("too short")}); err == nil {
		t.Error("an exhausted random source is no error")
	}
}

func TestChannels(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if list, err := s.Links(); len(list) != 0 || err != nil {
		t.Fatalf("new: %v, %v", list, err)
	}
	id := func(n byte) string { return film(n).SwarmID.String()[:12] }
	for n := byte(9); n > 0; n-- { // against the order of IDs and titles
		if err := s.AddLink(id(n), film(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.RemoveLink(id(5)), s.RemoveLink(id(5)), s.RemoveLink("never there")); err != nil {
		t.Fatal(err)
	}
	changed := film(7)
	changed.Title = "Another title"
	c := config(dir)
	c.Now = func() time.Time { return time.Unix(0, 0) }
	mustClose(t, s)
	s = mustOpen(t, c)
	if err := s.AddLink(id(7), changed); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	s = mustOpen(t, config(dir))
	list, err := s.Channels()
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, c := range list {
		titles = append(titles, strings.TrimPrefix(c.Link.Title, "Film "))
		if c.ID != c.Link.SwarmID.String()[:12] || !c.Added.Equal(config(dir).Now()) {
			t.Errorf("%s: ID %s, added %v", c.Link.Title, c.ID, c.Added)
		}
	}
	if got := strings.Join(titles, " "); got != "J I Another title G E D C B" {
		t.Errorf("order: %s", got)
	}
	if list[2].Link.Equal(film(7)) || !list[3].Link.Equal(film(6)) {
		t.Error("a link changed on its way")
	}
	if err := s.AddLink("x", ppsp.Link{}); err == nil {
		t.Error("an empty link was added")
	}
}

// TestUnreadableLink: a link of a later version is kept, left out and told of.
func TestUnreadableLink(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if err := s.AddLink("a", film(1)); err != nil {
		t.Fatal(err)
	}
	later := channel{Link: "ppsp:hologram/00", Order: 7}
	if err := s.put(bucketChannels, "b", later); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if s.Notice() == nil || !strings.Contains(s.Notice().Error(), "can't read: 1") {
		t.Errorf("notice: %v", s.Notice())
	}
	if links, err := s.Links(); len(links) != 1 || err != nil {
		t.Errorf("links: %v, %v", links, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		s := mustOpen(t, config(dir))
		_, err := Open(config(dir))
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "--dir") || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want ErrInUse with folder and remedy", err)
		}
		mustClose(t, s)
		mustOpen(t, config(dir))
	})
	t.Run("a file for a folder", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(config(path))
		if err == nil || !strings.Contains(err.Error(), "in the way") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a folder for a file", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, FileName), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(config(dir)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("newer schema", func(t *testing.T) {
		dir := t.TempDir()
		s := mustOpen(t, config(dir))
		if err := s.put(bucketNode, string(keySchema), schema+1); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		_, err := Open(config(dir))
		if err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("error %v", err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("it was set aside: %v", entries)
		}
	})
}

func TestOrderOfChannels(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	for n := byte(1); n <= 4; n++ {
		if err := s.AddLink(film(n).SwarmID.String()[:12], film(n)); err != nil {
			t.Fatal(err)
		}
	}
	id := func(n byte) string { return film(n).SwarmID.String()[:12] }
	if err := s.OrderLinks([]string{id(4), "never there", id(2), id(3)}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddLink(id(9), film(9)); err != nil { // comes behind
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	links, err := s.Links()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, l := range links {
		got.WriteString(strings.TrimPrefix(l.Title, "Film "))
	}
	if got.String() != "BECDJ" {
		t.Errorf("order %s, want BECDJ", got.String())
	}
}
