package tracker

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// blob is what a Memory keeps of a peer by words: its ID, whence it called, its addresses.
//
//	ID:      length n (1 to 128) and n bytes, or 128+n and n bytes that are hexadecimal in text
//	source:  0, 4 or 16, and so many bytes
//	address: form, IP address, port, priority, and what the form says
type blob []byte

// The form of an address in a blob.
const (
	formIPv6       = 1 << 0
	formType       = 1 // shift of two bits, see blobTypes
	formConnection = 3 // shift of two bits, see blobConnections
	formNumericASN = 1 << 5
	formTextASN    = 1 << 6
	formProtocol   = 1 << 7 // length and text, length 0 for PeerProtocol
)

var (
	blobTypes       = [4]AddressType{"", Host, Reflexive, Proxy}
	blobConnections = [4]string{"", "wireless", "wired", ""}
)

// hexID tells whether the ID is short text of lower-case hexadecimal digits in pairs.
func hexID(id string) bool {
	if len(id)%2 != 0 || len(id) > MaxPeerID-2 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// appendID packs an ID; those beyond MaxPeerID are cut, and nobody has such.
func appendID(b []byte, id string) []byte {
	id = id[:min(len(id), MaxPeerID)]
	if !hexID(id) {
		return append(append(b, byte(len(id))), id...)
	}
	b = append(b, byte(MaxPeerID+len(id)/2))
	for i := 0; i < len(id); i += 2 {
		b = append(b, nibble(id[i])<<4|nibble(id[i+1]))
	}
	return b
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'a' + 10
}

func (b blob) idEnd() int {
	if b[0] > MaxPeerID {
		return 1 + int(b[0]) - MaxPeerID
	}
	return 1 + int(b[0])
}

// packedID returns the ID as appendID wrote it.
func (b blob) packedID() []byte { return b[:b.idEnd()] }

// id returns the ID as the peer wrote it.
func (b blob) id() string { return string(b.appendText(nil)) }

// appendText appends the ID as the peer wrote it, idLength bytes.
func (b blob) appendText(out []byte) []byte {
	if b[0] > MaxPeerID {
		return hex.AppendEncode(out, b[1:b.idEnd()])
	}
	return append(out, b[1:b.idEnd()]...)
}

func (b blob) idLength() int {
	if b[0] > MaxPeerID {
		return 2 * (int(b[0]) - MaxPeerID)
	}
	return int(b[0])
}

// source returns whence the peer called, the zero Addr if that is not known.
func (b blob) source() netip.Addr {
	at := b.idEnd()
	ip, _ := netip.AddrFromSlice(b[at+1 : at+1+int(b[at])])
	return ip
}

// appendBlob packs all of it. There are at most MaxAddresses, each within the bounds of
// Address.check.
func appendBlob(b []byte, id string, source netip.Addr, addresses []Address) []byte {
	b = appendID(b, id)
	raw := source.AsSlice()
	b = append(append(b, byte(len(raw))), raw...)
	for i := range addresses {
		b = appendBlobAddress(b, &addresses[i])
	}
	return b
}

func appendBlobAddress(b []byte, a *Address) []byte {
	form, at := byte(0), len(b)
	b = append(b, 0)
	if a.Addr().Is6() {
		form |= formIPv6
	}
	for i := range blobTypes {
		if blobTypes[i] == a.Type {
			form |= byte(i) << formType
		}
	}
	switch a.Connection {
	case "wireless":
		form |= 1 << formConnection
	case "wired":
		form |= 2 << formConnection
	}
	b = append(b, a.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, a.Port())
	b = binary.AppendVarint(b, a.Priority)
	if n, err := strconv.ParseUint(a.ASN, 10, 32); err == nil && strconv.FormatUint(n, 10) == a.ASN {
		form |= formNumericASN
		b = binary.AppendUvarint(b, n)
	} else if a.ASN != "" {
		form |= formTextASN
		b = appendShort(b, a.ASN, maxASN)
	}
	if a.Protocol != "" {
		form |= formProtocol
		text := a.Protocol
		if text == PeerProtocol {
			text = ""
		}
		b = appendShort(b, text, maxProtocol)
	}
	b[at] = form
	return b
}

// appendShort writes a text and its length, cut to the limit.
func appendShort(b []byte, text string, limit int) []byte {
	text = text[:min(len(text), limit)]
	return append(append(b, byte(len(text))), text...)
}

// addresses appends all addresses.
func (b blob) addresses(out []Address) []Address {
	at := b.idEnd()
	rest := b[at+1+int(b[at]):]
	for len(rest) > 0 {
		var a Address
		a, rest = rest.address()
		out = append(out, a)
	}
	return out
}

// address reads one address and returns what follows.
func (b blob) address() (a Address, rest blob) {
	form := b[0]
	size := 4
	if form&formIPv6 != 0 {
		size = 16
	}
	ip, _ := netip.AddrFromSlice(b[1 : 1+size])
	a.AddrPort = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[1+size:]))
	a.Type = blobTypes[form>>formType&3]
	a.Connection = blobConnections[form>>formConnection&3]
	b = b[3+size:]
	priority, n := binary.Varint(b)
	a.Priority, b = priority, b[n:]
	switch {
	case form&formNumericASN != 0:
		asn, n := binary.Uvarint(b)
		a.ASN, b = strconv.FormatUint(asn, 10), b[n:]
	case form&formTextASN != 0:
		a.ASN, b = string(b[1:1+b[0]]), b[1+b[0]:]
	}
	if form&formProtocol != 0 {
		a.Protocol, b = string(b[1:1+b[0]]), b[1+b[0]:]
		if a.Protocol == "" {
			a.Protocol = PeerProtocol
		}
	}
	return a, b
}
