package didl

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/dms/upnpav"
)

const head = `<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
	` xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/" xmlns:dlna="urn:schemas-dlna-org:metadata-1-0/" xmlns:sec="http://www.sec.co.kr/">`

func film() *upnpav.Item {
	return &upnpav.Item{
		Object: upnpav.Object{
			ID: "f1", ParentID: "0$films", Restricted: 1, Title: `Tom & "Jerry" <1> 📺 שלום`, Class: "object.item.videoItem.movie",
			Genre: "Cartoons", AlbumArtURI: "http://192.168.1.2:8088/logo?a=1&b=2", Icon: "http://192.168.1.2:8088/icon",
			Artist: "A", Album: "B", Date: upnpav.Timestamp{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		},
		Res: []upnpav.Resource{{
			ProtocolInfo: "http-get:*:video/mp4:DLNA.ORG_OP=01", URL: "http://192.168.1.2:8088/dlna/media/f1.mp4?a&b",
			Size: 353455, Bitrate: 58000, Duration: "00:00:24.000", Resolution: "640x360",
		}},
	}
}

func folder() *upnpav.Container {
	return &upnpav.Container{ChildCount: 3, Object: upnpav.Object{
		ID: `0$"x"`, ParentID: "0", Restricted: 1, Title: "Channels", Class: "object.container.storageFolder",
		SearchXML: "<upnp:storageUsed>-1</upnp:storageUsed>",
	}}
}

func TestItem(t *testing.T) {
	d := New(Filter{})
	d.Item(film())
	want := head + `<item id="f1" parentID="0$films" restricted="1">` +
		`<dc:title>Tom &amp; "Jerry" &lt;1&gt; 📺 שלום</dc:title><upnp:class>object.item.videoItem.movie</upnp:class>` +
		`<dc:date>2026-03-01</dc:date><upnp:artist>A</upnp:artist><upnp:album>B</upnp:album><upnp:genre>Cartoons</upnp:genre>` +
		`<upnp:albumArtURI>http://192.168.1.2:8088/logo?a=1&amp;b=2</upnp:albumArtURI><upnp:icon>http://192.168.1.2:8088/icon</upnp:icon>` +
		`<res protocolInfo="http-get:*:video/mp4:DLNA.ORG_OP=01" size="353455" duration="00:00:24.000" bitrate="58000" resolution="640x360">` +
		`http://192.168.1.2:8088/dlna/media/f1.mp4?a&amp;b</res></item></DIDL-Lite>`
	if got := d.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestItemLeavesOutWhatIsNotKnown(t *testing.T) {
	d := New(Filter{})
	d.Item(&upnpav.Item{
		Object: upnpav.Object{ID: "c1", ParentID: "0$channels", Restricted: 1, Title: "One", Class: "object.item.videoItem"},
		Res:    []upnpav.Resource{{ProtocolInfo: "http-get:*:video/mpeg:*", URL: "http://h/c1.ts"}},
	})
	want := head + `<item id="c1" parentID="0$channels" restricted="1"><dc:title>One</dc:title><upnp:class>object.item.videoItem</upnp:class>` +
		`<res protocolInfo="http-get:*:video/mpeg:*">http://h/c1.ts</res></item></DIDL-Lite>`
	if got := d.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestContainer(t *testing.T) {
	d := New(Filter{})
	d.Container(folder())
	want := head + `<container id="0$&quot;x&quot;" parentID="0" restricted="1" childCount="3" searchable="0"><dc:title>Channels</dc:title>` +
		`<upnp:class>object.container.storageFolder</upnp:class><upnp:storageUsed>-1</upnp:storageUsed></container></DIDL-Lite>`
	if got := d.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEmptyDocument(t *testing.T) {
	if got := New(Filter{}).String(); got != head+"</DIDL-Lite>" {
		t.Errorf("got %s", got)
	}
}

// Every title, whatever is in it, comes back from a reader of XML.
func FuzzItem(f *testing.F) {
	f.Add("First light", "*")
	f.Add(`]]>&#34;<"'`, "res@size,dc:date")
	f.Fuzz(func(t *testing.T, title, filter string) {
		i := film()
		i.Title = title
		d := New(ParseFilter(filter))
		d.Item(i)
		var back struct {
			Items []struct {
				ID    string `xml:"id,attr"`
				Title string `xml:"http://purl.org/dc/elements/1.1/ title"`
				Class string `xml:"urn:schemas-upnp-org:metadata-1-0/upnp/ class"`
			} `xml:"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/ item"`
		}
		if err := xml.Unmarshal([]byte(d.String()), &back); err != nil {
			t.Fatalf("%s: %v", d.String(), err)
		}
		if len(back.Items) != 1 || back.Items[0].ID != "f1" || back.Items[0].Class != i.Class {
			t.Fatalf("%q breaks out: %s", title, d.String())
		}
		if strings.Trim(title, "abcdefghijklmnopqrstuvwxyz <>&\"'") == "" && back.Items[0].Title != title {
			t.Fatalf("title %q became %q", title, back.Items[0].Title)
		}
	})
}
