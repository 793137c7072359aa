package contentdirectory

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// The containers. A dollar sign is in no ID of the catalog.
const (
	rootID     = "0"
	channelsID = "0$channels"
	filmsID    = "0$films"

	favouritesSuffix = "$favourites"
	recentSuffix     = "$recent"
	resumeSuffix     = "$continue"
	groupInfix       = "$group$" // and a hash of the name
	folderInfix      = "$folder$"
)

const (
	// maxRecent bounds the channels watched last that are shown, and the films to go on with.
	maxRecent = 24
	// maxGroups bounds the groups of channels, and the folders of films.
	maxGroups = 1000
)

// tree is the catalog as screens see it. It never changes; a change of the catalog makes another.
type tree struct {
	changes    uint32 // of the Library, when it was read
	system     uint32 // SystemUpdateID
	seed       maphash.Seed
	containers map[string]*container
	order      []*container // parents before their children
	items      map[string]*proxy.Item
}

// container is a folder with its children: folders first, then items.
type container struct {
	id, parent, title string
	folders           []*container
	items             []proxy.Item
	view              bool   // its items lie in another container, and are referred to
	update            uint32 // ContainerUpdateIDs
	digest            uint64 // of all that its children show
}

// updateID is the UpdateID of an answer about a container; of the root it is the SystemUpdateID, by
// which those who begin there notice any change.
func (t *tree) updateID(c *container) uint32 {
	if c.id == rootID {
		return t.system
	}
	return c.update
}

func (c *container) children() int { return len(c.folders) + len(c.items) }

// newTree arranges the items of the catalog.
func newTree(name string, w words, items []proxy.Item) *tree {
	t := &tree{containers: map[string]*container{}, items: make(map[string]*proxy.Item, len(items))}
	live := 0
	for i := range items {
		if items[i].Kind == ppsp.Live {
			live++
		}
	}
	channels, films := make([]proxy.Item, 0, live), make([]proxy.Item, 0, len(items)-live)
	for i := range items {
		item := &items[i]
		if t.items[item.ID] != nil {
			continue
		}
		t.items[item.ID] = item
		if item.Kind == ppsp.Live {
			channels = append(channels, *item)
		} else {
			films = append(films, *item)
		}
	}
	root := t.add(nil, rootID, name, nil, false)
	c := t.add(root, channelsID, w.channels, channels, false)
	f := t.add(root, filmsID, w.films, films, false)
	favourite := func(i *proxy.Item) bool { return i.Favourite }
	t.view(c, favouritesSuffix, w.favourites, channels, favourite, nil)
	t.view(c, recentSuffix, w.recent, channels, func(i *proxy.Item) bool { return !i.Watched.IsZero() }, lastWatched)
	t.groups(c, groupInfix, channels)
	t.view(f, resumeSuffix, w.resume, films, func(i *proxy.Item) bool { return i.Position > 0 }, lastWatched)
	t.view(f, favouritesSuffix, w.favourites, films, favourite, nil)
	t.groups(f, folderInfix, films)
	return t
}

// lastWatched puts what was watched last first.
func lastWatched(a, b proxy.Item) int { return b.Watched.Compare(a.Watched) }

func (t *tree) add(parent *container, id, title string, items []proxy.Item, view bool) *container {
	c := &container{id: id, parent: "-1", title: title, items: items, view: view}
	if parent != nil {
		c.parent = parent.id
		parent.folders = append(parent.folders, c)
	}
	t.containers[id] = c
	t.order = append(t.order, c)
	return c
}

// view adds a folder of those items that fit, if there are any: screens make nothing of an empty
// one. An order shortens it.
func (t *tree) view(parent *container, suffix, title string, items []proxy.Item, fits func(*proxy.Item) bool, order func(a, b proxy.Item) int) {
	var picked []proxy.Item
	for i := range items {
		if fits(&items[i]) {
			picked = append(picked, items[i])
		}
	}
	if order != nil {
		slices.SortStableFunc(picked, order)
		picked = picked[:min(len(picked), maxRecent)]
	}
	if len(picked) > 0 {
		t.add(parent, parent.id+suffix, title, picked, true)
	}
}

// groups adds a folder for each group of items, in the order of the household, where groups tell
// items apart.
func (t *tree) groups(parent *container, infix string, items []proxy.Item) {
	var names []string
	sizes := map[string]int{}
	for i := range items {
		group := items[i].Group
		if sizes[group]++; sizes[group] == 1 {
			names = append(names, group)
		}
	}
	if len(names) < 2 {
		return
	}
	members := make(map[string][]proxy.Item, len(names))
	for _, name := range names {
		members[name] = make([]proxy.Item, 0, sizes[name])
	}
	for i := range items {
		members[items[i].Group] = append(members[items[i].Group], items[i])
	}
	for _, name := range names {
		if name == "" || len(parent.folders) >= maxGroups {
			continue // those without a group stand behind the folders, as all do
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(name))
		id := parent.id + infix + strconv.FormatUint(h.Sum64(), 16)
		if _, taken := t.containers[id]; !taken {
			t.add(parent, id, name, members[name], true)
		}
	}
}

// number gives the containers their update IDs: those that show what they showed in the tree
// before keep theirs. It tells the SystemUpdateID of what is new.
func (t *tree) number(before *tree, epoch uint32) {
	t.system = epoch
	if before != nil {
		t.system = before.system + 1
	}
	changed := before == nil || len(before.order) != len(t.order)
	t.seed = maphash.MakeSeed()
	if before != nil {
		t.seed = before.seed // sums are compared with those of the tree before
	}
	for _, c := range slices.Backward(t.order) { // children first
		c.digest = c.sum(t.seed)
		c.update = t.system
		if before == nil {
			continue
		}
		if was := before.containers[c.id]; was != nil && was.digest == c.digest {
			c.update = was.update
		} else {
			changed = true
		}
	}
	if !changed {
		t.system = before.system
	}
}

// sum sums up what the children of a container show.
func (c *container) sum(seed maphash.Seed) uint64 {
	h := &maphash.Hash{}
	h.SetSeed(seed)
	for _, f := range c.folders {
		write(h, f.id, f.title)
		writeNumber(h, int64(f.children()))
	}
	for i := range c.items {
		item := &c.items[i]
		write(h, item.ID, item.Title, item.Group, item.Logo, item.MediaType)
		writeNumber(h, item.Length, int64(item.Duration), item.Rate, int64(item.Position), int64(len(item.Subtitles)))
	}
	return h.Sum64()
}

func write(h *maphash.Hash, texts ...string) {
	for _, s := range texts {
		writeNumber(h, int64(len(s)))
		_, _ = h.WriteString(s)
	}
}

func writeNumber(h *maphash.Hash, numbers ...int64) {
	var b [8]byte
	for _, n := range numbers {
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		_, _ = h.Write(b[:])
	}
}

// place is an object of the tree: a container, or an item in one.
type place struct {
	container *container // the object, or what holds the item
	item      *proxy.Item
}

// find returns the object of an ID. An item that a view refers to has the view's ID, a dollar sign
// and its own for an ID.
func (t *tree) find(id string) (place, bool) {
	if c := t.containers[id]; c != nil {
		return place{container: c}, true
	}
	view, itemID := "", id
	if cut := strings.LastIndexByte(id, '$'); cut >= 0 {
		view, itemID = id[:cut], id[cut+1:]
	}
	item := t.items[itemID]
	if item == nil {
		return place{}, false
	}
	if view == "" {
		home := channelsID
		if item.Kind != ppsp.Live {
			home = filmsID
		}
		return place{t.containers[home], item}, true
	}
	c := t.containers[view]
	if c == nil || !c.view || !slices.ContainsFunc(c.items, func(i proxy.Item) bool { return i.ID == itemID }) {
		return place{}, false
	}
	return place{c, item}, true
}

// byTitle orders folders.
func byTitle(a, b *container) int {
	return cmp.Compare(strings.ToLower(a.title), strings.ToLower(b.title))
}
