// Package localpeers is how peers of one swarm find each other on a network without anybody's help: each
// tells by multicast, now and then, in which swarms it is and at which port. What BEP 14 does for
// BitTorrent, with one difference: the swarms are not named. A swarm stands in a datagram as a tag that only
// who knows the swarm can tell, that is another in each datagram, and that is good only for the address from which
// the datagram comes. So a listener does not learn what a home watches, and cannot draw peers to an
// address of its own by repeating what it heard.
//
//	0       4       12     14     15
//	| "sgl1" | nonce | port | n    | n tags of 16 bytes |
//
// A tag is the first 16 bytes of HMAC-SHA-256 with the swarm ID for a key over "swarmgate local peers",
// the nonce, the sender's address (16 bytes; IPv4 as ::ffff:a.b.c.d) and the port.
//
// This package does no I/O and has no clock; package proxy/neighbours has the sockets.
package localpeers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Where the datagrams go: an organization-local group and a transient site-local one (RFC 2365, 6.2;
// RFC 4291, 2.7), so that their sources are addresses that others can send to.
const (
	Port = 7847
	Hops = 1 // they don't leave the network
)

// Group4 and Group6 are the multicast groups.
func Group4() netip.Addr { return netip.AddrFrom4([4]byte{239, 192, 78, 46}) }

// Group6 is the group of IPv6.
func Group6() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x15, 14: 0x78, 15: 0x46})
}

// Bounds of a datagram.
const (
	MaxTags     = 32
	MaxDatagram = headerSize + MaxTags*tagSize // bytes
	headerSize  = 15
	tagSize     = 16
)

const magic = "sgl1"

// context separates the tags from whatever else may be made of swarm IDs.
const context = "swarmgate local peers"

// Tag stands for a swarm in one datagram.
type Tag [tagSize]byte

// Nonce makes the tags of one datagram differ from those of others.
type Nonce [8]byte

// TagOf returns the tag of a swarm in a datagram with this nonce from this address, of a peer at this port.
func TagOf(id ppsp.SwarmID, nonce Nonce, from netip.Addr, port uint16) (t Tag) {
	mac := hmac.New(sha256.New, []byte(id))
	b := make([]byte, 0, len(context)+len(nonce)+16+2)
	b = append(b, context...)
	b = append(b, nonce[:]...)
	address := from.Unmap().As16()
	b = append(b, address[:]...)
	_, _ = mac.Write(binary.BigEndian.AppendUint16(b, port))
	copy(t[:], mac.Sum(nil))
	return t
}

// Message is one datagram.
type Message struct {
	Nonce Nonce
	Port  uint16 // UDP, of the peer protocol at the address from which the datagram comes
	Tags  []Tag  // 1 to MaxTags
}

// Append appends the datagram. Tags beyond MaxTags are left out.
func (m *Message) Append(dst []byte) []byte {
	tags := m.Tags[:min(len(m.Tags), MaxTags)]
	dst = append(dst, magic...)
	dst = append(dst, m.Nonce[:]...)
	dst = binary.BigEndian.AppendUint16(dst, m.Port)
	dst = append(dst, byte(len(tags)))
	for i := range tags {
		dst = append(dst, tags[i][:]...)
	}
	return dst
}

// errForeign says that a datagram is none of ours.
var errForeign = errors.New("local peers: not a datagram of this protocol")

// Parse reads a datagram. It has to be whole and nothing more.
func Parse(b []byte) (m Message, err error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return m, errForeign
	}
	copy(m.Nonce[:], b[4:12])
	m.Port = binary.BigEndian.Uint16(b[12:14])
	n := int(b[14])
	switch {
	case m.Port == 0:
		return m, errors.New("local peers: port 0 is none")
	case n == 0 || n > MaxTags:
		return m, fmt.Errorf("local peers: %d tags, want 1 to %d", n, MaxTags)
	case len(b) != headerSize+n*tagSize:
		return m, fmt.Errorf("local peers: %d bytes, want %d for %d tags", len(b), headerSize+n*tagSize, n)
	}
	m.Tags = make([]Tag, n)
	for i := range m.Tags {
		copy(m.Tags[i][:], b[headerSize+i*tagSize:])
	}
	return m, nil
}
