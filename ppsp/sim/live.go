package sim

import (
	"math/rand/v2"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// chunksIn is how many chunks a stretch of the stream has.
func (w *world) chunksIn(d time.Duration) uint64 { return uint64(int64(d)/w.interval) + 1 }

// openLive starts a channel.
func (w *world) openLive(chacha *rand.ChaCha8) error {
	var err error
	if w.key, err = livesig.Generate(ppsp.Ed25519, chacha); err != nil {
		return err
	}
	if w.public, err = livesig.ParsePublicKey(w.key.SwarmID()); err != nil {
		return err
	}
	w.meta = ppsp.LiveDefaults(w.key.SwarmID())
	w.meta.ChunkSize = uint32(w.Chunk)
	for range w.shards {
		w.memos = append(w.memos, &memo{key: w.public})
	}
	w.signed = make([]int64, w.chunksIn(w.Lead+w.Warmup+w.Duration)/w.PerMunro+2)
	ring := w.chunksIn(w.Ring)
	w.content = newContent(w.Chunk, int(2*ring))
	w.source = w.newHost(w.Source)
	w.tracker.seeder = w.source
	err = w.start(w.source, swarm.Config{
		Store: w.content, Window: ring, Key: w.key, ChunksPerSignature: w.PerMunro,
	})
	if err != nil {
		return err
	}
	w.source.tickAt, w.source.tick = 0, w.stream(rand.New(rand.NewPCG(w.random.Uint64(), 4)))
	w.at(findEvery, func() { w.ask(w.source, 0) })
	return nil
}

// stream returns what the source does: to append a chunk when it is due.
func (w *world) stream(random *rand.Rand) func(now int64) int64 {
	b := make([]byte, w.Chunk)
	return func(now int64) int64 {
		fill(random, b)
		i := w.source.engine.NextChunk()
		if (i+1)%w.PerMunro == 0 {
			w.signed[i/w.PerMunro] = now
		}
		if err := w.source.engine.Append(now, b); err != nil {
			w.err = err
			return never
		}
		return now + w.interval
	}
}

// signedAt is when the chunk could first leave the source.
func (w *world) signedAt(i uint64) int64 { return w.signed[i/w.PerMunro] }

// equipLive gives a home its engine and its player.
func (w *world) equipLive(h *home) error {
	ring := w.chunksIn(w.Ring)
	err := w.start(h.host, swarm.Config{
		Store: newShelf(w.content, int(ring)), Window: ring, Behind: w.chunksIn(w.Behind),
		Signatures: w.memos[h.index%len(w.shards)],
	})
	if err != nil {
		return err
	}
	if k := float64(len(w.homes)); k < float64(w.Peers) && int((k+1)*w.Liars) > int(k*w.Liars) {
		w.deceive(h)
		return nil
	}
	h.player = &player{interval: w.interval, signedAt: w.signedAt, delays: &h.shard.delays, joined: w.now, from: w.from()}
	h.host.player = h.player
	return nil
}
