package renderer

import (
	"net/url"
	"strings"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/anacrolix/dms/upnpav"

	"github.com/swarmgate/swarmgate/dlna/didl"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/proxy"
)

// streamURL returns where a renderer fetches an item. The path names the renderer, so that
// its streams are known when it goes.
func streamURL(base, renderer string, item proxy.Item) string {
	return base + StreamRoot + renderer + "/" + url.PathEscape(item.ID) + media.FormatOf(item).Extension
}

// metadata describes an item in DIDL-Lite, as a ContentDirectory would: some renderers play
// nothing without, and go by its protocolInfo.
func metadata(item proxy.Item, at string) string {
	format := media.FormatOf(item)
	o := &upnpav.Item{Object: upnpav.Object{
		ID: item.ID, ParentID: "0", Restricted: 1, Title: item.Title, Class: "object.item.videoItem.movie",
	}}
	if o.Title == "" {
		o.Title = item.ID
	}
	resource := upnpav.Resource{ProtocolInfo: format.ProtocolInfo, URL: at}
	switch {
	case format.Live:
		o.Class = "object.item.videoItem.videoBroadcast"
	case strings.HasPrefix(format.MIME, "audio/"):
		o.Class = "object.item.audioItem"
	}
	if !format.Live {
		resource.Size = uint64(max(item.Length, 0))
		if item.Duration > 0 {
			resource.Duration = dmsdlna.FormatNPTTime(item.Duration)
		}
	}
	o.Res = []upnpav.Resource{resource}
	document := didl.New(didl.Filter{})
	document.Item(&didl.Item{Item: *o})
	return document.String()
}
