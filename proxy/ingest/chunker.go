package ingest

import "github.com/swarmgate/swarmgate/proxy/mpegts"

// ChunkPackets is how many packets a chunk has by default: 1316 bytes, the most that fit a
// datagram.
const ChunkPackets = 7

// Chunker gathers packets into chunks that all have one size. The zero value makes chunks of
// ChunkPackets; it is not safe for concurrent use.
type Chunker struct {
	packets int
	buf     []byte
}

// NewChunker makes a chunker of chunks of so many packets, 1 at least.
func NewChunker(packets int) *Chunker { return &Chunker{packets: max(packets, 1)} }

// Size is the length of a chunk in bytes.
func (c *Chunker) Size() int {
	if c.packets == 0 {
		return ChunkPackets * mpegts.PacketSize
	}
	return c.packets * mpegts.PacketSize
}

// Pending is how many bytes wait for the rest of their chunk. There is no way to get them
// out before: a live swarm's chunks are all equally long.
func (c *Chunker) Pending() int { return len(c.buf) }

// Write takes whole packets and calls emit for each chunk that they complete; the slice is
// valid during the call. The first error of emit ends it, and what was not emitted is lost.
func (c *Chunker) Write(packets []byte, emit func(chunk []byte) error) error {
	size := c.Size()
	if len(c.buf) > 0 {
		n := min(size-len(c.buf), len(packets))
		c.buf = append(c.buf, packets[:n]...)
		packets = packets[n:]
		if len(c.buf) < size {
			return nil
		}
		whole := c.buf
		c.buf = c.buf[:0]
		if err := emit(whole); err != nil {
			return err
		}
	}
	for len(packets) >= size {
		if err := emit(packets[:size]); err != nil {
			return err
		}
		packets = packets[size:]
	}
	c.buf = append(c.buf, packets...)
	return nil
}
