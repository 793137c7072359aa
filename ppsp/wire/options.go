package wire

import (
	"encoding/binary"
	"math"

	"github.com/swarmgate/swarmgate/ppsp"
)

// parse reads a HANDSHAKE behind its type byte. Options must be sorted, but a peer that
// fails to do so is as clear, so any order is taken that the widths of values allow.
func (h *Handshake) parse(b []byte) (n int, reason string) {
	h.SourceChannel = binary.BigEndian.Uint32(b)
	for n = 4; n < len(b); {
		code := b[n]
		n++
		if code == optionEnd {
			return n, ""
		}
		if code > optionChunkSize {
			return 0, "an option is unknown"
		}
		if h.Has&(1<<code) != 0 {
			return 0, "an option comes twice"
		}
		h.Has |= 1 << code
		took, reason := h.parseOption(code, b[n:])
		if reason != "" {
			return 0, reason
		}
		n += took
	}
	return 0, "the end option is missing"
}

// parseOption reads the value of an option from the start of b.
func (h *Handshake) parseOption(code uint8, b []byte) (n int, reason string) {
	if len(b) == 0 {
		return 0, truncated
	}
	switch code {
	case optionVersion:
		h.Version = b[0]
	case optionMinVersion:
		h.MinVersion = b[0]
	case optionSwarmID:
		return h.parseSwarmID(b)
	case optionIntegrity:
		h.Integrity = ppsp.Integrity(b[0])
		return 1, ""
	case optionHash:
		h.Hash = ppsp.Hash(b[0])
		return 1, ""
	case optionSignature:
		h.Signature = ppsp.Signature(b[0])
	case optionAddressing:
		h.Addressing = ppsp.Addressing(b[0])
		return 1, ""
	case optionDiscardWindow:
		return h.parseDiscardWindow(b)
	case optionSupported:
		return h.parseSupported(b)
	case optionChunkSize:
		return h.parseChunkSize(b)
	}
	if b[0] == 0 {
		return 0, "a version or signature algorithm is 0, which is reserved"
	}
	return 1, ""
}

func (h *Handshake) parseSwarmID(b []byte) (n int, reason string) {
	if len(b) < 2 {
		return 0, truncated
	}
	size := int(binary.BigEndian.Uint16(b))
	switch {
	case size == 0:
		return 0, "the swarm ID is empty"
	case size > ppsp.MaxSwarmID:
		return 0, "the swarm ID is too long"
	case 2+size > len(b):
		return 0, truncated
	}
	n = 2 + size
	h.SwarmID = b[2:n:n]
	return n, ""
}

func (h *Handshake) parseDiscardWindow(b []byte) (n int, reason string) {
	if h.Has&HasAddressing == 0 {
		return 0, "the discard window comes before the addressing method that gives its width"
	}
	n = valueSize(h.Addressing)
	switch {
	case n == 0:
		return 0, "the discard window has an unknown width, as has the addressing method"
	case n > len(b):
		return 0, truncated
	case n == 8:
		h.DiscardWindow = binary.BigEndian.Uint64(b)
		return n, ""
	}
	h.DiscardWindow = uint64(binary.BigEndian.Uint32(b))
	if h.DiscardWindow == math.MaxUint32 {
		h.DiscardWindow = KeepsAll
	}
	return n, ""
}

func (h *Handshake) parseSupported(b []byte) (n int, reason string) {
	n = 1 + int(b[0])
	switch {
	case n > len(b):
		return 0, truncated
	case n > 1+maxSupported:
		return 0, "the supported messages have more than 256 bits"
	}
	h.Supported = Supported(b[1:n]).trim()
	if len(h.Supported) == 0 {
		return 0, "the supported messages are none"
	}
	return n, ""
}

func (h *Handshake) parseChunkSize(b []byte) (n int, reason string) {
	if len(b) < 4 {
		return 0, truncated
	}
	h.ChunkSize = binary.BigEndian.Uint32(b)
	if h.ChunkSize == 0 {
		return 0, "the chunk size is 0"
	}
	return 4, ""
}
