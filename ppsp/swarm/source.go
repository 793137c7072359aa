package swarm

import (
	"errors"
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
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
	l.copies[i%l.window], l.offers.promised[i%l.window], l.offers.holders[i%l.window] = 0, 0, 0
	l.appendNext++
	r, err := s.sign(now, b)
	if err != nil || r.Empty() {
		return err
	}
	s.release(now, r)
	return nil
}

// release announces chunks that can now be proven.
func (s *Swarm) release(now int64, r chunk.Range) {
	s.have.Add(r)
	s.emit(Event{Kind: EventChunks, Chunks: r})
	s.offer(now, r)
}

// Finish ends the broadcast at its source: rest, if it is not empty, is the last chunk, which
// alone may be shorter than the others, and what was not signed yet is signed. The swarm goes
// on to serve; Append is refused from now on.
func (s *Swarm) Finish(now int64, rest []byte) error {
	l := s.live
	switch {
	case l == nil || l.source == nil:
		return errors.New("finish: this swarm is not live, or its private key is not here")
	case l.ended:
		return nil
	case len(rest) > s.meta.LargestChunk():
		return fmt.Errorf("finish: last chunk of %d bytes, want at most %d", len(rest), s.meta.LargestChunk())
	}
	if len(rest) > 0 {
		if err := s.append(now, rest); err != nil {
			return err
		}
	}
	l.ended = true
	r, err := s.signRest(now)
	if err != nil || r.Empty() {
		return err
	}
	s.release(now, r)
	return nil
}

// Served tells, at the source of a live stream, whether every peer has shown to have its newest
// chunk, and waits for no other.
func (s *Swarm) Served() bool {
	last, ok := s.have.Last()
	for _, c := range s.order {
		there := c.state == stateOpen || c.state == stateResponding
		if there && (ok && !c.peerHave.Has(last) || c.count() > 0 || c.flight.line.len() > 0) {
			return false
		}
	}
	return true
}

// NextChunk returns the number that the next Append gives, 0 for receivers.
func (s *Swarm) NextChunk() uint64 {
	if s.live == nil {
		return 0
	}
	return s.live.appendNext
}
