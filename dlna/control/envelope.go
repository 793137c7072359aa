// Package control lets control points ask the services of a device: SOAP over HTTP (UPnP
// Device Architecture 1.1, 3).
//
// Answers are written by hand rather than by encoding/xml, since television sets expect
// the prefixes of the standard's examples, arguments in the order of the description, and
// quotation marks that are not numeric references.
package control

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/anacrolix/dms/soap"
	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/dlna/xmltext"
)

const (
	// maxBody bounds a request in bytes; the longest of ContentDirectory:1 has less than 2 kB.
	maxBody = 64 << 10
	// maxArguments bounds the arguments of a request; Search has six.
	maxArguments = 32
)

// parseEnvelope reads a request: the one element in the body of a SOAP envelope, and its
// child elements as arguments. The prefixes and the namespace of the envelope don't matter.
func parseEnvelope(body []byte) (soap.Action, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	// Control points write "utf8" or "us-ascii" and send UTF-8.
	d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	for _, name := range []string{"Envelope", "Body"} {
		if err := enter(d, name); err != nil {
			return soap.Action{}, err
		}
	}
	start, err := nextChild(d)
	if err != nil {
		return soap.Action{}, fmt.Errorf("read SOAP action: %w", err)
	}
	action := soap.Action{XMLName: start.Name}
	for {
		start, err := nextChild(d)
		if errors.Is(err, errNoChild) {
			return action, nil
		}
		if err != nil {
			return soap.Action{}, fmt.Errorf("read arguments of %s: %w", action.XMLName.Local, err)
		}
		if len(action.Args) == maxArguments {
			return soap.Action{}, fmt.Errorf("read arguments of %s: more than %d", action.XMLName.Local, maxArguments)
		}
		value, err := text(d)
		if err != nil {
			return soap.Action{}, fmt.Errorf("read argument %s: %w", start.Name.Local, err)
		}
		action.Args = append(action.Args, soap.Arg{XMLName: start.Name, Value: value})
	}
}

var errNoChild = errors.New("no element there")

// enter reads to the inside of the child of that name, past others before it (the SOAP
// header).
func enter(d *xml.Decoder, name string) error {
	for {
		start, err := nextChild(d)
		if err != nil {
			return fmt.Errorf("read SOAP %s: %w", name, err)
		}
		if start.Name.Local == name {
			return nil
		}
		if err := d.Skip(); err != nil {
			return fmt.Errorf("read SOAP %s: %w", name, err)
		}
	}
}

// nextChild reads up to the next element; errNoChild if its parent ends first.
func nextChild(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token.Copy(), nil
		case xml.EndElement:
			return xml.StartElement{}, errNoChild
		}
	}
}

// text reads the rest of an element that holds nothing but text.
func text(d *xml.Decoder) (string, error) {
	var value []byte
	for {
		token, err := d.Token()
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.CharData:
			value = append(value, token...)
		case xml.StartElement:
			return "", fmt.Errorf("element %s where a value belongs", token.Name.Local)
		case xml.EndElement:
			return string(value), nil
		}
	}
}

func appendStart(b []byte) []byte {
	b = append(b, `<?xml version="1.0" encoding="utf-8"?>`+"\r\n<s:Envelope"...)
	b = xmltext.AppendAttr(b, "xmlns:s", soap.EnvelopeNS)
	b = xmltext.AppendAttr(b, "s:encodingStyle", soap.EncodingStyle)
	return append(b, "><s:Body>"...)
}

func appendEnd(b []byte) []byte { return append(b, "</s:Body></s:Envelope>\r\n"...) }

// appendResponse appends the answer to an action (UDA 1.1, 3.2.2).
func appendResponse(b []byte, serviceType, action string, args []soap.Arg) []byte {
	b = appendStart(b)
	b = append(append(append(b, "<u:"...), action...), "Response"...)
	b = xmltext.AppendAttr(b, "xmlns:u", serviceType)
	b = append(b, '>')
	for _, a := range args {
		b = xmltext.AppendElement(b, a.XMLName.Local, a.Value)
	}
	b = append(append(append(b, "</u:"...), action...), "Response>"...)
	return appendEnd(b)
}

// appendFault appends the answer to an action that failed (UDA 1.1, 3.2.3).
func appendFault(b []byte, e *upnp.Error) []byte {
	b = appendStart(b)
	b = append(b, `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>`+
		`<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">`...)
	b = xmltext.AppendElement(b, "errorCode", fmt.Sprint(e.Code))
	b = xmltext.AppendElement(b, "errorDescription", e.Desc)
	b = append(b, "</UPnPError></detail></s:Fault>"...)
	return appendEnd(b)
}
