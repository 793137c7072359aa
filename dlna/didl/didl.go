// Package didl writes DIDL-Lite, the XML in which a ContentDirectory tells of its objects
// (ContentDirectory:1, 2.8).
//
// The objects are the types of dms. They are written by hand, since the encoder that they
// were made for gives every object a date of the year 1 and quotation marks that some
// television sets don't read, and takes ten times as long.
package didl

import (
	"slices"
	"strconv"

	"github.com/anacrolix/dms/upnpav"
	"github.com/swarmgate/swarmgate/dlna/xmltext"
)

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
)

// New makes a document for a control point that asked for the properties of the filter.
func New(f Filter) *Document { return &Document{filter: f} }

// Reserve makes room for n objects at once.
func (d *Document) Reserve(n int) { d.b = slices.Grow(d.b, len(open)+n*objectSize+len(shut)) }

// objectSize is what an object of ours takes, in bytes.
const objectSize = 512

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
// says: some television sets take a container without it for an empty one. Its SearchXML,
// elements that the type has no field for, is taken as it is.
func (d *Document) Container(c *upnpav.Container) {
	d.begin()
	d.b = append(d.b, "<container"...)
	d.attributes(&c.Object)
	d.b = xmltext.AppendAttr(d.b, "childCount", strconv.Itoa(c.ChildCount))
	if d.filter.Has("@searchable") {
		d.b = xmltext.AppendAttr(d.b, "searchable", strconv.Itoa(c.Searchable))
	}
	d.b = append(d.b, '>')
	d.properties(&c.Object)
	d.b = append(d.b, c.SearchXML...)
	d.b = append(d.b, "</container>"...)
}

// Item adds an item with its resources.
func (d *Document) Item(i *upnpav.Item) {
	d.begin()
	d.b = append(d.b, "<item"...)
	d.attributes(&i.Object)
	d.b = append(d.b, '>')
	d.properties(&i.Object)
	if d.filter.Has("res") {
		for n := range i.Res {
			d.resource(&i.Res[n])
		}
	}
	d.b = append(d.b, "</item>"...)
}

func (d *Document) attributes(o *upnpav.Object) {
	d.b = xmltext.AppendAttr(d.b, "id", o.ID)
	d.b = xmltext.AppendAttr(d.b, "parentID", o.ParentID)
	d.b = xmltext.AppendAttr(d.b, "restricted", strconv.Itoa(o.Restricted))
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
	d.optional("upnp:albumArtURI", o.AlbumArtURI)
	d.optional("upnp:icon", o.Icon)
}

func (d *Document) optional(name, value string) {
	if value != "" && d.filter.Has(name) {
		d.b = xmltext.AppendElement(d.b, name, value)
	}
}

func (d *Document) resource(r *upnpav.Resource) {
	d.b = append(d.b, "<res"...)
	d.b = xmltext.AppendAttr(d.b, "protocolInfo", r.ProtocolInfo)
	if r.Size > 0 && d.filter.Has("res@size") {
		d.b = xmltext.AppendAttr(d.b, "size", strconv.FormatUint(r.Size, 10))
	}
	d.optionalAttribute("duration", r.Duration)
	if r.Bitrate > 0 && d.filter.Has("res@bitrate") {
		d.b = xmltext.AppendAttr(d.b, "bitrate", strconv.FormatUint(uint64(r.Bitrate), 10))
	}
	d.optionalAttribute("resolution", r.Resolution)
	d.b = append(d.b, '>')
	d.b = xmltext.Append(d.b, r.URL)
	d.b = append(d.b, "</res>"...)
}

func (d *Document) optionalAttribute(name, value string) {
	if value != "" && d.filter.Has("res@"+name) {
		d.b = xmltext.AppendAttr(d.b, name, value)
	}
}
