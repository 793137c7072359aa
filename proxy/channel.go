package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	assumedRate  = 4e6              // bits per second of a channel whose link does not say
	tuneBehind   = 2500             // ms of the stream fetched from behind its edge, so that a keyframe is in it
	starvedAfter = 2 * time.Second  // without a new chunk
	peerSpan     = 20 * time.Second // of the stream, kept for peers
	startBuffer  = 1.0              // seconds that make a channel ready, for the words of its state
)

// channel is the content of a live session: a ring of chunks in memory, and the transport
// stream made of those that are next, from which any number of screens read.
type channel struct {
	link    ppsp.Link
	ring    *store.Ring
	window  uint64
	bus     *mpegts.Bus
	scratch []byte
	breaks  *atomic.Uint64

	fragments  fragments
	conversion conversion
	look       func()       // tells that the picture comes, or comes back
	fedAt      atomic.Int64 // Unix nanoseconds of the newest chunk, 0 before the first
}

func newChannel(s *session) *channel {
	size := chunkSize(s.link.Metadata)
	kept := keptForPeers(s.gateway.cfg.LiveBuffer, s.link.Rate)
	chunks := min(max(kept/size, 64), swarm.MaxLiveWindow)
	c := &channel{
		link: s.link, window: uint64(chunks),
		ring: store.NewRing(s.link.ChunkSize, int(chunks)),
		bus:  mpegts.NewBus(int(s.gateway.cfg.LiveBuffer - kept)),
		look: s.gateway.look, breaks: &s.gateway.breaks,
	}
	c.bus.NumberBreaks(c.breaks.Load())
	return c
}

// keptForPeers is how much of a channel's memory keeps chunks for other peers, who all are near
// the edge: peerSpan of the stream, an eighth at least and a half at most. The rest is the stream
// for the screens, which go back in it.
func keptForPeers(memory, rate int64) int64 {
	if rate <= 0 {
		rate = assumedRate
	}
	return min(max(min(rate, 8*memory)/8*int64(peerSpan/time.Second), memory/8), memory/2)
}

func (c *channel) config() swarm.Config {
	rate := c.link.Rate
	if rate <= 0 {
		rate = assumedRate
	}
	behind := uint64(rate/8*tuneBehind/1000/chunkSize(c.link.Metadata)) + 1
	return swarm.Config{Meta: c.link.Metadata, Store: c.ring, Window: c.window, Behind: behind}
}

// chunkSize is how many bytes a chunk of a channel has, or is taken to have where they vary.
func chunkSize(m ppsp.Metadata) int64 {
	if m.ChunkSize == ppsp.VariableChunks {
		return ppsp.DefaultChunkSize
	}
	return int64(m.ChunkSize)
}

func (c *channel) attach(context.Context, *node.Swarm) {}

// event feeds the bus with what is next in order.
func (c *channel) event(e swarm.Event) {
	switch e.Kind {
	case swarm.EventPlay:
		for i := e.Chunks.Start; i < e.Chunks.End; i++ {
			b, err := c.ring.AppendChunk(c.scratch[:0], i)
			if err != nil {
				c.bus.Discontinuity()
				continue
			}
			c.scratch = b
			_, _ = c.bus.Write(b) // a bus takes any bytes
		}
		now := time.Now()
		if before := c.fedAt.Swap(now.UnixNano()); now.Sub(time.Unix(0, before)) > starvedAfter {
			c.look()
		}
	case swarm.EventSkip:
		c.bus.Discontinuity()
	}
}

func (c *channel) buffered(now time.Time) buffering {
	info := c.bus.Info()
	fed := c.fedAt.Load()
	return buffering{
		seconds: info.Buffered.Seconds(), ready: info.Keyframes > 0, want: startBuffer,
		starved: now.Sub(time.Unix(0, fed)) > starvedAfter, codecs: Codecs{info.Video, info.Audio}, whole: c.noFragments(),
	}
}

func (c *channel) close(error) {
	c.bus.Close()
	for last, next := c.breaks.Load(), c.bus.Breaks(); next > last; last = c.breaks.Load() {
		if c.breaks.CompareAndSwap(last, next) {
			return
		}
	}
}

// begun is a stream whose first bytes were read ahead.
type begun struct {
	io.Reader
	io.Closer
}

// OpenLive returns a channel as a transport stream for one screen: first its tables and
// the newest keyframe, then everything as it comes. It waits for the first bytes, and reads
// wait for the swarm; they end with ctx, or with io.EOF when the session does. The first one
// to ask starts the session.
func (g *Gateway) OpenLive(ctx context.Context, id string) (io.ReadCloser, error) {
	stream, _, err := g.openLive(ctx, id, func(b *mpegts.Bus) (*mpegts.Reader, time.Duration) { return b.NewReader(ctx), 0 })
	return stream, err
}

// OpenLiveAt is OpenLive from an earlier time on, as far as the buffer reaches back; times
// count from the first keyframe of the session. It tells where the stream begins.
func (g *Gateway) OpenLiveAt(ctx context.Context, id string, since time.Duration) (io.ReadCloser, time.Duration, error) {
	return g.openLive(ctx, id, func(b *mpegts.Bus) (*mpegts.Reader, time.Duration) { return b.NewReaderAt(ctx, since) })
}

// LiveSpan returns from when to when a channel that is being watched lies in its buffer,
// false where it is not watched or nothing has come yet.
func (g *Gateway) LiveSpan(id string) (from, to time.Duration, ok bool) {
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	c := s.channelContent()
	if c == nil {
		return 0, 0, false
	}
	return c.bus.Span()
}

func (g *Gateway) openLive(ctx context.Context, id string, read func(*mpegts.Bus) (*mpegts.Reader, time.Duration)) (io.ReadCloser, time.Duration, error) {
	s, err := g.acquire(ctx, id, ppsp.Live)
	if err != nil {
		return nil, 0, err
	}
	if err := s.open(ctx); err != nil {
		s.release()
		return nil, 0, err
	}
	c, ok := s.content.(*channel)
	if !ok {
		s.release()
		return nil, 0, ErrNotFound
	}
	g.notify.tick()
	r, at := read(c.bus)
	first := make([]byte, mpegts.ReadSize)
	n, err := r.Read(first) // waits for a keyframe
	if err != nil {
		_ = r.Close()
		s.release()
		if errors.Is(err, io.EOF) {
			err = s.ending()
		}
		return nil, 0, err
	}
	g.watched(id)
	return &viewer{ReadCloser: &begun{io.MultiReader(bytes.NewReader(first[:n]), r), r}, release: s.release}, at, nil
}
