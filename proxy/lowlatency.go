package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/lowlatency"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// maxLowLatency bounds the channels that are turned into fragmented MP4 at once, each of which
// takes up to 32 MiB.
const maxLowLatency = 4

// NoFragmentsError says why a channel can't be had in fragmented MP4; HLS with segments of the
// transport stream is there all the same.
type NoFragmentsError struct{ Why string }

// Error is a sentence without its end.
func (e NoFragmentsError) Error() string {
	return "this channel can't be had in fragmented MP4: " + e.Why
}

// fragments is a channel in fragmented MP4, while somebody watches that.
type fragments struct {
	mu     sync.Mutex
	stream *lowlatency.Stream
	why    string        // it can't be had so
	of     mpegts.Stream // … while its first stream is this
}

// LowLatency returns what answers for the files of a channel in Low-Latency HLS, once there is
// something to answer. The first one to ask starts it, and it ends when nobody asks any more. client names
// the player, which counts as one viewer while it keeps asking. The error is a NoFragmentsError where the channel's coding does not allow it.
func (g *Gateway) LowLatency(ctx context.Context, id, client string) (http.Handler, error) {
	s, err := g.acquire(ctx, id, ppsp.Live)
	if err != nil {
		return nil, err
	}
	defer s.release()
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	c, ok := s.content.(*channel)
	if !ok {
		return nil, ErrNotFound
	}
	if s.poll(client, time.Now()) {
		g.watched(id)
	}
	stream, err := g.fragmented(ctx, c)
	if err != nil {
		return nil, err
	}
	stream.Touch()
	if err := stream.Open(ctx); err != nil {
		if why, never := errors.AsType[lowlatency.Problem](err); never {
			err = NoFragmentsError{string(why)}
		}
		return nil, err
	}
	return stream, nil
}

// fragmented returns the stream of a channel, and has it run where it does not.
func (g *Gateway) fragmented(ctx context.Context, c *channel) (*lowlatency.Stream, error) {
	f := &c.fragments
	f.mu.Lock()
	defer f.mu.Unlock()
	picture := c.bus.Reference()
	switch {
	case f.why != "" && f.of == picture:
		return nil, NoFragmentsError{f.why}
	case f.stream != nil:
		return f.stream, nil
	}
	select {
	case g.fragmenting <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	started := make(chan *lowlatency.Stream, 1)
	run := func(ctx context.Context) {
		defer func() { <-g.fragmenting }()
		stream := lowlatency.New(ctx, pollPatience)
		f.stream = stream // the asker waits, and holds mu
		started <- stream
		r := c.bus.NewReader(stream.Context())
		defer r.Close()
		err := stream.Run(r)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stream = nil
		if why, never := errors.AsType[lowlatency.Problem](err); never {
			f.why, f.of = string(why), c.bus.Reference()
			g.log.Info().Str("title", c.link.Title).Str("why", f.why).Msg("no fragmented MP4 of this channel; players take its transport stream in segments")
		}
	}
	select {
	case g.spawn <- run:
		return <-started, nil
	case <-ctx.Done():
		<-g.fragmenting
		return nil, context.Cause(ctx)
	case <-g.ended:
		<-g.fragmenting
		return nil, errors.New("the gateway is shutting down")
	}
}

// noFragments is why a channel can't be had in fragmented MP4, as far as is known.
func (c *channel) noFragments() string {
	f := &c.fragments
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != "" && f.of == c.bus.Reference() {
		return f.why
	}
	return ""
}
