package proxy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
)

// ordered is a Catalog that keeps its order too.
type ordered struct {
	kept
	ids []string
}

func (o *ordered) OrderLinks(ids []string) error {
	o.ids = ids
	return o.err
}

// edited is a gateway with two configured films, A and B, and three added ones, c to e.
func edited(t *testing.T, store Catalog) (*Gateway, map[string]string) {
	t.Helper()
	g, err := New(Config{Catalog: store, Links: []ppsp.Link{filmLink("A"), filmLink("B")}, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"c", "d", "e"} {
		if _, err := g.Add(filmLink(title).String()); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]string{}
	for _, i := range g.Items() {
		ids[i.Title] = i.ID
	}
	return g, ids
}

func titles(g *Gateway) string {
	var all strings.Builder
	for _, i := range g.Items() {
		all.WriteString(i.Title)
	}
	return all.String()
}

func TestMove(t *testing.T) {
	for _, c := range []struct {
		title string
		by    int
		want  string
	}{
		{"c", 1, "ABdce"},
		{"c", 2, "ABdec"},
		{"c", 9, "ABdec"},
		{"e", -1, "ABced"},
		{"e", -2, "ABecd"},
		{"e", -9, "ABecd"}, // what the configuration has stays first
		{"d", 0, "ABcde"},
	} {
		store := &ordered{kept: kept{links: map[string]ppsp.Link{}}}
		g, ids := edited(t, store)
		before := g.Changes()
		if err := g.Move(ids[c.title], c.by); err != nil || titles(g) != c.want || g.Changes() == before {
			t.Errorf("%s by %d: %s, %v, want %s", c.title, c.by, titles(g), err, c.want)
		}
		var want []string
		for title := range strings.SplitSeq(strings.TrimPrefix(c.want, "AB"), "") {
			want = append(want, ids[title])
		}
		if !slices.Equal(store.ids, want) {
			t.Errorf("%s by %d: kept as %v, want %v", c.title, c.by, store.ids, want)
		}
	}
	g, ids := edited(t, &kept{links: map[string]ppsp.Link{}}) // one without an order
	if err := g.Move(ids["c"], 1); err != nil || titles(g) != "ABdce" {
		t.Errorf("%v, %s", err, titles(g))
	}
	if err := g.Move(ids["A"], 1); !errors.Is(err, ErrConfigured) {
		t.Errorf("a configured one: %v", err)
	}
	if err := g.Move("none", 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	store := &ordered{kept: kept{links: map[string]ppsp.Link{}}}
	g, ids = edited(t, store)
	store.err = errors.New("disk full")
	if err := g.Move(ids["c"], 1); !errors.Is(err, store.err) || !errors.Is(err, ErrNotWritten) || titles(g) != "ABcde" {
		t.Errorf("a full disk: %v, %s", err, titles(g))
	}
}

func TestRename(t *testing.T) {
	store := &kept{links: map[string]ppsp.Link{}}
	g, ids := edited(t, store)
	i, err := g.Rename(ids["c"], " A  new\nname ", "Group")
	if err != nil || i.Title != "A new name" || i.Group != "Group" || i.ID != ids["c"] {
		t.Errorf("%+v, %v", i, err)
	}
	if l := store.links[ids["c"]]; l.Title != "A new name" || l.Group != "Group" {
		t.Errorf("kept as %+v", l)
	}
	if got, _ := g.Item(ids["c"]); got.Title != "A new name" || titles(g) != "ABA new namede" {
		t.Errorf("shown as %q in %q", got.Title, titles(g))
	}
	for id, want := range map[string]error{ids["A"]: ErrConfigured, "none": ErrNotFound} {
		if _, err := g.Rename(id, "x", ""); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	if _, err := g.Rename(ids["d"], strings.Repeat("a", ppsp.MaxLinkText+1), ""); err == nil {
		t.Error("a title that no link can have is taken")
	}
	store.err = errors.New("disk full")
	if _, err := g.Rename(ids["d"], "x", ""); !errors.Is(err, store.err) || !errors.Is(err, ErrNotWritten) || titles(g) != "ABA new namede" {
		t.Errorf("a full disk: %v, %s", err, titles(g))
	}
}
