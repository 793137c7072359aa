package guide

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	maxDepth   = 16 // of elements; XMLTV has five
	maxTitle   = 200
	maxSummary = 2000
	maxAliases = 20_000 // channels that one source names
	maxID      = 200    // bytes of a channel's name for programs; what is longer is none
)

// readXMLTV adds the broadcasts of an XMLTV document (its DTD, version 0.5 and later): elements
// channel with display-names, then elements programme.
func readXMLTV(r *bounded, to *collector) error {
	d := xml.NewDecoder(r)
	d.CharsetReader = charset
	r.more()
	aliases := map[string][]string{}
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if depth == 0 && len(aliases) == 0 && to.n == 0 {
				return errors.New("there is no XMLTV in it")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line(d), err)
		}
		r.more()
		switch element := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("line %d: its elements lie in each other more than %d deep", line(d), maxDepth)
			}
			switch {
			case depth == 1 && element.Name.Local != "tv":
				return fmt.Errorf("it begins with <%s>, XMLTV with <tv>", shortened(element.Name.Local, 40))
			case depth == 2:
				if err := readElement(d, r, element, aliases, to); err != nil {
					return fmt.Errorf("line %d: %w", line(d), err)
				}
				depth--
			}
		case xml.EndElement:
			depth--
		}
	}
}

func line(d *xml.Decoder) int { n, _ := d.InputPos(); return n }

// readElement reads one channel or programme to its end.
func readElement(d *xml.Decoder, r *bounded, start xml.StartElement, aliases map[string][]string, to *collector) error {
	texts, err := children(d, r)
	if err != nil {
		return err
	}
	switch start.Name.Local {
	case "channel":
		if id := attribute(start, "id"); len(aliases) < maxAliases && len(id) <= maxID {
			aliases[id] = to.find(append(texts["display-name"], id)...)
		}
	case "programme":
		id := attribute(start, "channel")
		ids, known := aliases[id]
		if !known {
			ids = to.find(id)
		}
		if len(ids) == 0 || len(texts["title"]) == 0 {
			return nil
		}
		p := Programme{Title: shortened(texts["title"][0], maxTitle)}
		if len(texts["desc"]) > 0 {
			p.Description = shortened(texts["desc"][0], maxSummary)
		}
		var ok bool
		if p.Start, ok = parseTime(attribute(start, "start")); !ok {
			return nil // one broadcast without a time costs itself
		}
		p.End, _ = parseTime(attribute(start, "stop"))
		to.add(ids, p)
	}
	return nil
}

// children are the texts of the children of the element that was begun, by their names; it
// reads to its end.
func children(d *xml.Decoder, r *bounded) (map[string][]string, error) {
	texts := map[string][]string{}
	var text strings.Builder
	for depth, name := 0, ""; ; {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		r.more()
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("its elements lie in each other more than %d deep", maxDepth)
			}
			if depth == 1 {
				name = t.Name.Local
				text.Reset()
			}
		case xml.CharData:
			if depth == 1 && text.Len() < maxToken {
				text.Write(t)
			}
		case xml.EndElement:
			if depth == 0 {
				return texts, nil
			}
			if depth--; depth == 0 && interesting(name) && len(texts[name]) < 16 {
				texts[name] = append(texts[name], strings.Join(strings.Fields(text.String()), " "))
			}
		}
	}
}

func interesting(name string) bool {
	return name == "display-name" || name == "title" || name == "desc"
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// parseTime reads "YYYYMMDDhhmmss +hhmm", of which the end may be missing.
func parseTime(text string) (time.Time, bool) {
	digits, zone, zoned := strings.Cut(strings.TrimSpace(text), " ")
	const layout = "20060102150405"
	if len(digits) < 8 || len(digits) > len(layout) || len(digits)%2 != 0 {
		return time.Time{}, false
	}
	form := layout[:len(digits)]
	if zoned {
		digits, form = digits+strings.TrimSpace(zone), form+"-0700"
		if !strings.ContainsAny(zone, "+-") {
			form = layout[:len(form)-5] + "MST"
		}
	}
	t, err := time.Parse(form, digits)
	return t.Local(), err == nil
}

// shortened cuts a text at a character.
func shortened(text string, n int) string {
	if len(text) <= n {
		return strings.Clone(text)
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return strings.Clone(text[:n])
}

// charset reads the encodings beside UTF-8 that guides come in.
func charset(name string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii":
		return input, nil
	case "iso-8859-1", "latin1", "iso-8859-15", "windows-1252":
		return &latin{from: input}, nil
	}
	return nil, fmt.Errorf("it is written in %q; UTF-8 and ISO-8859-1 are understood", shortened(name, 40))
}

// latin turns ISO-8859-1 into UTF-8.
type latin struct {
	from io.Reader
	buf  [1024]byte
	rest []byte
}

// Read implements io.Reader.
func (l *latin) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		n, err := l.from.Read(l.buf[:])
		if n == 0 {
			return 0, err
		}
		for _, c := range l.buf[:n] {
			l.rest = append(l.rest, string(rune(c))...)
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
