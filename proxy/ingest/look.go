package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// Look reads on until it is known that the input is a transport stream, which a paced one is
// with a clock, for so long at most, or until ctx ends. What it has read Run hands out first. The
// error says what is wrong with the input; then all is over, and Run must not be called.
func (s *Source) Look(ctx context.Context, patience time.Duration) error {
	s.pump = startPump(s.r)
	late := time.NewTimer(patience)
	defer late.Stop()
	first := glance{paced: s.options.Paced}
	for {
		select {
		case <-ctx.Done():
			return nil // Run tells
		case <-late.C:
			return nil
		case b := <-s.pump.full:
			s.read += uint64(len(b.data))
			s.early = append(s.early, block{bytes.Clone(b.data), b.err})
			good := first.at(b.data)
			if err := s.judge(good, first.packets, b.err); err != nil {
				s.pump.stop()
				return err
			}
			if b.err == nil {
				s.pump.free <- b.data
			}
			if good {
				return nil
			}
		}
	}
}

// Stop ends a source that was looked at and is not Run.
func (s *Source) Stop() {
	if s.pump != nil {
		s.pump.stop()
	}
}

// judge says what is wrong with the input as far as it was read, nil while it may be right.
func (s *Source) judge(good, packets bool, ended error) error {
	switch {
	case good:
		return nil
	case ended != nil && !errors.Is(ended, io.EOF):
		return fmt.Errorf("read the input: %w", ended)
	case ended == nil && s.read <= maxSearch:
		return nil
	case packets:
		return errNoClock
	}
	return s.notTS()
}

// glance is what the first bytes of an input tell.
type glance struct {
	paced   bool
	framer  mpegts.Framer
	pace    pace
	packets bool // there are some
}

// at looks at further bytes, and tells whether they can be published.
func (g *glance) at(b []byte) bool {
	g.framer.Feed(b, func(p mpegts.Packet) {
		g.packets = true
		if g.paced {
			g.pace.see(p)
		}
	})
	return g.packets && (!g.paced || g.pace.started)
}
