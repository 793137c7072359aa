package swarm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
)

// Append adds the next chunk of the stream at its source, of exactly the swarm's chunk
// size. Every ChunksPerSignature chunks are signed and only then announced (RFC 7574,
// 6.1.2.3).
func (s *Swarm) Append(now int64, b []byte) error {
	l := s.live
	if l == nil || l.source == nil {
		return errors.New("append: this swarm is not live, or its private key is not here")
	}
	if len(b) != int(s.meta.ChunkSize) {
		return fmt.Errorf("append: chunk of %d bytes, want %d", len(b), s.meta.ChunkSize)
	}
	i := l.appendNext
	if i >= s.format.MaxChunk() {
		return fmt.Errorf("append: chunk addressing %s has no number beyond %d; publish under a new key", s.meta.Addressing, i)
	}
	if err := s.cfg.Store.WriteChunk(i, b); err != nil {
		return fmt.Errorf("append chunk %d: %w", i, err)
	}
	l.tree.Append(i, b)
	l.copies[i%l.window] = 0
	l.appendNext++
	if l.appendNext%l.perMunro != 0 {
		return nil
	}
	r := chunk.Range{Start: l.appendNext - l.perMunro, End: l.appendNext}
	hash, ok := l.tree.Munro(r)
	bin, aligned := chunk.BinOf(r)
	if !ok || !aligned {
		return fmt.Errorf("append: chunks %d to %d make no subtree", r.Start, r.End-1)
	}
	ntp := livesig.NTP(time.Unix(0, s.cfg.Epoch+now))
	signature, err := l.source.Sign(s.format.AppendSpec(nil, r), ntp, hash)
	if err != nil {
		return fmt.Errorf("sign chunks %d to %d: %w", r.Start, r.End-1, err)
	}
	s.addMunro(munro{bin, r, ntp, slices.Clone(hash), signature, now})
	s.have.Add(r)
	s.emit(Event{Kind: EventChunks, Chunks: r})
	s.offer(now, r)
	return nil
}

// NextChunk returns the number that the next Append gives, 0 for receivers.
func (s *Swarm) NextChunk() uint64 {
	if s.live == nil {
		return 0
	}
	return s.live.appendNext
}
