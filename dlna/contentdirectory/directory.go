package contentdirectory

import (
	"fmt"
	"strconv"

	"github.com/anacrolix/dms/upnp"
	"github.com/anacrolix/dms/upnpav"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/didl"
	"github.com/swarmgate/swarmgate/proxy"
)

// maxReturned bounds the objects of one answer. A control point asks for the rest, as
// TotalMatches tells it to.
const maxReturned = 5000

// The values of BrowseFlag.
const (
	browseMetadata = "BrowseMetadata"
	browseChildren = "BrowseDirectChildren"
)

// Errors of Browse (ContentDirectory:1, 2.7.4.3).
var (
	errNoSuchObject    = upnp.Errorf(upnpav.NoSuchObjectErrorCode, "No such object")
	errNoSuchContainer = upnp.Errorf(710, "No such container")
)

// Library is the catalog that the directory shows.
type Library interface {
	Items() []proxy.Item               // in the order of the household
	Item(id string) (proxy.Item, bool) // one of them
	Changes() uint32                   // grows when Items changes
}

// Directory shows a Library.
type Directory struct {
	Library Library
	Name    string // of the root
	// Epoch is where the update IDs begin. It grows with every start of the program, so
	// that screens which keep what they saw ask again.
	Epoch uint32
}

// Actions returns what the service can do, for control.Server.
func (d *Directory) Actions() map[string]control.Action {
	constant := func(value string) control.Action {
		return func(*control.Call) ([]string, error) { return []string{value}, nil }
	}
	return map[string]control.Action{
		"Browse":                d.browse,
		"GetSearchCapabilities": constant(""),
		"GetSortCapabilities":   constant(sortCapabilities),
		"X_GetFeatureList":      constant(features),
		"GetSystemUpdateID": func(*control.Call) ([]string, error) {
			return []string{d.SystemUpdateID()}, nil
		},
	}
}

// SystemUpdateID is the value of the variable of that name: another after every change.
func (d *Directory) SystemUpdateID() string {
	return strconv.FormatUint(uint64(d.Epoch+d.Library.Changes()), 10)
}

// ContainerUpdateIDs is the value of the variable of that name (ContentDirectory:1,
// 2.5.21): pairs of container and update ID, of every container, since none of them tells
// its changes from those of the others.
func (d *Directory) ContainerUpdateIDs() string {
	id := d.SystemUpdateID()
	return fmt.Sprintf("%s,%s,%s,%s,%s,%s", rootID, id, channelsID, id, filmsID, id)
}

func (d *Directory) browse(c *control.Call) ([]string, error) {
	id, sent := c.Arg("ObjectID")
	if !sent {
		// Some ask by the name that the argument has in Search.
		if id, sent = c.Arg("ContainerID"); !sent {
			return nil, control.ErrInvalidArgs
		}
	}
	if id == "" {
		id = rootID
	}
	start, err := c.Number("StartingIndex")
	if err != nil {
		return nil, err
	}
	count, err := c.Number("RequestedCount")
	if err != nil {
		return nil, err
	}
	filter, _ := c.Arg("Filter")
	result := didl.New(didl.ParseFilter(filter))
	// Before the items are read: a change in between is then told again, not missed.
	updateID := d.SystemUpdateID()
	var returned, total int
	switch flag, _ := c.Arg("BrowseFlag"); flag {
	case browseMetadata:
		returned, total, err = 1, 1, d.metadata(result, id, c.Base())
	case browseChildren:
		criteria, _ := c.Arg("SortCriteria")
		returned, total, err = d.children(result, id, c.Base(), criteria, start, count)
	default:
		err = control.ErrInvalidArgs
	}
	if err != nil {
		return nil, err
	}
	return []string{result.String(), strconv.Itoa(returned), strconv.Itoa(total), updateID}, nil
}

// metadata adds one object.
func (d *Directory) metadata(result *didl.Document, id, base string) error {
	if f, ok := d.folder(id); ok {
		result.Container(&f.Container)
		return nil
	}
	item, ok := d.Library.Item(id)
	if !ok {
		return errNoSuchObject
	}
	result.Item(object(item, base))
	return nil
}

// children adds the children of a container from the index start on, count of them or all
// if count is 0.
func (d *Directory) children(result *didl.Document, id, base, criteria string, start, count uint32) (returned, total int, err error) {
	f, ok := d.folder(id)
	if !ok {
		if _, isItem := d.Library.Item(id); isItem {
			return 0, 0, errNoSuchContainer
		}
		return 0, 0, errNoSuchObject
	}
	total = f.ChildCount
	from := int(min(uint64(start), uint64(total)))
	to := total
	if count > 0 {
		to = int(min(uint64(from)+uint64(count), uint64(total)))
	}
	to = min(to, from+maxReturned)
	result.Reserve(to - from)
	if f.folders != nil {
		for _, child := range f.folders[from:to] {
			result.Container(&child.Container)
		}
		return to - from, total, nil
	}
	sortItems(f.items, criteria)
	for _, item := range f.items[from:to] {
		result.Item(object(item, base))
	}
	return to - from, total, nil
}
