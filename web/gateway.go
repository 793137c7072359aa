package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// Gateway is what this package needs of proxy.Gateway.
type Gateway interface {
	// Items returns the catalog in the order in which it is shown.
	Items() []proxy.Item
	// Item returns one of them.
	Item(id string) (proxy.Item, bool)
	// Add puts what a link names into the catalog. Its error tells a person what is
	// wrong with the link; proxy.ErrConfigured when the configuration has another link to it.
	Add(link string) (proxy.Item, error)
	// Remove takes an item out: proxy.ErrNotFound when it is not there, proxy.ErrConfigured
	// when it comes with the configuration.
	Remove(id string) error
	// SetFavourite makes an item a favourite of the household, or takes that back.
	SetFavourite(id string, favourite bool) error
	// SetPosition notes where the viewer of a film left it: proxy.ErrNotFound when it is no film.
	SetPosition(id string, position time.Duration) error
	// OpenLive returns a channel as MPEG-TS from its newest keyframe on. It blocks until
	// the first bytes are there or ctx ends; reads end with ctx too.
	OpenLive(ctx context.Context, id string) (io.ReadCloser, error)
	// Segments lists what a channel has in segments, once there is one or ctx ends. client names
	// who asks.
	Segments(ctx context.Context, id, client string) (mpegts.Playlist, error)
	// Segment returns one of them: proxy.ErrNotFound when it is not there.
	Segment(id, client string, number uint64) (io.ReadSeeker, error)
	// LowLatency returns what answers for a channel's files in Low-Latency HLS: proxy.NoFragmentsError
	// when its coding does not allow that.
	LowLatency(ctx context.Context, id, client string) (http.Handler, error)
	// Converts tells whether OpenConverted can be asked.
	Converts() bool
	// OpenConverted is OpenLive of a channel in a coding that browsers play.
	OpenConverted(ctx context.Context, id string) (io.ReadCloser, error)
	// OpenFilm returns a film once its size is known. ctx bounds its reads too.
	OpenFilm(ctx context.Context, id string) (proxy.Film, error)
	// Sessions returns what is being watched.
	Sessions() []proxy.Session
	// Overview returns what was done since the start.
	Overview() proxy.Overview
	// Changes returns a number that changes with the catalog.
	Changes() uint32
	// Subscribe returns a channel that ticks on any change of catalog or sessions until
	// ctx ends.
	Subscribe(ctx context.Context) <-chan struct{}

	TimeShift
	Subtitles
	Editor
}
