package ppsp

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseLink holds that every accepted link survives String and ParseLink unchanged, is
// within its bounds, and that every refusal points inside the link.
func FuzzParseLink(f *testing.F) {
	f.Add("ppsp:film/" + filmID)
	f.Add("ppsp:live/" + liveID + "?i=signall&rate=5&t=%D7%A9&peer=[::1]:1&tr=http://a/%3Fb&x-a=1")
	f.Add("PPSP:film/" + strings.ToUpper(sha1ID) + "?h=sha1&a=bin64&c=8192&len=7&type=Video/MP4&logo=https://a/b&g=é+")
	f.Add("ppsp:film/" + filmID + "?dur=24.04&len=366100")
	f.Add("ppsp:film/" + filmID + "?dur=1e3")
	f.Add("ppsp:film/" + filmID + "?t=%zz#")
	f.Add("ppsp:?:/")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLink(s)
		if err != nil {
			var e *LinkError
			if !errors.As(err, &e) {
				t.Fatalf("%T is not a *LinkError", err)
			}
			if e.Offset < 0 || e.Offset > utf8.RuneCountInString(s) || !strings.Contains(s, e.Part) || e.Reason == "" {
				t.Fatalf("%+v points outside %q", e, s)
			}
			return
		}
		if err := l.Metadata.Validate(); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if l.Kind != l.Metadata.Kind() {
			t.Fatalf("kind %v, metadata says %v", l.Kind, l.Metadata.Kind())
		}
		if len(l.Trackers) > MaxLinkTrackers || len(l.Peers) > MaxLinkPeers || len(l.Title) > MaxLinkText {
			t.Fatalf("out of bounds: %+v", l)
		}
		text := l.String()
		if len(text) > MaxLink {
			return // unencoded letters grow when they are encoded; Validate says so
		}
		back, err := ParseLink(text)
		if err != nil {
			t.Fatalf("%q became %q: %v", s, text, err)
		}
		if !reflect.DeepEqual(back, l) || back.String() != text {
			t.Fatalf("%q became %q:\n%+v\n%+v", s, text, l, back)
		}
	})
}

// FuzzLinkTitle holds that any title is either carried unchanged or refused by Validate.
func FuzzLinkTitle(f *testing.F) {
	for _, s := range []string{"Q&A", "100 %", "Канал+", "👩\u200d🚀", "\u202eevil", "a\nb", "\xff", "\uFFFD", "="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, title string) {
		l := NewLink(StaticDefaults(SwarmID(strings.Repeat("r", 32))))
		l.Title = title
		back, err := ParseLink(l.String())
		if (err == nil) != (l.Validate() == nil) {
			t.Fatalf("%q: ParseLink says %v, Validate %v", title, err, l.Validate())
		}
		if err == nil && back.Title != title {
			t.Fatalf("%q came back as %q", title, back.Title)
		}
	})
}
