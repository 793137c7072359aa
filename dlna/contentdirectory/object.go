package contentdirectory

import (
	"strings"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/anacrolix/dms/upnpav"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// The containers. A dollar sign is in no ID of the catalog.
const (
	rootID     = "0"
	channelsID = "0$channels"
	filmsID    = "0$films"
)

// Classes of objects (ContentDirectory:1, appendix C).
const (
	classFolder    = "object.container.storageFolder"
	classContainer = "object.container"
	classChannel   = "object.item.videoItem.videoBroadcast"
	classFilm      = "object.item.videoItem.movie"
	classAudio     = "object.item.audioItem"
)

// folder is a container with its children: folders or items, never both.
type folder struct {
	upnpav.Container
	folders []folder
	items   []proxy.Item
}

// folder returns the container of that ID as it is now.
func (d *Directory) folder(id string) (folder, bool) {
	if id != rootID && id != channelsID && id != filmsID {
		return folder{}, false
	}
	var channels, films []proxy.Item
	for _, item := range d.Library.Items() {
		if item.Kind == ppsp.Live {
			channels = append(channels, item)
		} else {
			films = append(films, item)
		}
	}
	folders := []folder{itemFolder(channelsID, "Channels", channels), itemFolder(filmsID, "Films", films)}
	for _, f := range folders {
		if f.ID == id {
			return f, true
		}
	}
	root := newFolder(rootID, "-1", d.Name, classContainer, len(folders))
	root.folders = folders
	return root, true
}

func itemFolder(id, title string, items []proxy.Item) folder {
	f := newFolder(id, rootID, title, classFolder, len(items))
	f.SearchXML = "<upnp:storageUsed>-1</upnp:storageUsed>" // the class demands it; -1 is unknown
	f.items = items
	return f
}

func newFolder(id, parent, title, class string, children int) folder {
	return folder{Container: upnpav.Container{
		Object:     upnpav.Object{ID: id, ParentID: parent, Restricted: 1, Title: title, Class: class},
		ChildCount: children,
	}}
}

// object describes an item for a control point that reached the server under base.
func object(item proxy.Item, base string) *upnpav.Item {
	format := media.FormatOf(item)
	o := &upnpav.Item{Object: upnpav.Object{
		ID: item.ID, ParentID: filmsID, Restricted: 1,
		Title: title(item), Class: classFilm, Genre: item.Group, AlbumArtURI: logo(item.Logo, base),
	}}
	resource := upnpav.Resource{
		ProtocolInfo: format.ProtocolInfo,
		URL:          base + media.Path(item),
		Bitrate:      uint(max(item.Rate, 0) / 8), // in bytes a second, whatever its name
	}
	switch {
	case format.Live:
		o.ParentID, o.Class = channelsID, classChannel
	case strings.HasPrefix(format.MIME, "audio/"):
		o.Class = classAudio
	}
	if !format.Live {
		resource.Size = uint64(max(item.Length, 0))
		if item.Duration > 0 {
			resource.Duration = dmsdlna.FormatNPTTime(item.Duration)
		}
	}
	o.Res = []upnpav.Resource{resource}
	return o
}

// title returns what an item is called on the screen.
func title(item proxy.Item) string {
	if item.Title == "" {
		return item.ID
	}
	return item.Title
}

// logo returns a URL that a screen can fetch, empty if there is none.
func logo(url, base string) string {
	switch {
	case strings.HasPrefix(url, "http://"), strings.HasPrefix(url, "https://"):
		return url
	case strings.HasPrefix(url, "/") && !strings.HasPrefix(url, "//"):
		return base + url
	}
	return ""
}
