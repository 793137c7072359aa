package renderer

import (
	"context"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer/lastchange"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

const (
	// patience bounds an action with its repetitions.
	patience = actionTimeout + 8*time.Second
	// settleTime is what a renderer is given to come to rest before it is asked again.
	settleTime = 300 * time.Millisecond
	// playTries is how often Play is tried while the renderer says that it is under way.
	playTries = 4
)

// Play has a renderer play a channel or film: proxy.ErrNotFound if there is none of that ID.
func (c *Controller) Play(ctx context.Context, id, channel string) error {
	item, ok := c.config.Library.Item(channel)
	if !ok {
		return proxy.ErrNotFound
	}
	return c.act(ctx, id, func(ctx context.Context, d *device, e *endpoint) error { return d.play(ctx, e, item) })
}

// Pause halts the picture.
func (c *Controller) Pause(ctx context.Context, id string) error {
	return c.act(ctx, id, func(ctx context.Context, d *device, e *endpoint) error {
		return d.explain("pause", e.transport.PauseCtx(ctx, 0))
	})
}

// Resume goes on after Pause.
func (c *Controller) Resume(ctx context.Context, id string) error {
	return c.act(ctx, id, func(ctx context.Context, d *device, e *endpoint) error {
		return d.explain("go on", e.transport.PlayCtx(ctx, 0, "1"))
	})
}

// Stop ends what the renderer plays, and gives back what it had of ours.
func (c *Controller) Stop(ctx context.Context, id string) error {
	return c.act(ctx, id, func(ctx context.Context, d *device, e *endpoint) error {
		d.observe(func(s *status) { s.starting = time.Time{} })
		err := e.transport.StopCtx(ctx, 0)
		// What it refuses to stop ends when no more bytes come.
		if cut := d.streams.cut(); err != nil && !(cut > 0 && faulty(err)) {
			return d.explain("stop", err)
		}
		d.observe(func(s *status) { s.transport("STOPPED") })
		return nil
	})
}

// Seek goes to a place in a film, 0 or later.
func (c *Controller) Seek(ctx context.Context, id string, to time.Duration) error {
	return c.act(ctx, id, func(ctx context.Context, d *device, e *endpoint) error {
		d.mu.Lock()
		channel, duration := d.seen.channel, d.seen.duration
		d.mu.Unlock()
		if item, ok := c.config.Library.Item(channel); ok && item.Kind == ppsp.Live {
			return refused("a live channel has no place to go to; only films have")
		}
		if duration > 0 {
			to = min(to, duration)
		}
		to = max(to, 0)
		if err := e.transport.SeekCtx(ctx, 0, "REL_TIME", lastchange.FormatTime(to)); err != nil {
			return d.explain("go there", err)
		}
		d.observe(func(s *status) { s.position, s.at = to.Truncate(time.Second), time.Now() })
		return nil
	})
}

// SetVolume sets the volume in percent, from 0 to 100.
func (c *Controller) SetVolume(ctx context.Context, id string, to int) error {
	return c.act(ctx, id, func(ctx context.Context, d *device, e *endpoint) error {
		if e.rendering == nil {
			return refused("%s lets nobody else set its volume; use its own remote control", e.about.Name)
		}
		to = min(max(to, 0), 100)
		if err := e.rendering.SetVolumeCtx(ctx, 0, master, uint16((to*e.maxVolume+50)/100)); err != nil {
			return d.explain("set its volume", err)
		}
		d.observe(func(s *status) { s.volume = to })
		return nil
	})
}

// act carries out an action, one at a time for each renderer.
func (c *Controller) act(ctx context.Context, id string, do func(context.Context, *device, *endpoint) error) error {
	d, err := c.find(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case d.acting <- struct{}{}:
		defer func() { <-d.acting }()
	case <-ctx.Done():
		return silent("the TV or speaker is still busy with what it was told before; try again in a moment")
	}
	d.mu.Lock()
	e := d.endpoint
	d.mu.Unlock()
	defer d.refresh()
	return do(ctx, d, e)
}

// play tells the renderer what to fetch, and to begin.
func (d *device) play(ctx context.Context, e *endpoint, item proxy.Item) error {
	base, err := d.controller.config.base(e.host)
	if err != nil {
		return refused("%v", err)
	}
	at := streamURL(base, d.id, item)
	about, mark := metadata(item, at), e.sign.mark()
	err = e.transport.SetAVTransportURICtx(ctx, 0, at, about)
	if err != nil && e.sign.since(mark) {
		// Some take nothing new before they have stopped.
		_ = e.transport.StopCtx(ctx, 0)
		if pause(ctx, settleTime) {
			err = e.transport.SetAVTransportURICtx(ctx, 0, at, about)
		}
	}
	if err != nil {
		return d.explain("take "+item.Title, err)
	}
	before := d.begin(item, at)
	if err = d.start(ctx, e); err != nil {
		d.observe(func(s *status) { *s = before })
		return d.explain("play "+item.Title, err)
	}
	d.controller.config.Logger.Info().Str("name", e.about.Name).Str("title", item.Title).Msg("sent to a TV or speaker")
	return nil
}

// begin notes that the renderer has been given something, and returns what was before.
func (d *device) begin(item proxy.Item, at string) (before status) {
	d.observe(func(s *status) {
		before = *s
		before.channel, before.url = "", ""
		*s = status{
			state: Buffering, channel: item.ID, url: at, starting: time.Now(), duration: item.Duration, volume: s.volume,
			live: item.Kind == ppsp.Live,
		}
	})
	return before
}

// start has the renderer play. While it still looks at what it was given it may refuse; and
// it may have begun by itself.
func (d *device) start(ctx context.Context, e *endpoint) error {
	var err error
	for range playTries {
		since, mark := time.Now(), e.sign.mark()
		if err = e.transport.PlayCtx(ctx, 0, "1"); err == nil {
			return nil
		}
		if opened, open := d.streams.newest(e.host); open && !faulty(err) && !opened.Before(since) {
			return nil // it fetches, and will answer when it has begun
		}
		if !e.sign.since(mark) {
			return err
		}
		if transport, _, _, asked := e.transport.GetTransportInfoCtx(ctx, 0); asked == nil && transport == "PLAYING" {
			return nil
		}
		if !pause(ctx, settleTime) {
			break
		}
	}
	return err
}
