package mpegts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrGone says that a segment is not, or not any more, in the ring.
var ErrGone = errors.New("this part of the channel is no longer kept")

// Segment is a part of a channel that players fetch as a file (RFC 8216, 3).
type Segment struct {
	Number        uint64 // grows by one from segment to segment
	Duration      time.Duration
	Date          time.Time // when its first frame came in, about
	Discontinuity bool      // does not continue the segment before
	Clean         bool      // begins with a keyframe
}

// Playlist is what players are told of a channel's segments (RFC 8216, 4.3.3): the newest, as
// many as are sure to live on for as long as players may need them.
type Playlist struct {
	Target          time.Duration // whole seconds, the same for ever; no segment is longer, rounded
	Discontinuities uint64        // number of those before the first segment
	Segments        []Segment     // oldest first, at least one
}

// Playlist waits for the first segment and lists what there is. now is the time of the day.
func (b *Bus) Playlist(ctx context.Context, now func() time.Time) (Playlist, error) {
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.moved.Broadcast()
	})
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.segments.n == 0 {
		if ctx.Err() != nil {
			return Playlist{}, context.Cause(ctx)
		}
		if b.closed {
			return Playlist{}, io.EOF
		}
		b.moved.Wait()
	}
	return b.playlist(now()), nil
}

func (b *Bus) playlist(now time.Time) Playlist {
	s := &b.segments
	s.settle(now)
	s.date(now, b.newest)
	from := s.window(b.ring.visible, len(b.ring.data))
	p := Playlist{Target: ptsDuration(s.target), Discontinuities: s.broke + s.breaks, Segments: make([]Segment, 0, s.n-from)}
	for i := range s.n {
		g := s.at(i)
		if i < from {
			if g.discontinuity {
				p.Discontinuities++
			}
			continue
		}
		p.Segments = append(p.Segments, Segment{
			Number: s.base + s.removed + uint64(i), Duration: ptsDuration(g.length), Date: g.date, Discontinuity: g.discontinuity, Clean: g.clean,
		})
	}
	return p
}

// NumberBreaks makes the numbers of discontinuities begin with from at least. It is for a channel that is
// opened anew, before the first Playlist: from is what Breaks told of the last.
func (b *Bus) NumberBreaks(from uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.segments.target == 0 {
		b.segments.broke = from
	}
}

// Breaks is the number behind that of the last discontinuity of the channel.
func (b *Bus) Breaks() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.segments
	n := s.broke + s.breaks + 1
	for i := range s.n {
		if s.at(i).discontinuity {
			n++
		}
	}
	return n
}

// OpenSegment returns a segment by its number, ErrGone when it is not there. Its bytes are those
// of the ring, behind the tables in force at its beginning.
func (b *Bus) OpenSegment(number uint64) (*SegmentReader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.segments.find(number)
	if g == nil {
		return nil, ErrGone
	}
	return &SegmentReader{bus: b, tables: g.numbered(), start: g.start, size: int64(len(g.tables)) + int64(g.end-g.start)}, nil
}

// SegmentReader reads one segment. It is to be used by one goroutine, and holds nothing: it
// need not be closed. A Read fails with ErrGone once the ring has gone on too far.
type SegmentReader struct {
	bus    *Bus
	tables []byte
	start  uint64
	size   int64
	at     int64
}

// Size is the length of the segment in bytes.
func (r *SegmentReader) Size() int64 { return r.size }

// Read implements io.Reader.
func (r *SegmentReader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.size-r.at)]
	if head := int64(len(r.tables)); r.at < head {
		n := copy(p, r.tables[r.at:])
		r.at += int64(n)
		return n, nil
	}
	b := r.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	from := r.start + uint64(r.at-int64(len(r.tables)))
	if from < b.ring.tail() {
		return 0, ErrGone
	}
	n := b.ring.copyFrom(p, from)
	r.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (r *SegmentReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d in a segment: before its beginning", offset)
	}
	r.at = offset
	return offset, nil
}
