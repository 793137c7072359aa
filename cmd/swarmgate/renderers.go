package main

import (
	"context"
	"errors"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer"
	"github.com/swarmgate/swarmgate/web"
)

// renderers returns the TVs and speakers for the page, nil where there is no media server.
func (h *home) renderers() web.Renderers {
	if h.dlna == nil {
		return nil
	}
	return screens{h.dlna.Renderers()}
}

// screens are the renderers as web wants them.
type screens struct{ controller *renderer.Controller }

// Renderers is that of web.Renderers, like the other methods.
func (s screens) Renderers() []web.Renderer {
	all := s.controller.List()
	list := make([]web.Renderer, 0, len(all))
	for _, r := range all {
		one := web.Renderer{
			ID: r.ID, Name: r.Name, Model: r.Model, State: string(r.State), Channel: r.Channel,
			PositionS: r.Position.Truncate(time.Second / 10).Seconds(), DurationS: r.Duration.Seconds(),
		}
		if r.Volume != renderer.UnknownVolume {
			one.Volume = &r.Volume
		}
		list = append(list, one)
	}
	return list
}

func (s screens) Play(ctx context.Context, id, channel string) error {
	return forWeb(s.controller.Play(ctx, id, channel))
}

func (s screens) Pause(ctx context.Context, id string) error {
	return forWeb(s.controller.Pause(ctx, id))
}

func (s screens) Resume(ctx context.Context, id string) error {
	return forWeb(s.controller.Resume(ctx, id))
}

func (s screens) Stop(ctx context.Context, id string) error {
	return forWeb(s.controller.Stop(ctx, id))
}

func (s screens) Seek(ctx context.Context, id string, to time.Duration) error {
	return forWeb(s.controller.Seek(ctx, id, to))
}

func (s screens) SetVolume(ctx context.Context, id string, percent int) error {
	return forWeb(s.controller.SetVolume(ctx, id, percent))
}

// worded is an error of a renderer with what web makes of it.
type worded struct{ error }

// Is tells which error of web it is.
func (w worded) Is(target error) bool {
	return target == web.ErrNoRenderer && errors.Is(w.error, renderer.ErrNoRenderer) ||
		target == web.ErrRefused && errors.Is(w.error, renderer.ErrRefused)
}

// Unwrap returns the renderer's error.
func (w worded) Unwrap() error { return w.error }

func forWeb(err error) error {
	if err == nil {
		return nil
	}
	return worded{err}
}
