package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
	"github.com/swarmgate/swarmgate/proxy/transcode"
)

const (
	// maxConversions bounds the children of ffmpeg: a home server has no more to give.
	maxConversions = 2
	// convertedBuffer is the memory in bytes in which a converted channel waits for its screens.
	convertedBuffer = 4 << 20
	// convertedWarm is for how long a conversion goes on without a screen.
	convertedWarm = 10 * time.Second
	// convertAgain is for how long a conversion that failed at once is not tried again.
	convertAgain = 30 * time.Second
	// codecPatience is for how long the tables of a channel are waited for.
	codecPatience = 20 * time.Second
)

// ErrNoConverter says that there is no ffmpeg.
var ErrNoConverter = errors.New("ffmpeg is not there, or switched off")

// conversion is a channel as ffmpeg makes it for browsers, while somebody watches that.
type conversion struct {
	mu      sync.Mutex
	bus     *mpegts.Bus // nil while none runs
	cancel  context.CancelFunc
	screens int
	idle    *time.Timer
	failed  error // lately
	until   time.Time
}

// Converts tells whether channels can be had in a coding that browsers play.
func (g *Gateway) Converts() bool { return g.cfg.FFmpeg != "" }

// OpenConverted is OpenLive of the channel as ffmpeg makes it for browsers, with H.264 and AAC. The
// first one to ask starts a child, which ends some seconds after the last has gone. The error is ErrNoConverter without ffmpeg, ErrBusy
// where as many channels are converted as may be.
func (g *Gateway) OpenConverted(ctx context.Context, id string) (io.ReadCloser, error) {
	if !g.Converts() {
		return nil, ErrNoConverter
	}
	s, err := g.acquire(ctx, id, ppsp.Live)
	if err != nil {
		return nil, err
	}
	stream, err := g.openConverted(ctx, s)
	if err != nil {
		s.release()
		return nil, err
	}
	g.watched(id)
	return stream, nil
}

func (g *Gateway) openConverted(ctx context.Context, s *session) (io.ReadCloser, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	c, ok := s.content.(*channel)
	if !ok {
		return nil, ErrNotFound
	}
	g.notify.tick()
	codecs, err := c.coding(ctx)
	if err != nil {
		return nil, err
	}
	v := &c.conversion
	bus, err := g.converting(ctx, c, codecs)
	if err != nil {
		return nil, err
	}
	r := bus.NewReader(ctx)
	first := make([]byte, mpegts.ReadSize)
	n, err := r.Read(first)
	if err != nil {
		_ = r.Close()
		v.leave(bus)
		if errors.Is(err, io.EOF) {
			err = v.why(s.ending())
		}
		return nil, err
	}
	release := func() { v.leave(bus); s.release() }
	return &viewer{ReadCloser: &begun{io.MultiReader(bytes.NewReader(first[:n]), r), r}, release: release}, nil
}

// coding waits until it is known how a channel is coded.
func (c *channel) coding(ctx context.Context) (Codecs, error) {
	ctx, cancel := context.WithTimeout(ctx, codecPatience)
	defer cancel()
	r := c.bus.NewReader(ctx)
	defer r.Close()
	if _, err := r.Read(make([]byte, mpegts.PacketSize)); err != nil {
		return Codecs{}, err
	}
	info := c.bus.Info()
	return Codecs{info.Video, info.Audio}, nil
}

// converting returns the bus of a conversion with one screen more, and starts the conversion where none runs.
func (g *Gateway) converting(ctx context.Context, c *channel, codecs Codecs) (*mpegts.Bus, error) {
	v := &c.conversion
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.bus != nil:
		v.screens++
		v.idle.Stop()
		return v.bus, nil
	case time.Now().Before(v.until):
		return nil, v.failed
	}
	select {
	case g.convert <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	bus := mpegts.NewBus(convertedBuffer)
	stop := make(chan context.CancelFunc, 1)
	run := func(ctx context.Context) {
		defer func() { <-g.convert }()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stop <- cancel
		began := time.Now()
		in := c.bus.NewReader(ctx)
		err := transcode.Run(ctx, g.cfg.FFmpeg, transcode.Arguments(codecs.Video, codecs.Audio), in, bus)
		_ = in.Close()
		g.converted(c, bus, err, time.Since(began))
	}
	select {
	case g.spawn <- run:
	case <-ctx.Done():
		<-g.convert
		return nil, context.Cause(ctx)
	case <-g.ended:
		<-g.convert
		return nil, errors.New("the gateway is shutting down")
	}
	v.bus, v.cancel, v.screens, v.failed = bus, <-stop, 1, nil
	v.idle = time.AfterFunc(convertedWarm, v.cancel)
	v.idle.Stop()
	g.log.Info().Str("title", c.link.Title).Str("video", codecs.Video).Str("audio", codecs.Audio).Msg("ffmpeg converts the channel for browsers")
	return bus, nil
}

// converted notes that a conversion has ended.
func (g *Gateway) converted(c *channel, bus *mpegts.Bus, err error, lasted time.Duration) {
	v := &c.conversion
	v.mu.Lock()
	v.bus = nil
	v.idle.Stop()
	failed := !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF)
	if failed {
		v.failed = fmt.Errorf("it can't be converted for browsers: %w", err)
		if lasted < convertAgain {
			v.until = time.Now().Add(convertAgain)
		}
	}
	v.mu.Unlock()
	bus.Close()
	if failed {
		g.log.Warn().Str("title", c.link.Title).Err(err).Msg("the channel can't be converted for browsers")
		return
	}
	g.log.Info().Str("title", c.link.Title).Msg("ffmpeg has ended")
}

// leave says that a screen has gone.
func (v *conversion) leave(bus *mpegts.Bus) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bus != bus {
		return
	}
	if v.screens--; v.screens == 0 {
		v.idle.Reset(convertedWarm)
	}
}

// why is why a conversion has ended, or otherwise the given reason.
func (v *conversion) why(otherwise error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed != nil {
		return v.failed
	}
	return otherwise
}
