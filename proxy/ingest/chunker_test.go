package ingest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// cut writes packets in groups and collects the chunks.
func cut(t *testing.T, c *Chunker, packets []byte, group int) []byte {
	t.Helper()
	var all []byte
	for rest := packets; len(rest) > 0; {
		n := min(group*mpegts.PacketSize, len(rest))
		err := c.Write(rest[:n], func(chunk []byte) error {
			if len(chunk) != c.Size() || chunk[0] != 0x47 {
				t.Errorf("a chunk of %d bytes begins with %#x", len(chunk), chunk[0])
			}
			all = append(all, chunk...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	return all
}

func TestChunksAreEqual(t *testing.T) {
	clip := channel(t)
	packets := len(clip) / mpegts.PacketSize
	for _, size := range []int{1, 2, 7, 14, 348} {
		for _, group := range []int{1, 3, 7, 50, packets} {
			c := NewChunker(size)
			got := cut(t, c, clip, group)
			whole := packets / size * size * mpegts.PacketSize
			if !bytes.Equal(got, clip[:whole]) || c.Pending() != len(clip)-whole {
				t.Errorf("chunks of %d from groups of %d: %d bytes out, %d pending", size, group, len(got), c.Pending())
			}
		}
	}
}

func TestDefaultChunk(t *testing.T) {
	var c Chunker
	if c.Size() != 1316 || NewChunker(ChunkPackets).Size() != 1316 || NewChunker(0).Size() != mpegts.PacketSize {
		t.Errorf("sizes %d, %d, %d", c.Size(), NewChunker(ChunkPackets).Size(), NewChunker(0).Size())
	}
	if got := cut(t, &c, channel(t)[:20*mpegts.PacketSize], 3); len(got) != 2*1316 || c.Pending() != 6*mpegts.PacketSize {
		t.Errorf("%d bytes out, %d pending", len(got), c.Pending())
	}
}

func TestChunkerStopsAtAnError(t *testing.T) {
	full := errors.New("full")
	for before := range 7 {
		var c Chunker
		c.Write(make([]byte, before*mpegts.PacketSize), nil)
		calls := 0
		err := c.Write(make([]byte, 21*mpegts.PacketSize), func([]byte) error { calls++; return full })
		if err != full || calls != 1 {
			t.Errorf("behind %d packets: %v after %d calls", before, err, calls)
		}
	}
}

func TestChunkerDoesNotAllocate(t *testing.T) {
	var c Chunker
	clip := channel(t)[:100*mpegts.PacketSize]
	emit := func([]byte) error { return nil }
	c.Write(clip, emit)
	if n := testing.AllocsPerRun(50, func() { c.Write(clip, emit) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever the input: no panic, whole packets, nothing out that did not come in.
func FuzzSource(f *testing.F) {
	f.Add(bytes.Repeat(packet(0x100, 7), 6), false)
	f.Add(append(clock(1, 5), bytes.Repeat(packet(mpegts.NullPID, 7), 6)...), true)
	f.Add([]byte("no stream"), true)
	f.Fuzz(func(t *testing.T, in []byte, paced bool) {
		if paced { // time would pass: judge the clock alone
			var c pace
			for b := in; len(b) >= mpegts.PacketSize; b = b[mpegts.PacketSize:] {
				before := c.ticks
				if c.see(b[:mpegts.PacketSize]); c.ticks < before || c.ticks-before > maxStep {
					t.Fatalf("the pace steps from %d to %d", before, c.ticks)
				}
			}
			return
		}
		out := 0
		err := New(bytes.NewReader(in), Options{}).Run(t.Context(), func(b []byte) error {
			for p := b; len(p) > 0; p = p[mpegts.PacketSize:] {
				if p[0] != 0x47 || mpegts.Packet(p).PID() == mpegts.NullPID {
					t.Fatalf("a packet begins with % x", p[:4])
				}
			}
			out += len(b)
			return nil
		})
		if out > len(in) || out > 0 && err != nil {
			t.Fatalf("%d bytes of %d, %v", out, len(in), err)
		}
	})
}
