package lastchange

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// events are what renderers send: the first is gmediarender's, written out.
var events = map[string]string{
	"gmediarender": `<?xml version="1.0"?><e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"><e:property><LastChange>` +
		`&lt;Event xmlns="urn:schemas-upnp-org:metadata-1-0/AVT/"&gt;&lt;InstanceID val="0"&gt;&lt;TransportState val="PLAYING"/&gt;` +
		`&lt;AVTransportURI val="http://192.168.77.10:8088/dlna/to/a/b.ts?x=1&amp;amp;y=2"/&gt;&lt;/InstanceID&gt;&lt;/Event&gt;` +
		`</LastChange></e:property></e:propertyset>`,
	"CDATA": `<propertyset><property><LastChange><![CDATA[<Event><InstanceID val="0"><Volume channel="Master" val="35"/><Volume Channel="LF" val="1"/></InstanceID></Event>]]></LastChange></property></propertyset>`,
	"two instances": `<p><property><LastChange>&lt;Event&gt;&lt;InstanceID val="1"&gt;&lt;TransportState val="STOPPED"/&gt;&lt;/InstanceID&gt;` +
		`&lt;InstanceID val="0"&gt;&lt;TransportState val="PAUSED_PLAYBACK"/&gt;&lt;/InstanceID&gt;&lt;/Event&gt;</LastChange></property></p>`,
	"bare ampersand": `<p><property><LastChange>&lt;Event&gt;&lt;InstanceID val="0"&gt;&lt;CurrentTrackURI val="http://a/?x=1&amp;y=2"/&gt;&lt;/InstanceID&gt;&lt;/Event&gt;</LastChange></property></p>`,
}

func TestParse(t *testing.T) {
	for name, want := range map[string][]Change{
		"gmediarender":   {{"TransportState", "", "PLAYING"}, {"AVTransportURI", "", "http://192.168.77.10:8088/dlna/to/a/b.ts?x=1&y=2"}},
		"CDATA":          {{"Volume", "Master", "35"}, {"Volume", "LF", "1"}},
		"two instances":  {{"TransportState", "", "PAUSED_PLAYBACK"}},
		"bare ampersand": {{"CurrentTrackURI", "", "http://a/?x=1&y=2"}},
	} {
		if got, err := Parse([]byte(events[name])); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	wrap := func(s string) []byte {
		return []byte("<p><property><LastChange><![CDATA[<Event><InstanceID val='0'>" + s + "</InstanceID></Event>]]></LastChange></property></p>")
	}
	if got, err := Parse(wrap(strings.Repeat("<A val='1'/>", 2*maxChanges))); err != nil || len(got) != maxChanges {
		t.Errorf("%d changes, %v", len(got), err)
	}
	if got, err := Parse(wrap("<A val='" + strings.Repeat("x", maxValue+1) + "'/><B val='1'/>")); err != nil || len(got) != 1 || got[0].Name != "B" {
		t.Errorf("%d changes, %v: a long value is no reason to lose the rest", len(got), err)
	}
	if _, err := Parse(wrap(strings.Repeat("<A>", 100))); err == nil {
		t.Error("any depth is taken")
	}
	if _, err := Parse([]byte(strings.Repeat("<A>", 100))); err == nil {
		t.Error("any depth is taken outside")
	}
	if _, err := Parse(make([]byte, MaxEvent+1)); err == nil {
		t.Error("any length is taken")
	}
	if got, err := Parse([]byte("<p><property><Other>1</Other></property></p>")); err != nil || len(got) != 0 {
		t.Errorf("an event of another kind: %+v, %v", got, err)
	}
}

// AVTransport:1, 2.2.15: "H+:MM:SS[.F+] or H+:MM:SS[.F0/F1]".
func TestTime(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0:00:00": 0, "00:01:02": 62 * time.Second, "1:04:09.5": time.Hour + 4*time.Minute + 9*time.Second + 500*time.Millisecond,
		" 0:00:24.000 ": 24 * time.Second, "100:00:00": 100 * time.Hour, "0:00:01.1/2": time.Second,
	} {
		if got, ok := Time(in); !ok || got != want {
			t.Errorf("Time(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "NOT_IMPLEMENTED", "12", "1:2", "0:60:00", "0:00:60", "-0:00:01", "1:2:3:4", "9999999:00:00", "0:0x1:00"} {
		if got, ok := Time(in); ok {
			t.Errorf("Time(%q) = %v", in, got)
		}
	}
}

func TestFormatTime(t *testing.T) {
	for in, want := range map[time.Duration]string{0: "0:00:00", -5: "0:00:00", 62*time.Second + 900*time.Millisecond: "0:01:02", 27*time.Hour + 1: "27:00:00"} {
		if got := FormatTime(in); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range events {
		f.Add([]byte(e))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		changes, _ := Parse(body)
		if len(changes) > maxChanges {
			t.Errorf("%d changes", len(changes))
		}
		for _, c := range changes {
			if len(c.Value) > maxValue || len(c.Channel) > maxValue || c.Name == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

// What Time reads, FormatTime writes again, but for fractions.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"0:00:00", "1:04:09.5", "NOT_IMPLEMENTED", "1:00:00.99999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := Time(s)
		if !ok {
			return
		}
		if d < 0 || d > (maxHours+1)*time.Hour {
			t.Errorf("Time(%q) = %v", s, d)
		}
		if again, ok := Time(FormatTime(d)); !ok || again != d.Truncate(time.Second) {
			t.Errorf("Time(%q) = %v, written %s, read %v", s, d, FormatTime(d), again)
		}
	})
}
