package contentdirectory

import (
	"strconv"

	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/didl"
	"github.com/swarmgate/swarmgate/dlna/picture"
	"github.com/swarmgate/swarmgate/dlna/search"
	"github.com/swarmgate/swarmgate/proxy"
)

// searchCapabilities are the properties by which Search can look.
const searchCapabilities = "@id,@parentID,@refID,dc:title,upnp:class,upnp:genre,upnp:albumArtURI,res,res@protocolInfo,res@size,res@duration"

// search finds objects below a container. In the whole catalog every item is found once, where it
// lies, not again in the folders that refer to it; in such a folder the references are found.
func (d *Directory) search(c *control.Call) ([]string, error) {
	id, sent := c.Arg("ContainerID")
	if !sent {
		if id, sent = c.Arg("ObjectID"); !sent {
			return nil, control.ErrInvalidArgs
		}
	}
	part, err := windowOf(c)
	if err != nil {
		return nil, err
	}
	text, _ := c.Arg("SearchCriteria")
	criteria, err := search.Parse(text)
	if err != nil {
		return nil, errCriteria
	}
	t, v := d.tree(), d.view(c)
	at, ok := t.find(objectID(id, v.profile))
	if !ok || at.item != nil {
		return nil, errNoSuchContainer
	}
	var found findings
	found.in(at.container, v, criteria)
	order, _ := c.Arg("SortCriteria")
	filter, _ := c.Arg("Filter")
	result := didl.New(didl.ParseFilter(filter))
	folders, items := sorted(found.folders, found.items, order)
	total := len(folders) + len(items)
	from, to := part.of(total)
	result.Reserve(to - from)
	for i := from; i < to; i++ {
		if i < len(folders) {
			result.Container(v.folder(folders[i]))
			continue
		}
		item := &items[i-len(folders)]
		result.Item(v.item(found.home(item, at.container, t), item))
	}
	return answer(result, to-from, total, t.updateID(at.container)), nil
}

// findings are the objects that a search found.
type findings struct {
	folders []*container
	items   []proxy.Item
}

// in looks at all below a container.
func (f *findings) in(c *container, v *view, criteria search.Criteria) {
	for _, folder := range c.folders {
		if criteria.Match(folderProperties{folder, v}) {
			f.folders = append(f.folders, folder)
		}
		if !folder.view {
			f.in(folder, v, criteria)
		}
	}
	for i := range c.items {
		if criteria.Match(itemProperties{c, &c.items[i], v}) {
			f.items = append(f.items, c.items[i])
		}
	}
}

// home returns the container in which an item was found.
func (f *findings) home(item *proxy.Item, asked *container, t *tree) *container {
	if asked.view {
		return asked
	}
	at, _ := t.find(item.ID)
	return at.container
}

// folderProperties are the properties of a container.
type folderProperties struct {
	*container
	view *view
}

// Property returns a property as the control point would be told it.
func (f folderProperties) Property(name string) (string, bool) {
	switch name {
	case "@id":
		return f.id, true
	case "@parentID":
		return f.parent, true
	case "dc:title":
		return f.title, true
	case "upnp:class":
		return f.view.folder(f.container).Class, true
	case "@restricted":
		return "1", true
	}
	return "", false
}

// itemProperties are the properties of an item.
type itemProperties struct {
	in   *container
	item *proxy.Item
	view *view
}

// Property returns a property as the control point would be told it.
func (p itemProperties) Property(name string) (string, bool) {
	switch name {
	case "@id":
		if p.in.view {
			return p.in.id + "$" + p.item.ID, true
		}
		return p.item.ID, true
	case "@parentID":
		return p.in.id, true
	case "@refID":
		return p.item.ID, p.in.view
	case "@restricted":
		return "1", true
	case "dc:title":
		return p.view.titled(p.in, p.item), true
	case "upnp:class":
		return classOf(p.view.format(p.item)), true
	case "upnp:genre":
		return p.item.Group, p.item.Group != ""
	case "upnp:albumArtURI":
		return "", picture.Can(p.item.Logo)
	case "res", "res@protocolInfo":
		return p.view.format(p.item).ProtocolInfo, true
	case "res@size":
		return strconv.FormatInt(p.item.Length, 10), p.item.Length > 0
	case "res@duration":
		return duration(p.item.Duration), p.item.Duration > 0
	}
	return "", false
}
