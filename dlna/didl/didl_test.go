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

func film() *Item {
	return &Item{Item: upnpav.Item{
		Object: upnpav.Object{
			ID: "f1", ParentID: "0$films", Restricted: 1, Title: `Tom & "Jerry" <1> 📺 שלום`, Class: "object.item.videoItem.movie",
			Genre: "Cartoons", Icon: "http://192.168.1.2:8088/icon",
			Artist: "A", Album: "B", Date: upnpav.Timestamp{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		},
		Res: []upnpav.Resource{{
			ProtocolInfo: "http-get:*:video/mp4:DLNA.ORG_OP=01", URL: "http://192.168.1.2:8088/dlna/media/f1.mp4?a&b",
			Size: 353455, Bitrate: 58000, Duration: "00:00:24.000", Resolution: "640x360",
		}},
	}, Art: []Art{{URL: "http://192.168.1.2:8088/logo?a=1&b=2"}}}
}

// whole has everything that an item can have.
func whole() *Item {
	i := film()
	i.RefID, i.Description, i.LastPlayed = "f0", "20:00 News & \"more\"", "00:20:00.000"
	i.Art = append(i.Art, Art{URL: "http://h/tn.jpg", Profile: "JPEG_TN"})
	i.Captions = []Caption{{URL: "http://h/f1.srt?a&b", Type: "srt"}}
	i.SamsungInfo, i.SubtitleURI = "CREATIONDATE=0,FOLDER=Tom & Jerry,BM=1200", "http://h/f1.srt"
	i.Res = append(i.Res, upnpav.Resource{ProtocolInfo: "http-get:*:text/srt:*", URL: "http://h/f1.srt"})
	return i
}

func folder() *Container {
	return &Container{StorageUsed: true, Container: upnpav.Container{ChildCount: 3, Object: upnpav.Object{
		ID: `0$"x"`, ParentID: "0", Restricted: 1, Title: "Channels", Class: "object.container.storageFolder",
	}}}
}

func TestItem(t *testing.T) {
	d := New(Filter{})
	d.Item(film())
	want := head + `<item id="f1" parentID="0$films" restricted="1">` +
		`<dc:title>Tom &amp; "Jerry" &lt;1&gt; 📺 שלום</dc:title><upnp:class>object.item.videoItem.movie</upnp:class>` +
		`<dc:date>2026-03-01</dc:date><upnp:artist>A</upnp:artist><upnp:album>B</upnp:album><upnp:genre>Cartoons</upnp:genre>` +
		`<upnp:icon>http://192.168.1.2:8088/icon</upnp:icon><upnp:albumArtURI>http://192.168.1.2:8088/logo?a=1&amp;b=2</upnp:albumArtURI>` +
		`<res protocolInfo="http-get:*:video/mp4:DLNA.ORG_OP=01" size="353455" duration="00:00:24.000" bitrate="58000" resolution="640x360">` +
		`http://192.168.1.2:8088/dlna/media/f1.mp4?a&amp;b</res></item></DIDL-Lite>`
	if got := d.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestItemLeavesOutWhatIsNotKnown(t *testing.T) {
	d := New(Filter{})
	d.Item(&Item{Item: upnpav.Item{
		Object: upnpav.Object{ID: "c1", ParentID: "0$channels", Restricted: 1, Title: "One", Class: "object.item.videoItem"},
		Res:    []upnpav.Resource{{ProtocolInfo: "http-get:*:video/mpeg:*", URL: "http://h/c1.ts"}},
	}})
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

func TestWholeItem(t *testing.T) {
	d := New(Filter{})
	d.Item(whole())
	want := head + `<item id="f1" refID="f0" parentID="0$films" restricted="1">` +
		`<dc:title>Tom &amp; "Jerry" &lt;1&gt; 📺 שלום</dc:title><upnp:class>object.item.videoItem.movie</upnp:class>` +
		`<dc:date>2026-03-01</dc:date><upnp:artist>A</upnp:artist><upnp:album>B</upnp:album><upnp:genre>Cartoons</upnp:genre>` +
		`<upnp:icon>http://192.168.1.2:8088/icon</upnp:icon>` +
		`<dc:description>20:00 News &amp; "more"</dc:description><upnp:albumArtURI>http://192.168.1.2:8088/logo?a=1&amp;b=2</upnp:albumArtURI>` +
		`<upnp:albumArtURI dlna:profileID="JPEG_TN">http://h/tn.jpg</upnp:albumArtURI>` +
		`<upnp:lastPlaybackPosition>00:20:00.000</upnp:lastPlaybackPosition>` +
		`<res protocolInfo="http-get:*:video/mp4:DLNA.ORG_OP=01" size="353455" duration="00:00:24.000" bitrate="58000" resolution="640x360"` +
		` xmlns:pv="http://www.pv.com/pvns/" pv:subtitleFileType="SRT" pv:subtitleFileUri="http://h/f1.srt">` +
		`http://192.168.1.2:8088/dlna/media/f1.mp4?a&amp;b</res><res protocolInfo="http-get:*:text/srt:*">http://h/f1.srt</res>` +
		`<sec:CaptionInfoEx sec:type="srt">http://h/f1.srt?a&amp;b</sec:CaptionInfoEx>` +
		`<sec:dcmInfo>CREATIONDATE=0,FOLDER=Tom &amp; Jerry,BM=1200</sec:dcmInfo></item></DIDL-Lite>`
	if got := d.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d = New(ParseFilter("dc:title"))
	d.Item(whole())
	want = head + `<item id="f1" parentID="0$films" restricted="1"><dc:title>Tom &amp; "Jerry" &lt;1&gt; 📺 שלום</dc:title>` +
		`<upnp:class>object.item.videoItem.movie</upnp:class></item></DIDL-Lite>`
	if got := d.String(); got != want {
		t.Errorf("filtered\n%s\nwant\n%s", got, want)
	}
}

// back is an item as a reader of XML sees it.
type back struct {
	ID       string   `xml:"id,attr"`
	RefID    string   `xml:"refID,attr"`
	Title    string   `xml:"http://purl.org/dc/elements/1.1/ title"`
	Class    string   `xml:"urn:schemas-upnp-org:metadata-1-0/upnp/ class"`
	Text     string   `xml:"http://purl.org/dc/elements/1.1/ description"`
	Genre    string   `xml:"urn:schemas-upnp-org:metadata-1-0/upnp/ genre"`
	Art      []string `xml:"urn:schemas-upnp-org:metadata-1-0/upnp/ albumArtURI"`
	Info     string   `xml:"http://www.sec.co.kr/ dcmInfo"`
	Captions []string `xml:"http://www.sec.co.kr/ CaptionInfoEx"`
	Res      []struct {
		Info     string `xml:"protocolInfo,attr"`
		Subtitle string `xml:"http://www.pv.com/pvns/ subtitleFileUri,attr"`
		URL      string `xml:",chardata"`
	} `xml:"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/ res"`
}

// Every text, whatever is in it, comes back from a reader of XML, and where it was put.
func FuzzItem(f *testing.F) {
	f.Add("First light", "http://h/a?b&c", "*")
	f.Add(`]]>&#34;<"'`, "\x00\xff\t\r\n", "res@size,dc:date")
	f.Add("</dc:title>", `" x="`, "sec:CaptionInfoEx,res@pv:subtitleFileUri,@refID")
	f.Fuzz(func(t *testing.T, text, attribute, filter string) {
		i := whole()
		i.ID, i.RefID, i.SubtitleURI, i.Res[0].ProtocolInfo = attribute, attribute, attribute, attribute
		i.Title, i.Description, i.Genre, i.SamsungInfo = text, text, text, text
		i.Art[0].URL, i.Captions[0].URL, i.Res[0].URL, i.Res[1].URL = text, text, text, text
		d := New(ParseFilter(filter))
		d.Item(i)
		d.Container(folder())
		var read struct {
			Items      []back     `xml:"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/ item"`
			Containers []struct{} `xml:"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/ container"`
		}
		if err := xml.Unmarshal([]byte(d.String()), &read); err != nil {
			t.Fatalf("%s: %v", d.String(), err)
		}
		if len(read.Items) != 1 || len(read.Containers) != 1 {
			t.Fatalf("%q breaks out: %s", text, d.String())
		}
		got, want := read.Items[0], shown(text)
		if got.ID != strings.NewReplacer("\t", " ", "\n", " ").Replace(shown(attribute)) || got.Title != want {
			t.Fatalf("ID %q, title %q of %q, %q", got.ID, got.Title, attribute, text)
		}
		if filter == "*" && (got.Text != want || got.Info != want || got.Art[0] != want || got.Captions[0] != want || got.Res[0].URL != want) {
			t.Fatalf("%+v, want %q everywhere", got, want)
		}
	})
}

// shown is what XML can tell of a text: characters that it does not allow are replaced.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, replaceEach(text))
}

// replaceEach replaces every byte that is not UTF-8 by a character of its own.
func replaceEach(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
	}
	return b.String()
}
