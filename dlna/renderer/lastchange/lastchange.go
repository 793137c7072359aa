// Package lastchange reads the events of a media renderer: the property set of a
// notification (UPnP Device Architecture 1.1, 4.3.2) and the LastChange in it (AVTransport:1,
// 2.3.1; RenderingControl:1, 2.3.1), and the times that its actions answer with.
package lastchange

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxEvent bounds a notification in bytes. Those with the metadata of a long list have 20 kB.
	MaxEvent = 128 << 10
	// maxChanges bounds the variables in one.
	maxChanges = 256
	maxDepth   = 16
	maxValue   = 4096 // bytes; longer ones are metadata, which we gave ourselves
)

// Change is one variable of instance 0 of a service.
type Change struct {
	Name    string // "TransportState"
	Channel string // of RenderingControl: "Master"; else empty
	Value   string
}

var errDeep = errors.New("too deeply nested")

// Parse reads the body of a NOTIFY and returns the changes in the order in which they come.
// A notification without a LastChange has none.
func Parse(body []byte) ([]Change, error) {
	if len(body) > MaxEvent {
		return nil, fmt.Errorf("event of more than %d bytes", MaxEvent)
	}
	inner, err := property(body)
	if err != nil || inner == "" {
		return nil, err
	}
	return changes([]byte(inner))
}

// property returns the text of the property LastChange.
func property(body []byte) (string, error) {
	d := decoder(body)
	var text strings.Builder
	inside, depth := false, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String(), nil
		}
		if err != nil {
			return "", fmt.Errorf("event: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return "", errDeep
			}
			inside = token.Name.Local == "LastChange"
		case xml.EndElement:
			depth--
			inside = false
		case xml.CharData:
			if inside {
				text.Write(token)
			}
		}
	}
}

// changes reads the document in a LastChange.
func changes(document []byte) ([]Change, error) {
	d := decoder(document)
	var list []Change
	ours, depth := false, 0
	for len(list) < maxChanges {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, fmt.Errorf("LastChange: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return list, errDeep
			}
			c := Change{Name: token.Name.Local}
			for _, a := range token.Attr {
				switch strings.ToLower(a.Name.Local) {
				case "val":
					c.Value = a.Value
				case "channel":
					c.Channel = a.Value
				}
			}
			if c.Name == "InstanceID" {
				ours = strings.TrimSpace(c.Value) == "0"
			} else if ours && len(c.Value) <= maxValue && len(c.Channel) <= maxValue {
				list = append(list, c)
			}
		case xml.EndElement:
			depth--
			if token.Name.Local == "InstanceID" {
				ours = false
			}
		}
	}
	return list, nil
}

func decoder(b []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(b, []byte("\uFFFD"))))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

// maxHours bounds a time; a renderer that counts further has lost itself.
const maxHours = 1000

// Time reads a time of AVTransport ("H+:MM:SS[.F+]" or "H+:MM:SS[.F0/F1]"; AVTransport:1, 2.2.15). It is
// false for NOT_IMPLEMENTED and whatever else is none.
func Time(s string) (time.Duration, bool) {
	parts := strings.Split(strings.TrimSpace(s), ":")
	if len(parts) != 3 {
		return 0, false
	}
	seconds, _, _ := strings.Cut(parts[2], "/")
	whole, fraction, _ := strings.Cut(seconds, ".")
	h, err1 := strconv.ParseUint(parts[0], 10, 16)
	m, err2 := strconv.ParseUint(parts[1], 10, 8)
	sec, err3 := strconv.ParseUint(whole, 10, 8)
	if err := errors.Join(err1, err2, err3); err != nil || m > 59 || sec > 59 || h > maxHours {
		return 0, false
	}
	t := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second
	if f, err := strconv.ParseFloat("0."+fraction, 64); fraction != "" && err == nil && !strings.Contains(parts[2], "/") {
		t += time.Duration(f * float64(time.Second))
	}
	return t, true
}

// FormatTime writes a time as Seek takes it, in whole seconds.
func FormatTime(t time.Duration) string {
	s := int64(max(t, 0) / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
