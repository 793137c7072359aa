package contentdirectory

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

func hashOf(name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return strconv.FormatUint(h.Sum64(), 16)
}

// reference is an item as it stands in a folder that refers to it.
func reference(item, folder string) string {
	_, rest, _ := strings.Cut(item, `<item id="`)
	id, rest, _ := strings.Cut(rest, `"`)
	_, rest, _ = strings.Cut(rest, ` parentID="`)
	_, rest, _ = strings.Cut(rest, `"`)
	return `<item id="` + folder + "$" + id + `" refID="` + id + `" parentID="` + folder + `"` + rest
}

// busy is a household that has done something.
func busy() *catalog {
	at := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	c := &catalog{at: map[string]time.Duration{}}
	for i := range 30 {
		c.items = append(c.items, proxy.Item{
			ID: fmt.Sprintf("a%02d", i), Title: fmt.Sprintf("Channel %02d", i), Kind: ppsp.Live, Group: fmt.Sprintf("Group %d", i%3),
			Favourite: i == 3 || i == 17, Watched: at.Add(time.Duration(i*7%30) * time.Minute),
		})
	}
	return &catalog{at: c.at, items: append(c.items,
		proxy.Item{ID: "f1", Title: "Begun", Kind: ppsp.Film, Position: time.Minute, Watched: at, Group: "Old"},
		proxy.Item{ID: "f2", Title: "Begun later", Kind: ppsp.Film, Position: time.Minute, Watched: at.Add(time.Hour)},
		proxy.Item{ID: "f3", Title: "Loved", Kind: ppsp.Film, Favourite: true, Watched: at},
	)}
}

func TestFolders(t *testing.T) {
	for folder, want := range map[string]string{
		"0":                                     "Channels,Films",
		"0$channels$favourites":                 "Channel 03,Channel 17",
		"0$films":                               "Continue watching,Favourites,Old,Begun,Begun later,Loved",
		"0$films$continue":                      "Begun later,Begun",
		"0$films$favourites":                    "Loved",
		"0$films$folder$" + hashOf("Old"):       "Begun",
		"0$channels$group$" + hashOf("Group 2"): "Channel 02,Channel 05,Channel 08,Channel 11,Channel 14,Channel 17,Channel 20,Channel 23,Channel 26,Channel 29",
	} {
		if got := titles(browse(t, busy(), browseArgs{folder, browseChildren, "*", "0", "0", ""})["Result"]); got != want {
			t.Errorf("%s holds %s, want %s", folder, got, want)
		}
	}
	recent := strings.Split(titles(browse(t, busy(), browseArgs{"0$channels$recent", browseChildren, "*", "0", "0", ""})["Result"]), ",")
	if len(recent) != maxRecent || recent[0] != "Channel 17" || recent[1] != "Channel 04" { // 17·7 = 29, 4·7 = 28 modulo 30
		t.Errorf("watched lately: %v", recent)
	}
	top := titles(browse(t, busy(), browseArgs{"0$channels", browseChildren, "*", "0", "6", ""})["Result"])
	if top != "Favourites,Recently watched,Group 0,Group 1,Group 2,Channel 00" {
		t.Errorf("channels begin with %s", top)
	}
}

// Groups that don't tell channels apart are no folders, and no folder is empty.
func TestFoldersThatWouldBeOfNoUse(t *testing.T) {
	l := &catalog{items: []proxy.Item{{ID: "1", Title: "A", Kind: ppsp.Live, Group: "All"}, {ID: "2", Title: "B", Kind: ppsp.Live, Group: "All"}}}
	if got := titles(browse(t, l, browseArgs{"0$channels", browseChildren, "*", "0", "0", ""})["Result"]); got != "A,B" {
		t.Errorf("got %s", got)
	}
	if got := browse(t, l, browseArgs{"0$channels$favourites", browseChildren, "*", "0", "0", ""}); got["errorCode"] != "701" {
		t.Errorf("got %v", got)
	}
}

func TestLanguages(t *testing.T) {
	for language, want := range map[string]string{
		"": "Favourites,Recently watched", "en": "Favourites,Recently watched", "de": "Favoriten,Zuletzt gesehen",
		"es": "Favoritos,Vistos recientemente", "ar": "المفضلة,شوهدت مؤخرًا", "DE": "Favoriten,Zuletzt gesehen", "xx": "Favourites,Recently watched",
	} {
		h := serviceOf(&Directory{Library: busy(), Language: language})
		got := titles(call(t, h, "Browse", browseArgs{"0$channels", browseChildren, "*", "0", "2", ""}.xml())["Result"])
		if got != want {
			t.Errorf("%q: %s, want %s", language, got, want)
		}
		if err := CheckLanguage(language); (err == nil) != (language != "xx" && language != "DE") {
			t.Errorf("%q: %v", language, err)
		}
	}
	for code, w := range languages {
		for _, word := range []string{w.channels, w.favourites, w.recent, w.films, w.resume, w.next} {
			if word == "" {
				t.Errorf("%s lacks a word", code)
			}
		}
	}
}

func ids(d *Directory) map[string]string {
	all := map[string]string{}
	for _, p := range d.ContainerUpdateIDs() {
		all[p[0]] = p[1]
	}
	return all
}

// Only what shows something else gets another ContainerUpdateID, and then the SystemUpdateID changes.
func TestUpdateIDs(t *testing.T) {
	l := busy()
	d := &Directory{Library: l, Epoch: 1000}
	before := ids(d)
	if d.SystemUpdateID() != "1000" || before["0"] != "1000" || before["0$films$continue"] != "1000" || d.ContainerUpdateIDs()[0][0] != "0" {
		t.Fatalf("%s %v", d.SystemUpdateID(), before)
	}
	for _, c := range []struct {
		name    string
		change  func()
		changed []string
	}{
		{"nothing", func() {}, nil},
		{"a film goes on", func() { l.items[30].Position = time.Hour }, []string{"0$films", "0$films$continue", "0$films$folder$" + hashOf("Old")}},
		{"a film is seen to its end", func() { l.items[31].Position = 0 }, []string{"0$films", "0$films$continue"}},
		{"a channel is watched again that was watched last", func() { l.items[17].Watched = l.items[17].Watched.Add(time.Hour) }, nil},
		{"another channel is watched", func() { l.items[0].Watched = l.items[17].Watched.Add(time.Hour) }, []string{"0$channels$recent"}},
		{"a favourite more", func() { l.items[4].Favourite = true }, []string{"0$channels", "0$channels$favourites"}},
		{"a new title", func() { l.items[3].Title = "x" }, []string{"0$channels", "0$channels$favourites", "0$channels$recent", "0$channels$group$" + hashOf("Group 0")}},
		{"a channel goes that nobody watched", func() { l.items = slices.Delete(l.items, 13, 14) }, []string{"0", "0$channels", "0$channels$group$" + hashOf("Group 1")}},
	} {
		system, before := d.SystemUpdateID(), ids(d)
		c.change()
		l.changes++
		after := ids(d)
		var changed []string
		for id, update := range after {
			if before[id] != update {
				changed = append(changed, id)
				if update != d.SystemUpdateID() {
					t.Errorf("%s: %s has %s, not the SystemUpdateID %s", c.name, id, update, d.SystemUpdateID())
				}
			}
		}
		if (d.SystemUpdateID() != system) != (len(changed) > 0) {
			t.Errorf("%s: SystemUpdateID %s, before %s", c.name, d.SystemUpdateID(), system)
		}
		slices.Sort(changed)
		slices.Sort(c.changed)
		if !slices.Equal(changed, c.changed) {
			t.Errorf("%s: changed %v, want %v", c.name, changed, c.changed)
		}
	}
}

func TestSystemUpdateIDWraps(t *testing.T) {
	l := busy()
	d := &Directory{Library: l, Epoch: 1<<32 - 1}
	first := d.SystemUpdateID()
	l.items[0].Title = "x"
	l.changes++
	if got := d.SystemUpdateID(); first != "4294967295" || got != "0" {
		t.Errorf("%s, then %s", first, got)
	}
}

// Whatever the catalog is: every object that is told of can be asked for, its parent has it as a
// child, childCount is true, and no ID is there twice.
func TestTreeIsConsistent(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 2))
	for range 50 {
		var items []proxy.Item
		for range rnd.IntN(60) {
			i := proxy.Item{
				ID: fmt.Sprintf("a%x", rnd.IntN(80)), Title: fmt.Sprint("T", rnd.IntN(9)), Kind: ppsp.Live,
				Group: []string{"", "a", "b", "favourites", "$", "0$channels"}[rnd.IntN(6)], Favourite: rnd.IntN(4) == 0,
			}
			if rnd.IntN(2) == 0 {
				i.Kind, i.Position = ppsp.Film, time.Duration(rnd.IntN(2))*time.Minute
			}
			if rnd.IntN(3) == 0 {
				i.Watched = time.Unix(int64(rnd.IntN(1000)), 0)
			}
			items = append(items, i)
		}
		tree := newTree("root", wordsOf("en"), items)
		seen := map[string]bool{}
		for _, c := range tree.order {
			if seen[c.id] || tree.containers[c.id] != c {
				t.Fatalf("container %s is there twice", c.id)
			}
			seen[c.id] = true
			if parent := tree.containers[c.parent]; c.parent != "-1" && (parent == nil || !slices.Contains(parent.folders, c)) {
				t.Fatalf("%s is no child of %s", c.id, c.parent)
			}
			for i := range c.items {
				id := c.items[i].ID
				if c.view {
					id = c.id + "$" + id
				}
				at, ok := tree.find(id)
				if !ok || at.container != c || at.item == nil || at.item.ID != c.items[i].ID || seen[id] {
					t.Fatalf("%s of %s: %+v, %v", id, c.id, at, ok)
				}
				seen[id] = true
			}
		}
	}
}
