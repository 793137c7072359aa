package mpegts

import (
	"bytes"
	"context"
	"io"
	"time"
)

// ReadSize is the most that one Read of a Reader returns, whole packets in 64 KiB. A reader
// with so large a buffer catches up with the fewest calls.
const ReadSize = (64 << 10) / PacketSize * PacketSize

// Reader hands out one channel from a keyframe on: PAT and PMT, the newest keyframe, then
// everything as it comes. It is to be used by one goroutine; Close may come from another.
type Reader struct {
	bus  *Bus
	stop func() bool // unhooks it from its context

	err     error
	joined  bool
	back    bool  // the first place is that of since, and not the newest
	since   int64 // on the line
	pos     uint64
	rejoins uint64
	pending []byte // tables, or the rest of a packet, to be handed out first
	memory  []byte // of pending
}

// NewReader makes a reader whose Reads wait for the first keyframe and for the writer, and
// fail when ctx ends.
func (b *Bus) NewReader(ctx context.Context) *Reader {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers++
	r := &Reader{bus: b}
	r.stop = context.AfterFunc(ctx, func() { r.fail(context.Cause(ctx)) })
	return r
}

// NewReaderAt makes a reader that begins at the newest keyframe that is not after the given
// time, the oldest that is stored if there is none, and tells the time of that keyframe. Times
// count from the channel's first keyframe; Span tells which are stored. Before the first
// keyframe it is as NewReader.
func (b *Bus) NewReaderAt(ctx context.Context, since time.Duration) (*Reader, time.Duration) {
	r := b.NewReader(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	r.back, r.since = true, b.origin+int64(since/time.Microsecond)*ptsRate/1e6
	k := b.index.notAfter(r.since)
	if k == nil {
		r.back = false
		return r, 0
	}
	r.since = k.at // where it joins even when older ones are dropped meanwhile
	return r, ptsDuration(k.at - b.origin)
}

// Span returns the times of the oldest and the newest keyframe that are stored, false before
// the first.
func (b *Bus) Span() (from, to time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.index.n == 0 {
		return 0, 0, false
	}
	return ptsDuration(b.index.at(0).at - b.origin), ptsDuration(b.index.at(b.index.n-1).at - b.origin), true
}

// Read returns whole packets where p has room for one. A reader that has fallen behind the
// ring goes on at the newest keyframe, with the tables before it. At the end of the channel
// it fails with io.EOF, after Close with io.ErrClosedPipe.
func (r *Reader) Read(p []byte) (int, error) {
	b := r.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p) == 0 {
		return 0, r.err
	}
	if p = p[:min(len(p), ReadSize)]; len(p) >= PacketSize {
		p = p[:len(p)/PacketSize*PacketSize]
	}
	for {
		if r.err != nil {
			return 0, r.err
		}
		r.join()
		if n := r.fill(p); n > 0 {
			return n, nil
		}
		if b.closed {
			return 0, io.EOF
		}
		b.moved.Wait()
	}
}

// Rejoins is how often the reader fell behind the ring.
func (r *Reader) Rejoins() uint64 {
	r.bus.mu.Lock()
	defer r.bus.mu.Unlock()
	return r.rejoins
}

// Close ends the reader; a Read that waits fails.
func (r *Reader) Close() error {
	r.stop()
	r.fail(io.ErrClosedPipe)
	return nil
}

func (r *Reader) fail(err error) {
	b := r.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.err != nil {
		return
	}
	r.err = err
	b.readers--
	b.moved.Broadcast()
}

// join puts the reader at the newest keyframe, where it has none or has lost its place.
func (r *Reader) join() {
	b := r.bus
	if r.joined {
		if r.pos >= b.ring.tail() {
			return
		}
		r.joined = false
		r.rejoins++
		b.rejoins++
	}
	k := b.index.newest()
	if r.back {
		r.back, k = false, b.index.notAfter(r.since)
	}
	if k == nil {
		return
	}
	r.joined, r.pos = true, k.Offset
	rest := r.memory[:0]
	if len(r.pending) > 0 { // a packet is half handed out
		rest = bytes.Clone(r.pending)
	}
	r.memory = b.appendTables(rest, k.patCounter, k.pmtCounter)
	r.pending = r.memory
}

// fill copies what is at hand.
func (r *Reader) fill(p []byte) int {
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	if len(r.pending) > 0 || !r.joined {
		return n
	}
	m := r.bus.ring.read(p[n:], r.pos)
	r.pos += uint64(m)
	if n+m > 0 || r.pos >= r.bus.ring.visible {
		return n + m
	}
	r.memory = append(r.memory[:0], make([]byte, PacketSize)...)
	r.pos += uint64(r.bus.ring.read(r.memory, r.pos))
	n = copy(p, r.memory)
	r.pending = r.memory[n:]
	return n
}
