package xmltext

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, in, text, attr string }{
		{"plain", "First light", "First light", "First light"},
		{"empty", "", "", ""},
		{"markup", `<b>&"x"'`, `&lt;b&gt;&amp;"x"'`, `&lt;b&gt;&amp;&quot;x&quot;'`},
		{"emoji and right to left", "📺 שלום", "📺 שלום", "📺 שלום"},
		{"lines", "a\tb\nc\rd", "a\tb\nc&#xD;d", "a b c&#xD;d"},
		{"control characters", "a\x00b\x1bc", "a\uFFFDb\uFFFDc", "a\uFFFDb\uFFFDc"},
		{"broken UTF-8", "a\xffb\xc3", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD"},
		{"noncharacters", "\uFFFE\uFFFF", "\uFFFD\uFFFD", "\uFFFD\uFFFD"},
		{"the replacement itself", "\uFFFD", "\uFFFD", "\uFFFD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(Append([]byte("x"), c.in)); got != "x"+c.text {
				t.Errorf("text %q, want %q", got, "x"+c.text)
			}
			if got, want := string(AppendAttr(nil, "n", c.in)), ` n="`+c.attr+`"`; got != want {
				t.Errorf("attribute %q, want %q", got, want)
			}
			if got, want := string(AppendElement(nil, "dc:title", c.in)), "<dc:title>"+c.text+"</dc:title>"; got != want {
				t.Errorf("element %q, want %q", got, want)
			}
		})
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf = AppendElement(buf[:0], "a", `Tom & "Jerry" 📺`) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// The oracle is encoding/xml: what it reads back is what went in, up to the characters
// that XML cannot carry.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", `a<b>&"'`, "\x00\xff\r\n", "\uFFFE📺"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		doc := append([]byte("<r"), AppendAttr(nil, "a", s)...)
		doc = append(doc, '>')
		doc = append(Append(doc, s), "</r>"...)
		var got struct {
			Attr string `xml:"a,attr"`
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal(doc, &got); err != nil {
			t.Fatalf("%q gives %q: %v", s, doc, err)
		}
		want := allowed(s)
		if got.Text != want {
			t.Errorf("text %q, want %q", got.Text, want)
		}
		if want = strings.NewReplacer("\t", " ", "\n", " ").Replace(want); got.Attr != want {
			t.Errorf("attribute %q, want %q", got.Attr, want)
		}
	})
}

// allowed is the slow and plain way to replace what XML 1.0 (2.2) does not allow.
func allowed(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t', r == '\n', r == '\r',
			r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
			b.WriteRune(r)
		default:
			b.WriteRune('\uFFFD')
		}
	}
	return b.String()
}
