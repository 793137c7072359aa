package wire

import (
	"encoding/binary"
	"math"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Version is the version of PPSPP that this package speaks (RFC 7574, 7.2).
const Version = 1

// Options is a set of protocol options: bit n is the option of code n (RFC 7574, 7).
type Options uint16

// The protocol options (RFC 7574, 7, Table 2).
const (
	HasVersion       Options = 1 << optionVersion
	HasMinVersion    Options = 1 << optionMinVersion
	HasSwarmID       Options = 1 << optionSwarmID
	HasIntegrity     Options = 1 << optionIntegrity
	HasHash          Options = 1 << optionHash
	HasSignature     Options = 1 << optionSignature
	HasAddressing    Options = 1 << optionAddressing
	HasDiscardWindow Options = 1 << optionDiscardWindow
	HasSupported     Options = 1 << optionSupported
	HasChunkSize     Options = 1 << optionChunkSize
)

// The codes of protocol options on the wire.
const (
	optionVersion       = 0
	optionMinVersion    = 1
	optionSwarmID       = 2
	optionIntegrity     = 3
	optionHash          = 4
	optionSignature     = 5
	optionAddressing    = 6
	optionDiscardWindow = 7
	optionSupported     = 8
	optionChunkSize     = 9
	optionEnd           = 255
)

// KeepsAll is the discard window of a peer that discards nothing, in either width of the
// wire (RFC 7574, 7.9).
const KeepsAll uint64 = math.MaxUint64

// Handshake is the HANDSHAKE message (RFC 7574, 7 and 8.4). The zero Handshake closes a
// channel.
type Handshake struct {
	SourceChannel uint32 // where the sender wants the answers; 0 closes the channel

	// Has is the options that came. When sending it is needed only for those whose zero
	// means something: Integrity, Hash, Addressing, DiscardWindow. All others are sent
	// if, and only if, their field is not zero.
	Has Options

	Version    uint8  // the highest the sender supports
	MinVersion uint8  // the lowest
	SwarmID    []byte // 1 to ppsp.MaxSwarmID bytes

	// What came here may be numbers that nobody has registered.
	Integrity  ppsp.Integrity
	Hash       ppsp.Hash
	Signature  ppsp.Signature
	Addressing ppsp.Addressing

	// DiscardWindow is how many chunks, with byte ranges how many bytes, the sender keeps
	// of a live stream, or KeepsAll. Its width depends on Addressing, so it is not sent
	// without that. In 32 bits, more than fits is sent as KeepsAll.
	DiscardWindow uint64

	Supported Supported
	ChunkSize uint32 // bytes, or VariableChunks
}

// Closing tells whether the sender ends the channel.
func (h *Handshake) Closing() bool { return h.SourceChannel == 0 }

// present returns the options that AppendHandshake writes.
func (h *Handshake) present() Options {
	const zeroMeans = HasIntegrity | HasHash | HasAddressing | HasDiscardWindow
	o := h.Has & zeroMeans
	add := func(has bool, option Options) {
		if has {
			o |= option
		}
	}
	add(h.Version != 0, HasVersion)
	add(h.MinVersion != 0, HasMinVersion)
	add(len(h.SwarmID) != 0 && len(h.SwarmID) <= ppsp.MaxSwarmID, HasSwarmID)
	add(h.Integrity != 0, HasIntegrity)
	add(h.Hash != 0, HasHash)
	add(h.Signature != 0, HasSignature)
	add(h.Addressing != 0, HasAddressing)
	add(h.DiscardWindow != 0, HasDiscardWindow)
	add(len(h.Supported.trim()) != 0, HasSupported)
	add(h.ChunkSize != 0, HasChunkSize)
	if o&HasAddressing == 0 || valueSize(h.Addressing) == 0 {
		o &^= HasDiscardWindow
	}
	return o
}

// valueSize returns the length in bytes of one number in a chunk specification, 0 for an
// unknown method.
func valueSize(a ppsp.Addressing) int {
	switch a {
	case ppsp.Bins32, ppsp.ChunkRanges32:
		return 4
	case ppsp.Bins64, ppsp.ChunkRanges64, ppsp.ByteRanges64:
		return 8
	}
	return 0
}

// AppendHandshake appends a HANDSHAKE, which belongs first in its datagram. Its options
// are in ascending order, as they must be.
func AppendHandshake(b []byte, h *Handshake) []byte {
	b = append(b, byte(TypeHandshake))
	b = binary.BigEndian.AppendUint32(b, h.SourceChannel)
	has := h.present()
	b = appendByte(b, has, optionVersion, h.Version)
	b = appendByte(b, has, optionMinVersion, h.MinVersion)
	if has&HasSwarmID != 0 {
		b = append(b, optionSwarmID)
		b = binary.BigEndian.AppendUint16(b, uint16(len(h.SwarmID)))
		b = append(b, h.SwarmID...)
	}
	b = appendByte(b, has, optionIntegrity, uint8(h.Integrity))
	b = appendByte(b, has, optionHash, uint8(h.Hash))
	b = appendByte(b, has, optionSignature, uint8(h.Signature))
	b = appendByte(b, has, optionAddressing, uint8(h.Addressing))
	if has&HasDiscardWindow != 0 {
		b = h.appendDiscardWindow(append(b, optionDiscardWindow))
	}
	if has&HasSupported != 0 {
		s := h.Supported.trim()
		b = append(append(b, optionSupported, byte(len(s))), s...)
	}
	if has&HasChunkSize != 0 {
		b = binary.BigEndian.AppendUint32(append(b, optionChunkSize), h.ChunkSize)
	}
	return append(b, optionEnd)
}

func appendByte(b []byte, has Options, code, value uint8) []byte {
	if has&(1<<code) == 0 {
		return b
	}
	return append(b, code, value)
}

func (h *Handshake) appendDiscardWindow(b []byte) []byte {
	if valueSize(h.Addressing) == 4 {
		return binary.BigEndian.AppendUint32(b, uint32(min(h.DiscardWindow, math.MaxUint32)))
	}
	return binary.BigEndian.AppendUint64(b, h.DiscardWindow)
}
