package search

import (
	"strings"
	"testing"
)

// thing is an Object.
type thing map[string]string

func (t thing) Property(name string) (string, bool) {
	v, has := t[name]
	return v, has
}

var film = thing{
	"@id": "f1", "@parentID": "0$films", "dc:title": `The "Big" Sleep \ 1946`, "upnp:class": "object.item.videoItem.movie",
	"upnp:genre": "Noir", "res@size": "353455", "res@duration": "01:54:00.000",
}

func TestMatch(t *testing.T) {
	for criteria, want := range map[string]bool{
		"*":   true,
		"":    true,
		" * ": true,
		`upnp:class = "object.item.videoItem.movie"`:           true,
		`upnp:class derivedfrom "object.item.videoItem"`:       true,
		`upnp:class derivedFrom "object.item.videoItem"`:       true,
		`upnp:class derivedfrom "object.item.video"`:           false, // the class is another
		`upnp:class derivedfrom "object.item.videoItem.movie"`: true,
		`upnp:class derivedfrom "object.item.audioItem"`:       false,
		`upnp:class = "object.item.videoItem"`:                 false,
		`upnp:class != "object.item.videoItem"`:                true,
		`dc:title contains "big"`:                              true,
		`dc:title contains "\"BIG\""`:                          true,
		`dc:title contains "\\ 19"`:                            true,
		`dc:title doesNotContain "big"`:                        false,
		`dc:title doesNotContain "small"`:                      true,
		`dc:title startsWith "the"`:                            true,
		`dc:title startsWith "big"`:                            false,
		`dc:title = "x"`:                                       false,
		`upnp:genre="noir"`:                                    true, // without spaces
		`res@size > "99"`:                                      true, // as numbers
		`res@size >= "353455" and res@size <= "353455.0"`:      true,
		`res@size < "1e9"`:                                     false, // 1e9 is a text
		`res@duration > "0:20:00"`:                             true,
		`res@duration < "2:00:00"`:                             true,
		`res@duration < "01:53:59.999"`:                        false,
		`@refID exists false`:                                  true,
		`@refID exists true`:                                   false,
		`@id exists true`:                                      true,
		`@id exists "true"`:                                    true,
		// 2.5.5.1: a value query for a property that is not there is false.
		`dc:creator = ""`:                                                          false,
		`dc:creator != "x"`:                                                        false,
		`dc:creator doesNotContain "x"`:                                            false,
		`dc:title contains "big" and upnp:genre = "War"`:                           false,
		`dc:title contains "big" or upnp:genre = "War"`:                            true,
		`upnp:genre = "War" and @id = "x" or dc:title contains "b"`:                true, // and binds closer
		`dc:title contains "b" or upnp:genre = "War" and @id = "x"`:                true,
		`(dc:title contains "b" or upnp:genre = "War") and @id = "x"`:              false,
		`( ( dc:title contains "b" ) )`:                                            true,
		`(upnp:class derivedfrom "object.item.videoItem") and @refID exists false`: true, // Windows Media Player
		"\t(upnp:genre = \"Noir\")\r\nand\v@id\f=\"f1\" ":                          true,
		`(@id="f1")AND(@id="f1")`:                                                  true,
	} {
		c, err := Parse(criteria)
		if err != nil {
			t.Errorf("%s: %v", criteria, err)
		} else if got := c.Match(film); got != want {
			t.Errorf("%s: %v, want %v", criteria, got, want)
		}
	}
}

func TestBadCriteria(t *testing.T) {
	for criteria, want := range map[string]string{
		"x": "name of a property", "dc:title": "name of a property", `dc:title "x"`: "operator", `dc:title = x`: "value in quotation marks",
		`dc:title = "x`: "not closed", `dc:title = "x\"`: "not closed", `(dc:title = "x"`: "bracket is not closed", `dc:title = "x")`: "or the end is missing",
		`dc:title = "x" @id = "y"`: "or the end is missing", `dc:title = "x" and`: "or the end is missing", `dc:title = "x" and *`: "operator",
		`@id exists maybe`: "true or false", `@id exists trueish`: "true or false", `@id exists "true`: "true or false", `= "x"`: "name of a property",
		`dc:title like "x"`: "operator", "()": "name of a property", `dc:title = "x" or or @id = "y"`: "operator",
		strings.Repeat("(", MaxDepth+1) + `@id = "x"` + strings.Repeat(")", MaxDepth+1): "more than 32 brackets",
		`@id = "x"` + strings.Repeat(` or @id = "x"`, MaxTerms):                         "more than 128 terms",
		`@id = "` + strings.Repeat("x", MaxLength) + `"`:                                "more than 4096 bytes",
	} {
		_, err := Parse(criteria)
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "missing") || len(err.Error()) > 200 {
			t.Errorf("%.60s: %v, want %q", criteria, err, want)
		}
	}
	deep := strings.Repeat("(", MaxDepth) + `@id = "f1"` + strings.Repeat(")", MaxDepth)
	if c, err := Parse(deep); err != nil || !c.Match(film) {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// What is written down reads the same and finds the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"*", `dc:title contains "a\"b\\" and (upnp:class derivedfrom "object.item" or @refID exists false)`,
		`res@size >= "10" or res@duration < "0:01:00" and upnp:genre != "x"`, `((@id="f1"))`, `a = "b" or c = "d" or e = "f"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			return
		}
		written := c.String()
		if len(written) > MaxLength {
			return // brackets for clarity have made it longer
		}
		again, err := Parse(written)
		if err != nil && strings.Contains(err.Error(), "more than") {
			return
		}
		if err != nil || again.String() != written {
			t.Fatalf("%q became %q, then %q, %v", s, written, again, err)
		}
		for _, o := range []thing{film, {}, {"a": "b", "c": "x"}} {
			if c.Match(o) != again.Match(o) {
				t.Fatalf("%q and %q differ on %v", s, written, o)
			}
		}
	})
}
