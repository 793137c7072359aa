package contentdirectory

import (
	"strconv"
	"sync"
	"time"

	"github.com/anacrolix/dms/upnp"
	"github.com/anacrolix/dms/upnpav"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/didl"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/proxy"
)

// maxReturned bounds the objects of one answer. A control point asks for the rest, as
// TotalMatches tells it to.
const maxReturned = 2000

// The values of BrowseFlag.
const (
	browseMetadata = "BrowseMetadata"
	browseChildren = "BrowseDirectChildren"
)

// Errors of Browse and Search (ContentDirectory:1, 2.7.4.3 and 2.7.5.3).
var (
	errNoSuchObject    = upnp.Errorf(upnpav.NoSuchObjectErrorCode, "No such object")
	errCriteria        = upnp.Errorf(708, "Unsupported or invalid search criteria")
	errNoSuchContainer = upnp.Errorf(710, "No such container")
)

// Library is the catalog that the directory shows.
type Library interface {
	Items() []proxy.Item // in the order of the household
	Changes() uint32     // grows when Items changes
	// SetPosition notes where the viewer of a film left it; proxy.ErrNotFound if it is no film.
	SetPosition(id string, position time.Duration) error
}

// Guide is the programme guide, if there is one.
type Guide interface {
	// OnAir returns what is on a channel at that time and what comes then; zero ones are not known.
	OnAir(id string, at time.Time) (now, next proxy.Programme)
}

// Directory shows a Library. Its fields don't change once it is used; it may be used by many
// goroutines.
type Directory struct {
	Library  Library
	Guide    Guide        // nil for none
	Profiles *profile.Set // what devices want; nil for nothing special
	Name     string       // of the root
	Language string       // of the folders, one that CheckLanguage takes
	// Epoch is where the update IDs begin. It grows with every start of the program, so
	// that screens which keep what they saw ask again.
	Epoch uint32

	mu      sync.Mutex
	current *tree
}

// Actions returns what the service can do, for control.Server.
func (d *Directory) Actions() map[string]control.Action {
	constant := func(value string) control.Action {
		return func(*control.Call) ([]string, error) { return []string{value}, nil }
	}
	return map[string]control.Action{
		"Browse":                d.browse,
		"Search":                d.search,
		"GetSearchCapabilities": constant(searchCapabilities),
		"GetSortCapabilities":   constant(sortCapabilities),
		"X_GetFeatureList":      constant(features),
		"X_SetBookmark":         d.setBookmark,
		"GetSystemUpdateID": func(*control.Call) ([]string, error) {
			return []string{d.SystemUpdateID()}, nil
		},
	}
}

// State is what the answers to Browse and Search depend on beside their arguments (control.Server):
// the catalog, the device that asks, and with a guide the minute.
func (d *Directory) State(c *control.Call) (string, bool) {
	if c.Action != "Browse" && c.Action != "Search" {
		return "", false
	}
	var b []byte
	b = strconv.AppendUint(b, uint64(d.tree().changes), 10)
	b = append(b, ' ')
	if d.Guide != nil {
		b = strconv.AppendInt(b, time.Now().Unix()/60, 10)
	}
	if d.Profiles != nil {
		b = append(append(b, ' '), d.Profiles.Of(c.Request).Name...)
	}
	return string(b), true
}

// tree returns the catalog as it is now.
func (d *Directory) tree() *tree {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Read before the items: a change in between makes one tree more, and none is missed.
	changes := d.Library.Changes()
	if d.current != nil && d.current.changes == changes {
		return d.current
	}
	t := newTree(d.Name, wordsOf(d.Language), d.Library.Items())
	t.changes = changes
	t.number(d.current, d.Epoch)
	d.current = t
	return t
}

// SystemUpdateID is the value of the variable of that name: another after every change.
func (d *Directory) SystemUpdateID() string {
	return strconv.FormatUint(uint64(d.tree().system), 10)
}

// ContainerUpdateIDs returns the pairs of container and update ID of the variable of that name
// (ContentDirectory:1, 2.5.21), parents before their children.
func (d *Directory) ContainerUpdateIDs() [][2]string {
	t := d.tree()
	pairs := make([][2]string, 0, len(t.order))
	for _, c := range t.order {
		pairs = append(pairs, [2]string{c.id, strconv.FormatUint(uint64(c.update), 10)})
	}
	return pairs
}

// view returns how the control point of a call sees objects.
func (d *Directory) view(c *control.Call) *view {
	p := &profile.Profile{}
	if d.Profiles != nil {
		p = d.Profiles.Of(c.Request)
	}
	return &view{
		base: c.Base(), profile: p, words: wordsOf(d.Language), guide: d.Guide, now: time.Now(),
		formats: map[string]media.Format{},
	}
}

// window is the part of a result that is asked for.
type window struct{ start, count uint32 }

func windowOf(c *control.Call) (w window, err error) {
	if w.start, err = c.Number("StartingIndex"); err != nil {
		return w, err
	}
	w.count, err = c.Number("RequestedCount")
	return w, err
}

// of returns the indexes of the part of a result of n objects; a count of 0 asks for all.
func (w window) of(n int) (from, to int) {
	from = int(min(uint64(w.start), uint64(n)))
	to = n
	if w.count > 0 {
		to = int(min(uint64(from)+uint64(w.count), uint64(n)))
	}
	return from, min(to, from+maxReturned)
}

// answer is what Browse and Search return.
func answer(result *didl.Document, returned, total int, updateID uint32) []string {
	return []string{result.String(), strconv.Itoa(returned), strconv.Itoa(total), strconv.FormatUint(uint64(updateID), 10)}
}

func (d *Directory) browse(c *control.Call) ([]string, error) {
	id, sent := c.Arg("ObjectID")
	if !sent {
		// Some ask by the name that the argument has in Search.
		if id, sent = c.Arg("ContainerID"); !sent {
			return nil, control.ErrInvalidArgs
		}
	}
	part, err := windowOf(c)
	if err != nil {
		return nil, err
	}
	t, v := d.tree(), d.view(c)
	at, ok := t.find(objectID(id, v.profile))
	filter, _ := c.Arg("Filter")
	result := didl.New(didl.ParseFilter(filter))
	flag, _ := c.Arg("BrowseFlag")
	switch {
	case flag != browseMetadata && flag != browseChildren:
		return nil, control.ErrInvalidArgs
	case !ok:
		return nil, errNoSuchObject
	case flag == browseMetadata && at.item == nil:
		result.Container(v.folder(at.container))
		return answer(result, 1, 1, t.updateID(at.container)), nil
	case flag == browseMetadata:
		result.Item(v.item(at.container, at.item))
		return answer(result, 1, 1, t.updateID(at.container)), nil
	case at.item != nil:
		return nil, errNoSuchContainer
	}
	criteria, _ := c.Arg("SortCriteria")
	from, to := part.of(at.container.children())
	v.children(result, at.container, criteria, from, to)
	return answer(result, to-from, at.container.children(), t.updateID(at.container)), nil
}

// objectID returns the ID that is meant.
func objectID(id string, p *profile.Profile) string {
	if id == "" {
		return rootID
	}
	return p.Object(id)
}

// children adds the children of a container from an index on up to another.
func (v *view) children(result *didl.Document, c *container, criteria string, from, to int) {
	result.Reserve(to - from)
	folders, items := sorted(c.folders, c.items, criteria)
	for ; from < to && from < len(folders); from++ {
		result.Container(v.folder(folders[from]))
	}
	for ; from < to; from++ {
		result.Item(v.item(c, &items[from-len(folders)]))
	}
}
