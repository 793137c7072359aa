// Package ssdp lets control points find a UPnP root device: it announces the device on
// every interface of the home and answers searches (UPnP Device Architecture 1.1, 1).
//
// Each interface has its own socket, its own schedule and the address that hosts on it can
// reach. Interfaces may come and go; what one of them can't do is said by Server.Status and
// stops none of the others.
package ssdp

import (
	"strconv"
	"strings"
	"time"
)

// DefaultMaxAge is how long control points believe an announcement (UDA 1.1, 1.2.2: at
// least 1800 seconds).
const DefaultMaxAge = 1800 * time.Second

// rootDevice is the target that every root device announces beside its UDN and its types.
const rootDevice = "upnp:rootdevice"

// Device is what is announced: one root device without embedded ones.
type Device struct {
	UDN      string        // "uuid:…", never changes
	Type     string        // "urn:schemas-upnp-org:device:MediaServer:1"
	Services []string      // service types
	Server   string        // "OS/version UPnP/version product/version"
	BootID   uint32        // greater after every start, below 2^31
	ConfigID uint32        // of the descriptions, below 2^24
	MaxAge   time.Duration // whole seconds, DefaultMaxAge if 0
}

// targets returns the notification types of the device in the order of UDA 1.1, table 1-1.
func (d *Device) targets() []string {
	return append([]string{rootDevice, d.UDN, d.Type}, d.Services...)
}

// match returns the targets that answer a search for st, none if st means other devices.
func (d *Device) match(st string) []string {
	if st == "ssdp:all" {
		return d.targets()
	}
	for _, target := range d.targets() {
		if target == st || target == d.UDN && strings.EqualFold(target, st) {
			return []string{target}
		}
	}
	return nil
}

// usn is the unique service name of a target (UDA 1.1, table 1-1).
func (d *Device) usn(target string) string {
	if target == d.UDN {
		return target
	}
	return d.UDN + "::" + target
}

func (d *Device) maxAge() string {
	age := d.MaxAge
	if age <= 0 {
		age = DefaultMaxAge
	}
	return "max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
}

// appendAlive appends the announcement of a target to a group (UDA 1.1, 1.2.2).
func (d *Device) appendAlive(b []byte, g *group, target, location string) []byte {
	b = append(b, "NOTIFY * HTTP/1.1\r\n"...)
	b = appendHeader(b, "HOST", g.host)
	b = appendHeader(b, "CACHE-CONTROL", d.maxAge())
	b = appendHeader(b, "LOCATION", location)
	b = appendHeader(b, "SERVER", d.Server)
	b = appendHeader(b, "NT", target)
	b = appendHeader(b, "NTS", "ssdp:alive")
	b = appendHeader(b, "USN", d.usn(target))
	return d.appendIDs(b, g.six)
}

// appendByebye appends the farewell of a target to a group (UDA 1.1, 1.2.3).
func (d *Device) appendByebye(b []byte, g *group, target string) []byte {
	b = append(b, "NOTIFY * HTTP/1.1\r\n"...)
	b = appendHeader(b, "HOST", g.host)
	b = appendHeader(b, "NT", target)
	b = appendHeader(b, "NTS", "ssdp:byebye")
	b = appendHeader(b, "USN", d.usn(target))
	return d.appendIDs(b, g.six)
}

// appendAnswer appends the answer to a search that the target matches (UDA 1.1, 1.3.3).
func (d *Device) appendAnswer(b []byte, target, location string, now time.Time, six bool) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\n"...)
	b = appendHeader(b, "CACHE-CONTROL", d.maxAge())
	b = appendHeader(b, "DATE", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	b = append(b, "EXT:\r\n"...)
	b = appendHeader(b, "LOCATION", location)
	b = appendHeader(b, "SERVER", d.Server)
	b = appendHeader(b, "ST", target)
	b = appendHeader(b, "USN", d.usn(target))
	return d.appendIDs(b, six)
}

// appendIDs appends the headers of UDA 1.1 that tell a restart and a new description, and
// the end of the message. Over IPv6 a restart is told in a second way too (UDA 1.1, A.2.4).
func (d *Device) appendIDs(b []byte, six bool) []byte {
	if six {
		b = appendHeader(b, "OPT", `"http://schemas.upnp.org/upnp/1/0/"; ns=01`)
		b = appendHeader(b, "01-NLS", strconv.FormatUint(uint64(d.BootID), 10))
	}
	b = appendHeader(b, "BOOTID.UPNP.ORG", strconv.FormatUint(uint64(d.BootID), 10))
	b = appendHeader(b, "CONFIGID.UPNP.ORG", strconv.FormatUint(uint64(d.ConfigID), 10))
	return append(b, "\r\n"...)
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
