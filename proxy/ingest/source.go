// Package ingest takes live input: bytes of a transport stream as a provider hands them
// over, by pipe, by file or by socket, in slots of 188, 192 or 204 bytes. It finds the
// packets, drops those that only fill a constant rate, holds those of a file back until
// their own clock says so, and raises an alarm when the input falls silent:
//
//	io.Reader -> pump -> packets -> pace -> emit
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// DefaultStall is after how much silence the alarm is raised.
	DefaultStall = 5 * time.Second
	// maxBlock bounds the bytes that are handed out at once.
	maxBlock = mpegts.ReadSize
	// maxSearch is how many bytes may come before the first packet, and how many packets'
	// bytes before the first clock of a paced input.
	maxSearch = 1 << 20
)

// Options say how an input is treated; the zero value is that of a pipe.
type Options struct {
	// Paced holds packets back until they are due by the stream's own clock (PCR): for files.
	// Without it they go on as they come, and a slow consumer slows the input down.
	Paced bool
	// Stall is the silence after which Alarm is called; 0 is DefaultStall, less is never.
	Stall time.Duration
	// Alarm is called by Run, once when the input has been silent for Stall and once when it
	// speaks again; it must not block. nil for none.
	Alarm func(Alarm)
}

// Alarm tells that an input has fallen silent, or that it speaks again.
type Alarm struct {
	Silent time.Duration // how long it has been, or had been
	Over   bool
}

// Stats are the counts of an input since its beginning.
type Stats struct {
	Stride  int    // bytes of a packet's slot: 188, 192, 204; 0 while unknown
	Packets uint64 // handed out
	Nulls   uint64 // dropped because they carry nothing
	Passed  uint64 // bytes dropped because they belong to no packet
	Losses  uint64 // how often the packets' rhythm was lost
}

// Source is one input. It runs once.
type Source struct {
	r       io.Reader
	options Options
	pump    *pump   // nil before Look or Run
	early   []block // what Look has read

	framer mpegts.Framer
	batch  []byte // whole packets to be handed out next
	pace   pace
	begun  bool // a packet has been found
	read   uint64
	count  Stats

	mu    sync.Mutex
	stats Stats // a copy of count
}

// New makes a source of what r reads. When r is an io.Closer, Run closes it at its end.
func New(r io.Reader, o Options) *Source {
	if o.Stall == 0 {
		o.Stall = DefaultStall
	}
	return &Source{r: r, options: o}
}

// Stats tells the counts, up to the last bytes that were read. Any goroutine may call it.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run hands out whole packets, up to 64 KiB at a time; the slice is valid during the call of
// emit. It returns nil at the end of the input, the cause when ctx ends, and the error when
// emit or the input fails or the input is no transport stream.
func (s *Source) Run(ctx context.Context, emit func(packets []byte) error) error {
	if s.pump == nil {
		s.pump = startPump(s.r)
	}
	p := s.pump
	defer p.stop()
	s.read = 0
	for _, b := range s.early {
		err := s.take(ctx, b.data, emit)
		if err == nil && b.err != nil {
			err = s.finish(ctx, b.err, emit)
		}
		if err != nil || b.err != nil {
			return err
		}
	}
	s.early = nil
	silence := newSilence(s.options)
	defer silence.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-silence.timer.C:
			silence.ring()
		case b := <-p.full:
			if len(b.data) > 0 {
				silence.end()
			}
			err := s.take(ctx, b.data, emit)
			if err == nil && b.err != nil {
				return s.finish(ctx, b.err, emit)
			}
			if err != nil {
				return err
			}
			p.free <- b.data
			silence.begin()
		}
	}
}

// take passes on the packets of some bytes.
func (s *Source) take(ctx context.Context, b []byte, emit func([]byte) error) error {
	s.read += uint64(len(b))
	var failed error
	s.framer.Feed(b, func(p mpegts.Packet) {
		if failed == nil {
			failed = s.packet(ctx, p, emit)
		}
	})
	if failed == nil && !s.options.Paced {
		failed = s.flush(emit)
	}
	s.publish()
	if failed == nil && !s.begun && s.read > maxSearch {
		return s.notTS()
	}
	return failed
}

func (s *Source) packet(ctx context.Context, p mpegts.Packet, emit func([]byte) error) error {
	s.begun = true
	if s.options.Paced {
		if err := s.hold(ctx, p, emit); err != nil {
			return err
		}
	}
	if p.PID() == mpegts.NullPID {
		s.count.Nulls++
		return nil
	}
	s.batch = append(s.batch, p...)
	if len(s.batch) >= maxBlock && !s.waitsForClock() {
		return s.flush(emit)
	}
	return nil
}

// waitsForClock says that packets are gathered until the first clock tells their time.
func (s *Source) waitsForClock() bool { return s.options.Paced && !s.pace.started }

// hold hands out, each at its time, what lies before a packet with a clock.
func (s *Source) hold(ctx context.Context, p mpegts.Packet, emit func([]byte) error) error {
	if s.waitsForClock() && len(s.batch) > maxSearch {
		return errNoClock
	}
	if !s.pace.see(p) {
		return nil
	}
	if err := s.flush(emit); err != nil {
		return err
	}
	return s.pace.wait(ctx)
}

// errNoClock says that a file cannot be played in real time.
var errNoClock = errors.New("the input has no clock (PCR) to pace it by: repack it with ffmpeg -i FILE -c copy -f mpegts")

// errEmpty says that there is no input at all.
var errEmpty = errors.New("the input ended before its first byte: look at what the program said that should make it")

func (s *Source) notTS() error {
	if s.read == 0 {
		return errEmpty
	}
	return fmt.Errorf("no packets of an MPEG transport stream in %d bytes of input: make one with ffmpeg -i INPUT -c copy -f mpegts -", s.read)
}

// flush hands out what has been gathered.
func (s *Source) flush(emit func([]byte) error) error {
	for rest := s.batch; len(rest) > 0; {
		n := min(len(rest), maxBlock)
		s.count.Packets += uint64(n / mpegts.PacketSize)
		if err := emit(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	s.batch = s.batch[:0]
	return nil
}

// finish ends a run whose input has ended.
func (s *Source) finish(ctx context.Context, ended error, emit func([]byte) error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.Is(ended, io.EOF):
		return fmt.Errorf("read the input: %w", ended)
	case !s.begun:
		return s.notTS()
	case s.waitsForClock():
		return errNoClock
	}
	err := s.flush(emit)
	s.publish()
	return err
}

func (s *Source) publish() {
	s.count.Stride, s.count.Passed, s.count.Losses = s.framer.Stride(), s.framer.Passed(), s.framer.Losses()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats = s.count
}
