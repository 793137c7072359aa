package swarm

import (
	"errors"
	"fmt"
)

// Append adds the next chunk of the stream at its source, of exactly the swarm's chunk
// size. Every ChunksPerSignature chunks are signed and only then announced (RFC 7574,
// 6.1.2.3).
func (s *Swarm) Append(now int64, b []byte) error {
	l := s.live
	if l == nil || l.source == nil {
		return errors.New("append: this swarm is not live, or its private key is not here")
	}
	if l.ended {
		return errors.New("append: the broadcast has ended")
	}
	if err := s.fitsStream(len(b)); err != nil {
		return err
	}
	return s.append(now, b)
}

// append adds the next chunk, of any size that the swarm allows.
func (s *Swarm) append(now int64, b []byte) error {
	l := s.live
	i := l.appendNext
	if i >= s.format.MaxChunk() {
		return fmt.Errorf("append: chunk addressing %s has no number beyond %d; publish under a new key", s.meta.Addressing, i)
	}
	if err := s.cfg.Store.WriteChunk(i, b); err != nil {
		return fmt.Errorf("append chunk %d: %w", i, err)
	}
	l.copies[i%l.window] = 0
	l.appendNext++
	r, err := s.sign(now, b)
	if err != nil || r.Empty() {
		return err
	}
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
