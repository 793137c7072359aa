package wire

import (
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Message is any one message. Which fields count depends on Type; the others are zero.
// Its slices point into the datagram and hold as long as that does.
type Message struct {
	Type Type

	// Chunks is what DATA, ACK, HAVE, INTEGRITY, SIGNED_INTEGRITY, REQUEST and CANCEL are
	// about; it is never empty, and in DATA one chunk.
	Chunks chunk.Range

	// Spec is the chunk specification as it stood on the wire, for signatures cover it.
	Spec []byte

	// Time is in DATA the sender's clock in µs, in ACK a one-way delay sample in µs, in
	// SIGNED_INTEGRITY an NTP timestamp (RFC 7574, 8.6, 8.7, 8.9).
	Time uint64

	// Payload is DATA's chunk, INTEGRITY's hash, SIGNED_INTEGRITY's signature, or the
	// DER form of PEX_REScert's certificate; it is not empty.
	Payload []byte

	// Peer is the address in PEX_RESv4 and PEX_RESv6, never an IPv4-mapped one. It may be
	// unusable, such as with port 0, or one that a stranger has no business to name.
	Peer netip.AddrPort

	// Handshake is the HANDSHAKE.
	Handshake Handshake
}
