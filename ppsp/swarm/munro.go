package swarm

import (
	"fmt"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// munro is a subtree root that the source has signed (RFC 7574, 6.1.2.1).
type munro struct {
	bin       chunk.Bin
	chunks    chunk.Range
	ntp       uint64
	hash      []byte
	signature []byte // RFC 7574, 6.1.2.2; nil if it was signed in the form of draft 10 alone
	bare      []byte // signature in the form of draft 10, nil for none, see Profile
	at        int64  // when we learned of it
}

// handleMunro takes in a signed munro; its hash came in an INTEGRITY message before it
// (RFC 7574, 6.1.2.3).
func (c *channel) handleMunro(now int64, m *wire.Message) bool {
	s, l := c.s, c.s.live
	bin, ok := chunk.BinOf(m.Chunks)
	if !ok || m.Chunks.Len() < 2 || m.Chunks.Len() > MaxMunro {
		return false
	}
	if m.Chunks.End+l.window <= l.edge {
		return true // fell out of the window already
	}
	if _, known := l.find(bin); known {
		return true
	}
	hash := c.proof.Get(bin)
	if hash == nil {
		return true // "if some additional data is still missing … the message SHOULD be dropped"
	}
	if !l.inOrder(m.Chunks, c.munroTime(m.Time)) {
		return true // a replay, or two swarms under one key
	}
	signed, ok := c.checkSignature(m, hash)
	if !ok {
		c.ban(now, "a signature that is not the publisher's")
		return false
	}
	if l.tree.AddMunro(bin, hash) != nil {
		return true
	}
	signed.bin, signed.at = bin, now
	signed.hash, signed.signature, signed.bare = slices.Clone(hash), slices.Clone(signed.signature), slices.Clone(signed.bare)
	s.addMunro(signed)
	s.picking.wanted = true
	return true
}

// find returns the place of a munro in the list, or where it belongs.
func (l *liveState) find(b chunk.Bin) (int, bool) {
	start := b.Range().Start
	k, found := slices.BinarySearchFunc(l.munros, start, func(m munro, at uint64) int {
		switch {
		case m.chunks.Start < at:
			return -1
		case m.chunks.Start > at:
			return 1
		}
		return 0
	})
	return k, found && l.munros[k].bin == b
}

// inOrder tells whether a munro's timestamp lies between its neighbours': the source signs
// in the order of the chunks, so what does not fit was replayed (RFC 7574, 6.1.2.4).
func (l *liveState) inOrder(r chunk.Range, ntp uint64) bool {
	k, _ := slices.BinarySearchFunc(l.munros, r.Start, func(m munro, at uint64) int {
		if m.chunks.Start < at {
			return -1
		}
		return 1
	})
	if k > 0 && (l.munros[k-1].ntp > ntp || l.munros[k-1].chunks.End > r.Start) {
		return false
	}
	return k == len(l.munros) || (l.munros[k].ntp >= ntp && l.munros[k].chunks.Start >= r.End)
}

// munroOf returns the signed munro that chunk i belongs to.
func (l *liveState) munroOf(i uint64) *munro {
	k, _ := slices.BinarySearchFunc(l.munros, i, func(m munro, at uint64) int {
		if m.chunks.End <= at {
			return -1
		}
		return 1
	})
	if k < len(l.munros) && l.munros[k].chunks.Contains(i) {
		return &l.munros[k]
	}
	return nil
}

// addMunro takes a verified munro into the window and moves the edge.
func (s *Swarm) addMunro(m munro) {
	l := s.live
	k, _ := l.find(m.bin)
	l.munros = slices.Insert(l.munros, k, m)
	if len(l.munros) > merkle.MaxMunros {
		l.munros = slices.Delete(l.munros, 0, 1)
	}
	s.moveEdge(m.at, m.chunks.End, m.ntp)
}

// moveEdge notes that the stream goes to end; ntp is when the source signed that, 0 if it
// did not.
func (s *Swarm) moveEdge(now int64, end, ntp uint64) {
	l := s.live
	if end <= l.edge {
		return
	}
	if l.next >= l.edge {
		l.waitFrom(now)
	}
	l.edge, l.edgeNTP, l.moved = end, ntp, now
	l.probeAt = now + probeAfter
	if l.source == nil {
		s.tuneIn(now, ntp)
	}
	s.forget()
}

// signMunro signs the subtree over chunks that were appended (RFC 7574, 6.1.2.1).
func (s *Swarm) signMunro(now int64, r chunk.Range) error {
	l := s.live
	hash, ok := l.tree.Munro(r)
	bin, aligned := chunk.BinOf(r)
	if !ok || !aligned {
		return fmt.Errorf("append: chunks %d to %d make no subtree", r.Start, r.End-1)
	}
	m := munro{bin: bin, chunks: r, ntp: s.ntp(now), hash: slices.Clone(hash), at: now}
	if s.cfg.Profile != ProfileDraft10 { // its form is signed when it is asked for, see proves
		var err error
		if m.signature, err = l.source.Sign(s.format.AppendSpec(nil, r), m.ntp, hash); err != nil {
			return fmt.Errorf("sign chunks %d to %d: %w", r.Start, r.End-1, err)
		}
	}
	s.addMunro(m)
	return nil
}
