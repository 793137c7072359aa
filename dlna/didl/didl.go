// Package didl writes DIDL-Lite, the XML in which a ContentDirectory tells of its objects
// (ContentDirectory:1, 2.8).
//
// The objects are made of the types of dms. They are written by hand, since the encoder that those
// were made for gives every object a date of the year 1 and quotation marks that some
// television sets don't read, and takes ten times as long.
package didl

import (
	"slices"
	"strconv"

	"github.com/anacrolix/dms/upnpav"
	"github.com/swarmgate/swarmgate/dlna/xmltext"
)

// Container is a folder.
type Container struct {
	upnpav.Container
	// StorageUsed tells that the class demands upnp:storageUsed; what is used is unknown.
	StorageUsed bool
}

// Item is something to play.
type Item struct {
	upnpav.Item
	RefID       string // ID of the item that this one stands for, empty for none
	Description string // dc:description
	Art         []Art
	Captions    []Caption
	LastPlayed  string // upnp:lastPlaybackPosition, as "00:20:00.000"; empty for none
	SamsungInfo string // sec:dcmInfo, empty for none
	// SubtitleURI is told in attributes of the first res (pv:subtitleFileUri), empty for none.
	SubtitleURI string
}

// Art is a picture of an item (upnp:albumArtURI).
type Art struct {
	URL     string
	Profile string // dlna:profileID, empty if none is true
}

// Caption is a file of subtitles (sec:CaptionInfoEx).
type Caption struct {
	URL, Type string // of the file: "srt"
}

// Document is a DIDL-Lite document under construction. The zero value is ready.
type Document struct {
	filter Filter
	b      []byte
}

const (
	open = `<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/"` +
		` xmlns:dc="http://purl.org/dc/elements/1.1/"` +
		` xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/"` +
		` xmlns:dlna="urn:schemas-dlna-org:metadata-1-0/"` +
		` xmlns:sec="http://www.sec.co.kr/">`
	shut = `</DIDL-Lite>`
	// pvSpace is declared where it is used: it is PacketVideo's, and rare.
	pvSpace = "http://www.pv.com/pvns/"
)

// New makes a document for a control point that asked for the properties of the filter.
func New(f Filter) *Document { return &Document{filter: f} }

// Reserve makes room for n objects at once.
func (d *Document) Reserve(n int) { d.b = slices.Grow(d.b, len(open)+n*objectSize+len(shut)) }

// objectSize is what an object of ours takes, in bytes.
const objectSize = 576

// String returns the whole document.
func (d *Document) String() string {
	if len(d.b) == 0 {
		return open + shut
	}
	return string(append(d.b, shut...))
}

// begin makes sure that the document has begun.
func (d *Document) begin() {
	if len(d.b) == 0 {
		d.b = append(d.b, open...)
	}
}

// Container adds a container. Its number of children is always told, whatever the filter
// says: some television sets take a container without it for an empty one.
func (d *Document) Container(c *Container) {
	d.begin()
	d.b = append(d.b, "<container"...)
	d.attributes(&c.Object, "")
	d.b = append(d.b, ` childCount="`...)
	d.b = strconv.AppendInt(d.b, int64(c.ChildCount), 10)
	d.b = append(d.b, '"')
	if d.filter.Has("@searchable") {
		d.b = append(d.b, ` searchable="`...)
		d.b = strconv.AppendInt(d.b, int64(c.Searchable), 10)
		d.b = append(d.b, '"')
	}
	d.b = append(d.b, '>')
	d.properties(&c.Object)
	if c.StorageUsed {
		d.b = append(d.b, "<upnp:storageUsed>-1</upnp:storageUsed>"...)
	}
	d.b = append(d.b, "</container>"...)
}

// Item adds an item with its resources.
func (d *Document) Item(i *Item) {
	d.begin()
	d.b = append(d.b, "<item"...)
	d.attributes(&i.Object, i.RefID)
	d.b = append(d.b, '>')
	d.properties(&i.Object)
	d.optional("dc:description", i.Description)
	d.art(i.Art)
	d.optional("upnp:lastPlaybackPosition", i.LastPlayed)
	if d.filter.Has("res") {
		for n := range i.Res {
			subtitles := ""
			if n == 0 {
				subtitles = i.SubtitleURI
			}
			d.resource(&i.Res[n], subtitles)
		}
	}
	if d.filter.Has("sec:CaptionInfoEx") {
		for _, c := range i.Captions {
			d.b = append(d.b, "<sec:CaptionInfoEx"...)
			d.b = xmltext.AppendAttr(d.b, "sec:type", c.Type)
			d.b = append(d.b, '>')
			d.b = xmltext.Append(d.b, c.URL)
			d.b = append(d.b, "</sec:CaptionInfoEx>"...)
		}
	}
	d.optional("sec:dcmInfo", i.SamsungInfo)
	d.b = append(d.b, "</item>"...)
}

func (d *Document) attributes(o *upnpav.Object, refID string) {
	d.b = xmltext.AppendAttr(d.b, "id", o.ID)
	if refID != "" && d.filter.Has("@refID") {
		d.b = xmltext.AppendAttr(d.b, "refID", refID)
	}
	d.b = xmltext.AppendAttr(d.b, "parentID", o.ParentID)
	d.b = append(d.b, ` restricted="`...)
	d.b = strconv.AppendInt(d.b, int64(o.Restricted), 10)
	d.b = append(d.b, '"')
}

// properties writes the title, first as some television sets demand, and the rest.
func (d *Document) properties(o *upnpav.Object) {
	d.b = xmltext.AppendElement(d.b, "dc:title", o.Title)
	d.b = xmltext.AppendElement(d.b, "upnp:class", o.Class)
	if !o.Date.IsZero() {
		d.optional("dc:date", o.Date.Format("2006-01-02"))
	}
	d.optional("upnp:artist", o.Artist)
	d.optional("upnp:album", o.Album)
	d.optional("upnp:genre", o.Genre)
	d.optional("upnp:icon", o.Icon)
}

func (d *Document) art(list []Art) {
	if !d.filter.Has("upnp:albumArtURI") {
		return
	}
	for _, a := range list {
		d.b = append(d.b, "<upnp:albumArtURI"...)
		if a.Profile != "" {
			d.b = xmltext.AppendAttr(d.b, "dlna:profileID", a.Profile)
		}
		d.b = append(d.b, '>')
		d.b = xmltext.Append(d.b, a.URL)
		d.b = append(d.b, "</upnp:albumArtURI>"...)
	}
}

func (d *Document) optional(name, value string) {
	if value != "" && d.filter.Has(name) {
		d.b = xmltext.AppendElement(d.b, name, value)
	}
}

func (d *Document) resource(r *upnpav.Resource, subtitles string) {
	d.b = append(d.b, "<res"...)
	d.b = xmltext.AppendAttr(d.b, "protocolInfo", r.ProtocolInfo)
	if r.Size > 0 && d.filter.Has("res@size") {
		d.b = append(d.b, ` size="`...)
		d.b = strconv.AppendUint(d.b, r.Size, 10)
		d.b = append(d.b, '"')
	}
	d.optionalAttribute("duration", "res@duration", r.Duration)
	if r.Bitrate > 0 && d.filter.Has("res@bitrate") {
		d.b = append(d.b, ` bitrate="`...)
		d.b = strconv.AppendUint(d.b, uint64(r.Bitrate), 10)
		d.b = append(d.b, '"')
	}
	d.optionalAttribute("resolution", "res@resolution", r.Resolution)
	if subtitles != "" && d.filter.Has("res@pv:subtitleFileUri") {
		d.b = xmltext.AppendAttr(d.b, "xmlns:pv", pvSpace)
		d.b = xmltext.AppendAttr(d.b, "pv:subtitleFileType", "SRT")
		d.b = xmltext.AppendAttr(d.b, "pv:subtitleFileUri", subtitles)
	}
	d.b = append(d.b, '>')
	d.b = xmltext.Append(d.b, r.URL)
	d.b = append(d.b, "</res>"...)
}

func (d *Document) optionalAttribute(name, property, value string) {
	if value != "" && d.filter.Has(property) {
		d.b = xmltext.AppendAttr(d.b, name, value)
	}
}
