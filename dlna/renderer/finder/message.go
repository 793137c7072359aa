package finder

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	// maxDatagram bounds a message in bytes; those of known devices have less than 600.
	maxDatagram = 4096
	// maxHeaders bounds the lines of a message that are looked at.
	maxHeaders = 64
	// maxUDN bounds the name of a device: "uuid:" and what it makes of it.
	maxUDN = 256
	// maxLocation bounds the URL of a description.
	maxLocation = 1024
)

// Bounds of how long an announcement is believed. UDA 1.1, 1.2.2 demands 1800 seconds at
// least, which not all keep.
const (
	minAge     = 30 * time.Second
	maxAge     = 24 * time.Hour
	defaultAge = 1800 * time.Second
)

// target begins what a media renderer announces and answers to; a version follows.
const target = "urn:schemas-upnp-org:device:MediaRenderer:"

// SearchTarget is what is searched for. A device of a later version answers to it too (UDA
// 1.1, 1.3.3).
const SearchTarget = target + "1"

var (
	errNoRenderer = errors.New("not of a media renderer")
	errMalformed  = errors.New("no message of SSDP")
)

// message is what an announcement or an answer to a search says.
type message struct {
	udn      string
	location string // empty for a farewell
	age      time.Duration
	farewell bool
}

// parse reads a NOTIFY (UDA 1.1, 1.2) or the answer to a search (1.3.3).
func parse(datagram []byte) (message, error) {
	if len(datagram) > maxDatagram {
		return message{}, errMalformed
	}
	first, rest, _ := bytes.Cut(datagram, []byte("\n"))
	start := strings.ToUpper(strings.TrimSpace(string(first)))
	kind := "NT"
	switch {
	case strings.HasPrefix(start, "NOTIFY * HTTP/1."):
	case strings.HasPrefix(start, "HTTP/1.") && strings.Contains(start, " 200"):
		kind = "ST"
	default:
		return message{}, errMalformed
	}
	h := headers(rest)
	m := message{udn: udnOf(h["USN"]), age: ageOf(h["CACHE-CONTROL"])}
	if m.udn == "" {
		return message{}, errMalformed
	}
	if kind == "NT" && strings.EqualFold(h["NTS"], "ssdp:byebye") {
		m.farewell = true
		return m, nil
	}
	if !strings.HasPrefix(h[kind], target) {
		return message{}, errNoRenderer
	}
	if kind == "NT" && !strings.EqualFold(h["NTS"], "ssdp:alive") {
		return message{}, errNoRenderer // ssdp:update announces a start that is still to come
	}
	m.location = h["LOCATION"]
	if m.location == "" || len(m.location) > maxLocation {
		return message{}, errMalformed
	}
	return m, nil
}

// headers reads the lines up to the empty one. Of a header that comes twice the first counts.
func headers(b []byte) map[string]string {
	h := make(map[string]string)
	for n := 0; n < maxHeaders && len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if bytes.IndexByte(line, '\r') >= 0 { // within a line it has no business
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		name = strings.ToUpper(strings.TrimSpace(name))
		if _, twice := h[name]; ok && !twice {
			h[name] = strings.TrimSpace(value)
		}
	}
	return h
}

// udnOf returns the device's name from a unique service name ("uuid:…::urn:…").
func udnOf(usn string) string {
	udn, _, _ := strings.Cut(usn, "::")
	if len(udn) > maxUDN || len(udn) <= len("uuid:") || !strings.EqualFold(udn[:len("uuid:")], "uuid:") {
		return ""
	}
	return "uuid:" + strings.ToLower(udn[len("uuid:"):])
}

// ageOf reads max-age of a CACHE-CONTROL header.
func ageOf(header string) time.Duration {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "max-age") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			break
		}
		return min(max(time.Duration(n)*time.Second, minAge), maxAge)
	}
	return defaultAge
}

// appendSearch appends a search by multicast to the given group (UDA 1.1, 1.3.2). MX is 1:
// who waits at a button waits for no more.
func appendSearch(b []byte, group string) []byte {
	return append(b, "M-SEARCH * HTTP/1.1\r\nHOST: "+group+"\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: "+SearchTarget+"\r\n\r\n"...)
}
