package proxy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
)

// kept is a Catalog in memory that can fail.
type kept struct {
	links map[string]ppsp.Link
	err   error
}

func (k *kept) Links() ([]ppsp.Link, error) {
	var list []ppsp.Link
	for _, l := range k.links {
		list = append(list, l)
	}
	return list, k.err
}

func (k *kept) AddLink(id string, l ppsp.Link) error {
	if k.err == nil {
		k.links[id] = l
	}
	return k.err
}

func (k *kept) RemoveLink(id string) error {
	if k.err == nil {
		delete(k.links, id)
	}
	return k.err
}

func filmLink(title string) ppsp.Link {
	l := ppsp.NewLink(ppsp.StaticDefaults(ppsp.SwarmID(strings.Repeat(title[:1], 32))))
	l.Title = title
	return l
}

func TestCatalogKeepsWhatItAcknowledges(t *testing.T) {
	store := &kept{links: map[string]ppsp.Link{}}
	g, err := New(Config{Catalog: store, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	before := g.Changes()
	i, err := g.Add(filmLink("a film").String())
	if err != nil {
		t.Fatal(err)
	}
	if i.Title != "a film" || i.MediaType != "video/mp4" || i.Kind != ppsp.Film || g.Changes() == before {
		t.Errorf("added %+v, changes %d", i, g.Changes())
	}
	if len(store.links) != 1 {
		t.Error("the store does not have it")
	}
	again, err := New(Config{Catalog: store, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Items(); len(got) != 1 || !reflect.DeepEqual(got[0], i) {
		t.Errorf("after a restart the catalog is %+v, want %+v", got, i)
	}
	if err := again.Remove(i.ID); err != nil || len(store.links) != 0 || len(again.Items()) != 0 {
		t.Errorf("removed with error %v, store %v", err, store.links)
	}
	if err := again.Remove(i.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: error %v, want ErrNotFound", err)
	}
}

// What the configuration has is changed there: another link to it is not taken, and it can't
// be removed by who added nothing.
func TestConfiguredStays(t *testing.T) {
	store := &kept{links: map[string]ppsp.Link{}}
	open := filmLink("film")
	g, err := New(Config{Catalog: store, Links: []ppsp.Link{open}, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	other := open
	other.Title = "of a stranger"
	if _, err := g.Add(other.String()); !errors.Is(err, ErrConfigured) || !strings.Contains(err.Error(), `"film"`) {
		t.Errorf("another link: %v", err)
	}
	if i, err := g.Add(open.String()); err != nil || !reflect.DeepEqual(i, g.Items()[0]) {
		t.Errorf("the same link: %+v, %v", i, err)
	}
	if err := g.Remove(ItemID(open.SwarmID)); !errors.Is(err, ErrConfigured) {
		t.Errorf("removed: %v", err)
	}
	if got := g.Items(); len(got) != 1 || got[0].Link != open.String() || len(store.links) != 0 {
		t.Errorf("the catalog is %+v, the store %v", got, store.links)
	}
	more, err := g.Add(filmLink("more").String())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Remove(more.ID); err != nil {
		t.Errorf("what was added: %v", err)
	}
}

func TestCatalogFailsLoudly(t *testing.T) {
	full := errors.New("disk full")
	store := &kept{links: map[string]ppsp.Link{}}
	g, err := New(Config{Catalog: store, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	store.err = full
	if _, err := g.Add(filmLink("b").String()); !errors.Is(err, full) || len(g.Items()) != 0 {
		t.Errorf("error %v with %d items, want the store's error and none", err, len(g.Items()))
	}
	if _, err := New(Config{Catalog: store, Logger: zerolog.Nop()}); !errors.Is(err, full) {
		t.Errorf("error %v, want the store's", err)
	}
	var bad *ppsp.LinkError
	if _, err := g.Add("ppsp:film/xyz"); !errors.As(err, &bad) {
		t.Errorf("error %v, want a LinkError that points at the place", err)
	}
	signAll := ppsp.LiveDefaults(ppsp.SwarmID(append([]byte{15}, make([]byte, 32)...)))
	signAll.Integrity = ppsp.IntegritySignAll
	if _, err := g.Add(ppsp.NewLink(signAll).String()); err == nil || !strings.Contains(err.Error(), "signall") {
		t.Errorf("error %v, want one that names the method", err)
	}
}

// The ID depends on the swarm alone.
func TestItemID(t *testing.T) {
	a, b := filmLink("a"), filmLink("a")
	b.Title = "another title"
	if item(a).ID != item(b).ID || ItemID(a.SwarmID) != ItemID(b.SwarmID) || ItemID(a.SwarmID) == ItemID(filmLink("c").SwarmID) {
		t.Error("IDs are not by swarm")
	}
	if len(ItemID(a.SwarmID)) != 20 {
		t.Errorf("ID %q, want 20 digits", ItemID(a.SwarmID))
	}
}

func TestRateOfAnItem(t *testing.T) {
	film := func(length int64, d time.Duration) ppsp.Link {
		l := filmLink("f")
		l.Length, l.Duration = length, d
		return l
	}
	channel := ppsp.NewLink(ppsp.LiveDefaults(ppsp.SwarmID(append([]byte{15}, make([]byte, 32)...))))
	channel.Rate = 2_000_000
	for _, c := range []struct {
		name string
		link ppsp.Link
		want int64
	}{
		{"channel", channel, 2_000_000},
		{"film", film(366_100, 24*time.Second), 122_033},
		{"film of unknown length", film(0, time.Hour), 0},
		{"film of unknown duration", film(366_100, 0), 0},
		{"film that can't be", film(1<<63-1, time.Millisecond), 1 << 62},
	} {
		if i := item(c.link); i.Rate != c.want || i.Duration != c.link.Duration {
			t.Errorf("%s: %d bits a second for %s, want %d", c.name, i.Rate, i.Duration, c.want)
		}
	}
}

// A film whose link does not tell the length has a rate when the swarm has told it.
func TestRateIsLearntWithTheLength(t *testing.T) {
	g, err := New(Config{Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	l := filmLink("l")
	l.Duration = 8 * time.Second
	i, err := g.Add(l.String())
	if err != nil {
		t.Fatal(err)
	}
	g.learnLength(i.ID, 1000)
	if i, _ := g.Item(i.ID); i.Rate != 1000 || i.Length != 1000 {
		t.Errorf("rate %d, length %d, want 1000 of both", i.Rate, i.Length)
	}
}

func TestUntitledItemHasAName(t *testing.T) {
	l := filmLink("d")
	l.Title = ""
	if i := item(l); !strings.HasPrefix(i.Title, "Swarm ") {
		t.Errorf("title %q", i.Title)
	}
}

// A film that can't be entered by time stays so, also under another name.
func TestUntimedFilm(t *testing.T) {
	g, ids := edited(t, &kept{links: map[string]ppsp.Link{}})
	before := g.Changes()
	g.NoteUntimed("none")
	g.NoteUntimed(ids["c"])
	if i, _ := g.Item(ids["c"]); !i.Untimed || g.Changes() != before+1 {
		t.Errorf("%+v, changes %d to %d", i, before, g.Changes())
	}
	if i, err := g.Rename(ids["c"], "x", ""); err != nil || !i.Untimed {
		t.Errorf("renamed %+v, %v", i, err)
	}
}
