package proxy

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/viewing"
)

// diary is a ViewingStore in memory.
type diary struct {
	records map[string]viewing.Record
	writes  int
	err     error
	during  func() // is called while something is written
}

func (d *diary) Viewings() (map[string]viewing.Record, error) { return maps.Clone(d.records), d.err }

func (d *diary) PutViewings(records map[string]viewing.Record) error {
	if d.err != nil {
		return d.err
	}
	if d.during != nil {
		d.during()
	}
	d.writes++
	if d.records == nil {
		d.records = map[string]viewing.Record{}
	}
	maps.Copy(d.records, records)
	return nil
}

// viewed makes a gateway with a film of an hour and a channel, and a diary.
func viewed(t *testing.T, d *diary) (g *Gateway, film, channel string) {
	t.Helper()
	l := filmLink("Film")
	l.Duration = time.Hour
	live := ppsp.NewLink(ppsp.LiveDefaults(ppsp.SwarmID("\x0d" + strings.Repeat("k", 64))))
	live.Title = "Channel"
	g, err := New(Config{Viewings: d, Links: []ppsp.Link{l, live}})
	if err != nil {
		t.Fatal(err)
	}
	return g, ItemID(l.SwarmID), ItemID(live.SwarmID)
}

func TestFavouritesAndPositionsAreKept(t *testing.T) {
	d := &diary{}
	g, film, channel := viewed(t, d)
	changes := g.Changes()
	if err := errors.Join(g.SetFavourite(channel, true), g.SetPosition(film, 20*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if g.Changes() != changes+2 {
		t.Errorf("changes grew by %d, want 2", g.Changes()-changes)
	}
	for range 2 { // the second time after a restart
		f, _ := g.Item(film)
		c, _ := g.Item(channel)
		if f.Favourite || !c.Favourite || f.Position != 20*time.Minute || c.Position != 0 {
			t.Errorf("film %+v\nchannel %+v", f, c)
		}
		g, _, _ = viewed(t, d)
	}
	since := d.records[channel].Favourite
	if err := g.SetFavourite(channel, true); err != nil || !d.records[channel].Favourite.Equal(since) || d.writes != 2 {
		t.Errorf("said twice: %v, %v, %d writes", err, d.records[channel], d.writes)
	}
	if err := errors.Join(g.SetFavourite(channel, false), g.SetPosition(film, time.Hour)); err != nil {
		t.Fatal(err)
	}
	if !d.records[channel].IsZero() || !d.records[film].IsZero() || len(g.viewings) != 0 {
		t.Errorf("taken back: %v, and in memory %v", d.records, g.viewings)
	}
}

func TestViewingsOfWhatIsNotThere(t *testing.T) {
	g, _, channel := viewed(t, &diary{})
	for name, err := range map[string]error{
		"favourite":             g.SetFavourite("nobody", true),
		"position":              g.SetPosition("nobody", time.Minute),
		"position of a channel": g.SetPosition(channel, time.Minute),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What could not be written down is not shown either: after a restart it would be gone.
func TestViewingThatIsNotKept(t *testing.T) {
	d := &diary{}
	g, film, _ := viewed(t, d)
	d.err = errors.New("disk full")
	if err := g.SetPosition(film, time.Minute); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
	if i, _ := g.Item(film); i.Position != 0 {
		t.Errorf("%+v", i)
	}
	if _, err := New(Config{Viewings: d}); err == nil {
		t.Error("a diary that can't be read is no error")
	}
}

// A disk that is slow keeps nobody waiting but who asked for it. Who was told that it is noted can
// rely on it, whatever happens then; and those that come together cost one write.
func TestViewingsAreWrittenTogether(t *testing.T) {
	const times = 50
	d := &diary{}
	g, film, channel := viewed(t, d)
	d.during = func() {
		_, _ = g.Item(film) // the catalog is not locked
		g.watched(film)
		time.Sleep(100 * time.Millisecond)
	}
	var done sync.WaitGroup
	for n := range times {
		done.Go(func() {
			if err := g.SetPosition(film, time.Duration(n+1)*time.Minute/2); err != nil {
				t.Error(err)
			}
			g.diary.write.Lock() // nothing is being written
			defer g.diary.write.Unlock()
			if d.records[film].Position == 0 {
				t.Error("acknowledged and not written")
			}
		})
		done.Go(func() {
			if err := g.SetFavourite(channel, n%2 == 0); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if d.writes > times/2 {
		t.Errorf("%d writes for %d changes", d.writes, 2*times)
	}
	// What happened meanwhile is there, and is written a little later.
	if i, _ := g.Item(film); i.Watched.IsZero() || i.Position != d.records[film].Position {
		t.Errorf("%+v", i)
	}
	g.keepViewings(true)
	if d.records[film] != g.viewings[film] || len(g.unwritten) != 0 {
		t.Errorf("kept %+v, known %+v", d.records[film], g.viewings[film])
	}
}

func TestWatchedIsWrittenLater(t *testing.T) {
	d := &diary{}
	g, film, channel := viewed(t, d)
	g.watched(film)
	g.watched(film) // another request of the same screen
	g.watched(channel)
	g.watched("nobody")
	if i, _ := g.Item(film); i.Watched.IsZero() || d.writes != 0 || len(g.unwritten) != 2 {
		t.Errorf("%+v, %d writes, %d to write", i, d.writes, len(g.unwritten))
	}
	d.err = errors.New("disk full")
	g.keepViewings(true)
	d.err = nil
	g.keepViewings(true)
	g.keepViewings(true)
	if d.writes != 1 || d.records[film].Watched.IsZero() || d.records[channel].Watched.IsZero() || len(g.unwritten) != 0 {
		t.Errorf("%d writes of %v", d.writes, d.records)
	}
	// What is said of a film meanwhile keeps when it was watched, and nothing older comes after it.
	if err := g.SetFavourite(film, true); err != nil || d.records[film].Watched.IsZero() {
		t.Errorf("%v, %v", err, d.records[film])
	}
}

func TestMemoryOfViewingsIsBounded(t *testing.T) {
	d := &diary{records: map[string]viewing.Record{}}
	for i := range maxViewings {
		d.records[ItemID(ppsp.SwarmID([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))] = viewing.Record{Watched: time.Unix(int64(i+1), 0)}
	}
	g, film, _ := viewed(t, d)
	if err := g.SetFavourite(film, true); err != nil {
		t.Fatal(err)
	}
	g.keepViewings(true)
	oldest := ItemID(ppsp.SwarmID([]byte{0, 0, 0}))
	if len(g.viewings) != maxViewings-spareViewings || g.viewings[film].Favourite.IsZero() || !d.records[oldest].IsZero() || !g.viewings[oldest].IsZero() {
		t.Errorf("%d records, the oldest is %v", len(g.viewings), d.records[oldest])
	}
}

func TestSubtitlesBesideFilms(t *testing.T) {
	dir := t.TempDir()
	l := filmLink("Film")
	id := ItemID(l.SwarmID)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// File systems tell times in steps: the folder's is made another by hand.
		at := time.Now().Add(time.Duration(len(name)) * time.Minute)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(id+".srt", "1\n00:00:01,000 --> 00:00:02,000\nHello\n")
	g, err := New(Config{FilmDir: dir, Links: []ppsp.Link{l}})
	if err != nil {
		t.Fatal(err)
	}
	if i, _ := g.Item(id); len(i.Subtitles) != 1 || i.Subtitles[0].Language != "" {
		t.Fatalf("%+v", i.Subtitles)
	}
	changes := g.Changes()
	g.lookBeside()
	if g.Changes() != changes {
		t.Error("nothing changed, and is told as a change")
	}
	write(id+".de.srt", "Hallo")
	write("stranger.srt", "no film's")
	g.lookBeside()
	i, _ := g.Item(id)
	if len(i.Subtitles) != 2 || i.Subtitles[1].Language != "de" || g.Changes() != changes+1 {
		t.Fatalf("%+v, changes %d", i.Subtitles, g.Changes()-changes)
	}
	if b, err := g.Subtitle(id, "de"); string(b) != "Hallo" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	for _, language := range []string{"fr", "../../etc/passwd", ".."} {
		if _, err := g.Subtitle(id, language); !errors.Is(err, ErrNotFound) {
			t.Errorf("language %q: %v", language, err)
		}
	}
	write(id+".de.srt", strings.Repeat("x", maxSubtitle+1))
	if b, err := g.Subtitle(id, "de"); err == nil || b != nil {
		t.Errorf("%d bytes of a file that is too large", len(b))
	}
	if err := os.Remove(filepath.Join(dir, id+".de.srt")); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Subtitle(id, "de"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a file that is gone: %v", err)
	}
}
