// Package wire is the format of PPSPP datagrams (RFC 7574, 7 and 8).
//
//	+---------------+------+----------+------+----------+---
//	| channel ID 32 | type | message  | type | message  | ...
//	+---------------+------+----------+------+----------+---
//
// A datagram of four bytes, the channel ID alone, is a keep-alive. The length of most
// messages follows from their type and from what the handshake agreed on: see Format.
//
// Decoding works in place and is for hostile input: it never panics, allocates nothing
// unless it fails, and each message found costs at least a byte of the datagram. It is
// lenient where that is harmless. Encoding appends to a slice and is strict: what does
// not make a valid message is left out, and the slice comes back as it was.
package wire

import (
	"encoding/binary"
	"strconv"
)

// Type is the first byte of a message (RFC 7574, 8.2, Table 7).
type Type uint8

// The registered types.
const (
	TypeHandshake       Type = 0
	TypeData            Type = 1
	TypeAck             Type = 2
	TypeHave            Type = 3
	TypeIntegrity       Type = 4
	TypePexResV4        Type = 5
	TypePexReq          Type = 6
	TypeSignedIntegrity Type = 7
	TypeRequest         Type = 8
	TypeCancel          Type = 9
	TypeChoke           Type = 10
	TypeUnchoke         Type = 11
	TypePexResV6        Type = 12
	TypePexResCert      Type = 13

	typeCount = 14
)

var typeNames = [typeCount]string{
	"HANDSHAKE", "DATA", "ACK", "HAVE", "INTEGRITY", "PEX_RESv4", "PEX_REQ",
	"SIGNED_INTEGRITY", "REQUEST", "CANCEL", "CHOKE", "UNCHOKE", "PEX_RESv6", "PEX_REScert",
}

// String returns the name in RFC 7574, Table 7, such as "PEX_RESv4".
func (t Type) String() string {
	if t < typeCount {
		return typeNames[t]
	}
	return "message type " + strconv.Itoa(int(t))
}

// ChannelSize is the length in bytes of the channel ID that begins each datagram, and so
// that of a whole keep-alive (RFC 7574, 8.3 and 8.14).
const ChannelSize = 4

// Channel returns the destination's channel ID, false for a datagram too short for one.
func Channel(datagram []byte) (uint32, bool) {
	if len(datagram) < ChannelSize {
		return 0, false
	}
	return binary.BigEndian.Uint32(datagram), true
}

// AppendChannel begins a datagram to the channel; on its own it is a keep-alive.
func AppendChannel(b []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(b, id)
}
