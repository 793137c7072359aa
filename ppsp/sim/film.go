package sim

import (
	"bytes"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// openFilm makes a film and starts its seeder.
func (w *world) openFilm() error {
	w.chunks = uint64(int64(w.Length) / w.interval)
	w.content = newFilm(w.random, w.Chunk, int(w.chunks))
	tree, _, err := merkle.Build(ppsp.SHA256, uint32(w.Chunk), bytes.NewReader(w.content.data))
	if err != nil {
		return err
	}
	w.meta = ppsp.StaticDefaults(ppsp.SwarmID(tree.Root()))
	w.meta.ChunkSize = uint32(w.Chunk)
	w.source = w.newHost(w.Source)
	w.tracker.seeder = w.source
	var have chunk.Set
	have.Add(chunk.Range{End: w.chunks})
	return w.start(w.source, swarm.Config{Store: w.content, Tree: tree, Have: have})
}

// equipFilm gives a home its engine, which knows the film's length from the link, and its
// viewer.
func (w *world) equipFilm(h *home) error {
	tree := merkle.NewTree(w.meta.Hash, []byte(w.meta.SwarmID))
	tree.Expect(w.chunks)
	err := w.start(h.host, swarm.Config{Store: newShelf(w.content, int(w.chunks)), Tree: tree})
	if err != nil {
		return err
	}
	h.viewer = &viewer{
		host: h.host, size: w.Chunk, interval: w.interval, chunks: w.chunks, seeks: int64(w.Seeks), random: h.random,
		from: w.from(),
	}
	h.host.player = h.viewer
	h.viewer.join(w.now)
	h.tick, h.tickAt = h.viewer.tick, w.now
	return nil
}
