package node

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// channel is a live stream at its source.
type channel struct {
	*part
	node *Node
	meta ppsp.Metadata
	key  *livesig.PrivateKey
}

func newChannel(t *testing.T, n *Node, chunkSize uint32, perSignature uint64) *channel {
	t.Helper()
	key, err := livesig.Generate(ppsp.ECDSAP256SHA256, crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	meta := ppsp.LiveDefaults(key.SwarmID())
	meta.ChunkSize = chunkSize
	return &channel{node: n, meta: meta, key: key, part: join(t, n, swarm.Config{
		Meta: meta, Store: &memory{}, Window: 4096, Key: key, ChunksPerSignature: perSignature,
	})}
}

// send appends n chunks, each of which tells its number.
func (c *channel) send(t *testing.T, first, n uint64) {
	t.Helper()
	b := make([]byte, c.meta.ChunkSize)
	for i := first; i < first+n; i++ {
		binary.BigEndian.PutUint64(b, i)
		if err := c.Append(b); err != nil {
			t.Fatal(err)
		}
	}
}

// A chunk of 1316 bytes has no room in a datagram beside the signed munro. A source once
// sent, in a circle, datagrams with the munro and without the chunk.
func TestLiveChunksThatFillADatagram(t *testing.T) {
	for _, perSignature := range []uint64{2, 4, 16, 64} {
		for _, chunkSize := range []uint32{188, 1316, 1400, 8 * 188} {
			t.Run(fmt.Sprintf("%d_of_%d", perSignature, chunkSize), func(t *testing.T) {
				t.Parallel()
				const rounds = 12
				source := newChannel(t, open(t, loopback), chunkSize, perSignature)
				store := &memory{}
				p := join(t, open(t, loopback), swarm.Config{Meta: source.meta, Store: store, Window: 4096, Behind: 2048})
				p.meet(t, source.node.Addr())
				p.await(t, swarm.EventPeerUp)
				source.await(t, swarm.EventPeerUp)
				played := uint64(0)
				for k := range uint64(rounds) {
					source.send(t, k*perSignature, perSignature)
					for played < (k+1)*perSignature {
						played = p.await(t, swarm.EventPlay).Chunks.End
					}
				}
				for i := range rounds * perSignature {
					b, err := store.AppendChunk(nil, i)
					if err != nil || binary.BigEndian.Uint64(b) != i || len(b) != int(chunkSize) {
						t.Fatalf("chunk %d: %d bytes, error %v", i, len(b), err)
					}
				}
				st, err := source.Stats()
				if err != nil {
					t.Fatal(err)
				}
				chunks := uint64(rounds * perSignature)
				if most := 10*chunks + 200; st.Counters.DatagramsSent > most {
					t.Errorf("%d datagrams for %d chunks, want at most %d", st.Counters.DatagramsSent, chunks, most)
				}
				if st.Edge != chunks {
					t.Errorf("edge %d, want %d", st.Edge, chunks)
				}
			})
		}
	}
}

// Who comes later begins near the edge.
func TestTuneIn(t *testing.T) {
	source := newChannel(t, open(t, ":0"), 1316, 8)
	source.send(t, 0, 200)
	p := join(t, open(t, ":0"), swarm.Config{Meta: source.meta, Store: &memory{}, Window: 4096, Behind: 16})
	p.meet(t, at(source.node, "127.0.0.1"))
	if e := p.await(t, swarm.EventPlay); e.Chunks.Start != 184 {
		t.Errorf("playing begins with chunk %d, want 184: 16 before the edge", e.Chunks.Start)
	}
}

// A chunk of the wrong size is refused, and one that a receiver appends.
func TestAppendRefuses(t *testing.T) {
	source := newChannel(t, open(t, loopback), 1316, 2)
	if err := source.Append(make([]byte, 188)); err == nil {
		t.Error("a chunk of 188 bytes in a swarm of 1316: no error")
	}
	p := join(t, open(t, loopback), swarm.Config{Meta: source.meta, Store: &memory{}, Window: 4096})
	if err := p.Append(make([]byte, 1316)); err == nil {
		t.Error("a receiver appends to a stream: no error")
	}
}
