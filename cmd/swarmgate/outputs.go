package main

import (
	"context"
	"hash/crc32"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/guide"
	"github.com/swarmgate/swarmgate/web"
	"github.com/swarmgate/swarmgate/web/hdhomerun"
)

// openOutputs makes what other programs of the home want: the guide and the tuner.
func (h *home) openOutputs() {
	h.guide = guide.New(guide.Config{
		Sources: h.cfg.guide.Sources, Refresh: time.Duration(h.cfg.guide.Refresh), Changes: h.gateway.Changes, Channels: h.guided, Stream: h.gateway.OnAir, Logger: h.cfg.log,
	})
	// The same after a restart, by which programs know the tuner again.
	h.tuner = web.Tuner{ID: hdhomerun.DeviceID(crc32.ChecksumIEEE([]byte(h.cfg.state.DeviceUUID()))), Count: max(h.cfg.tuner.Tuners, 1)}
}

// guided lists what the guide is sought for.
func (h *home) guided() []guide.Channel {
	var list []guide.Channel
	for _, item := range h.gateway.Items() {
		if item.Kind == ppsp.Live {
			list = append(list, guide.Channel{ID: item.ID, Title: item.Title})
		}
	}
	return list
}

// runTuner lets programs find the tuner until ctx ends. What stands in its way is told, and the rest goes on.
func (h *home) runTuner(ctx context.Context) {
	if !h.cfg.tuner.Discovery {
		return
	}
	server := hdhomerun.Server{Device: hdhomerun.Device{ID: h.tuner.ID, Tuners: h.tuner.Count}, HTTP: h.port(), Logger: h.cfg.log}
	if err := server.Run(ctx); err != nil {
		h.cfg.log.Error().Err(err).Msg("programs can't find the tuner by themselves; they can be given its address")
	}
}
