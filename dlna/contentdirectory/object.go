package contentdirectory

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/anacrolix/dms/upnpav"
	"github.com/swarmgate/swarmgate/dlna/didl"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/dlna/picture"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/dlna/subtitle"
	"github.com/swarmgate/swarmgate/proxy"
)

// Classes of objects (ContentDirectory:1, appendix C).
const (
	classStorage   = "object.container.storageFolder"
	classContainer = "object.container"
	classChannel   = "object.item.videoItem.videoBroadcast"
	classFilm      = "object.item.videoItem.movie"
	classAudio     = "object.item.audioItem"
)

// view is how one control point sees objects.
type view struct {
	base    string // scheme and host under which it reached the server
	profile *profile.Profile
	words   words
	guide   Guide // nil for none
	now     time.Time
	formats map[string]media.Format // as the device wants them, by ProtocolInfo
}

// folder describes a container.
func (v *view) folder(c *container) *didl.Container {
	class := v.profile.Folder()
	if c.id == rootID {
		class = classContainer
	}
	return &didl.Container{
		Container: upnpav.Container{
			Object:     upnpav.Object{ID: c.id, ParentID: c.parent, Restricted: 1, Searchable: 1, Title: c.title, Class: class},
			ChildCount: c.children(),
		},
		StorageUsed: class == classStorage, // the class demands it
	}
}

// format returns how an item is sent to the device.
func (v *view) format(item *proxy.Item) media.Format {
	f := media.FormatOf(*item)
	known, ok := v.formats[f.ProtocolInfo]
	if !ok {
		known = f.For(v.profile)
		v.formats[f.ProtocolInfo] = known
	}
	return known
}

// item describes an item as the child of a container.
func (v *view) item(in *container, item *proxy.Item) *didl.Item {
	format := v.format(item)
	o := &didl.Item{Item: upnpav.Item{Object: upnpav.Object{
		ID: item.ID, ParentID: in.id, Restricted: 1, Title: title(item), Class: classOf(format), Genre: item.Group,
	}}}
	if in.view {
		o.ID, o.RefID = in.id+"$"+item.ID, item.ID
	}
	resource := upnpav.Resource{
		ProtocolInfo: format.ProtocolInfo,
		URL:          v.base + media.Path(*item),
		Bitrate:      uint(max(item.Rate, 0) / 8), // in bytes a second, whatever its name
	}
	if format.Live {
		v.onAir(o, item)
	} else {
		resource.Size = uint64(max(item.Length, 0))
		resource.Duration = duration(item.Duration)
	}
	o.Res = append(make([]upnpav.Resource, 0, 1+len(item.Subtitles)), resource)
	v.captions(o, item)
	v.bookmark(o, item)
	if v.profile.Extension {
		o.Title += format.Extension
	}
	v.pictures(o, item)
	return o
}

func classOf(f media.Format) string {
	switch {
	case f.Live:
		return classChannel
	case strings.HasPrefix(f.MIME, "audio/"):
		return classAudio
	}
	return classFilm
}

func duration(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return dmsdlna.FormatNPTTime(d)
}

// title returns what an item is called on the screen.
func title(item *proxy.Item) string {
	if item.Title == "" {
		return item.ID
	}
	return item.Title
}

// titled returns what an item is called on this screen, with what its kind wants behind the title.
func (v *view) titled(in *container, item *proxy.Item) string {
	if p := v.profile; p.Extension || p.Dot || p.Guide == profile.GuideTitle {
		return v.item(in, item).Title
	}
	return title(item)
}

// onAir tells what is on a channel now and next, where the guide knows.
func (v *view) onAir(o *didl.Item, item *proxy.Item) {
	if v.guide == nil || v.profile.Guide == profile.GuideNone {
		return
	}
	now, next := v.guide.OnAir(item.ID, v.now)
	if v.profile.Guide == profile.GuideTitle {
		if now.Title != "" {
			o.Title += " – " + now.Title
		}
		return
	}
	const clock = "15:04"
	var parts []string
	if now.Title != "" {
		parts = append(parts, fmt.Sprintf("%s–%s %s", now.Start.Format(clock), now.End.Format(clock), now.Title))
	}
	if next.Title != "" {
		parts = append(parts, fmt.Sprintf("%s %s %s", v.words.next, next.Start.Format(clock), next.Title))
	}
	o.Description = strings.Join(parts, " · ")
}

// captions tells of the subtitles in the ways that the device knows.
func (v *view) captions(o *didl.Item, item *proxy.Item) {
	if len(item.Subtitles) == 0 {
		return
	}
	for _, s := range item.Subtitles {
		url := v.base + subtitle.Path(item.ID, s.Language)
		if v.profile.Captions(profile.CaptionResource) {
			o.Res = append(o.Res, upnpav.Resource{ProtocolInfo: subtitle.ProtocolInfo, URL: url})
		}
		if v.profile.Captions(profile.CaptionSamsung) {
			o.Captions = append(o.Captions, didl.Caption{URL: url, Type: subtitle.Type})
		}
	}
	if v.profile.Captions(profile.CaptionPV) {
		o.SubtitleURI = v.base + subtitle.Path(item.ID, item.Subtitles[0].Language)
	}
	if v.profile.Dot {
		o.Title += "."
	}
}

// bookmark tells where the viewer of a film left it, in the way of Samsung and in that of
// ContentDirectory:3.
func (v *view) bookmark(o *didl.Item, item *proxy.Item) {
	if item.Position <= 0 {
		return
	}
	o.LastPlayed = duration(item.Position)
	at := int64(item.Position / time.Second)
	if v.profile.Bookmarks == profile.Milliseconds {
		at = item.Position.Milliseconds()
	}
	name := strings.ReplaceAll(title(item), ",", " ") // what it has are fields with commas between them
	o.SamsungInfo = "CREATIONDATE=0,FOLDER=" + name + ",BM=" + strconv.FormatInt(at, 10)
}

// pictures tells of the logo, which the server itself has for screens.
func (v *view) pictures(o *didl.Item, item *proxy.Item) {
	if !picture.Can(item.Logo) {
		return
	}
	o.Art = make([]didl.Art, 0, 2)
	for _, size := range []profile.Picture{profile.Thumbnail, profile.Small} {
		if v.profile.Offers(size) {
			o.Art = append(o.Art, didl.Art{URL: v.base + picture.Path(item.ID, size), Profile: string(size)})
		}
	}
}
