package didl

import (
	"fmt"
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		filter   string
		has, not string
	}{
		{"*", "res res@size dc:date upnp:genre", ""},
		{"", "res res@size dc:date upnp:genre", ""},
		{" * ", "res res@size", ""},
		{"dc:title,*", "res res@size", ""},
		{"dc:title,upnp:class", "dc:title", "res res@size dc:date upnp:albumArtURI"},
		{"res@size", "res res@size", "res@duration dc:date"},
		{"res", "res", "res@size res@duration"},
		{" res@duration , upnp:albumArtURI ,,", "res res@duration upnp:albumArtURI", "res@size"},
		{"@childCount,container@searchable", "@childCount container container@searchable", "@searchable res"},
	} {
		f := ParseFilter(c.filter)
		for name := range strings.FieldsSeq(c.has) {
			if !f.Has(name) {
				t.Errorf("filter %q keeps %s out", c.filter, name)
			}
		}
		for name := range strings.FieldsSeq(c.not) {
			if f.Has(name) {
				t.Errorf("filter %q lets %s pass", c.filter, name)
			}
		}
	}
	if !(Filter{}).Has("res") {
		t.Error("the zero filter keeps something out")
	}
}

func TestFilterIsBounded(t *testing.T) {
	var names []string
	for n := range 10000 {
		names = append(names, fmt.Sprintf("x%d@y", n))
	}
	if got := len(ParseFilter(strings.Join(names, ",")).names); got > 2*maxFilter {
		t.Errorf("%d names kept of a filter", got)
	}
}

// What DIDL-Lite demands is there whatever the filter says.
func TestFilteredObjects(t *testing.T) {
	d := New(ParseFilter("dc:date"))
	d.Container(folder())
	d.Item(film())
	got := d.String()
	for _, want := range []string{
		`<container id="0$&quot;x&quot;" parentID="0" restricted="1" childCount="3"><dc:title>Channels</dc:title><upnp:class>`,
		`<item id="f1" parentID="0$films" restricted="1"><dc:title>Tom`, `<dc:date>2026-03-01</dc:date></item>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	for _, no := range []string{"<res", "albumArtURI", "searchable", "genre", "artist"} {
		if strings.Contains(got, no) {
			t.Errorf("%s is there in\n%s", no, got)
		}
	}
	d = New(ParseFilter("res@duration"))
	d.Item(film())
	if got := d.String(); !strings.Contains(got, `<res protocolInfo="http-get:*:video/mp4:DLNA.ORG_OP=01" duration="00:00:24.000">http`) {
		t.Errorf("got\n%s", got)
	}
}
