package proxy

import (
	"fmt"
	"maps"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/viewing"
)

// ViewingStore keeps what the household did with its channels and films across restarts
// (proxy/state implements it). What it acknowledges is on the disk.
type ViewingStore interface {
	Viewings() (map[string]viewing.Record, error)
	// PutViewings keeps the records of these Item.IDs, all or none; zero ones are forgotten.
	PutViewings(records map[string]viewing.Record) error
}

const (
	// maxViewings bounds what is remembered, also of items that left the catalog and may come back.
	maxViewings = 2 * MaxItems
	// watchedAgain is how much later a screen must begin for an item to be watched anew: screens
	// ask for a film in many requests.
	watchedAgain = time.Minute
)

func (g *Gateway) restoreViewings() error {
	g.viewings, g.unwritten = map[string]viewing.Record{}, map[string]viewing.Record{}
	if g.cfg.Viewings == nil {
		return nil
	}
	records, err := g.cfg.Viewings.Viewings()
	if err != nil {
		return fmt.Errorf("read what was watched: %w", err)
	}
	maps.Copy(g.viewings, records)
	return nil
}

// SetFavourite makes a channel or film a favourite, or takes that back; when it returns, that is
// kept. The error is ErrNotFound, or says why it could not be kept; then nothing has changed.
func (g *Gateway) SetFavourite(id string, favourite bool) error {
	return g.view(id, func(_ Item, r *viewing.Record) {
		switch {
		case !favourite:
			r.Favourite = time.Time{}
		case r.Favourite.IsZero():
			r.Favourite = time.Now().UTC()
		}
	})
}

// SetPosition notes where the viewer of a film left it; when it returns, that is kept. What is as
// good as the beginning or the end counts as the beginning. Channels have no position: the error
// is ErrNotFound, or says why it could not be kept.
func (g *Gateway) SetPosition(id string, position time.Duration) error {
	item, ok := g.Item(id)
	if !ok || item.Kind == ppsp.Live {
		return ErrNotFound
	}
	return g.view(id, func(i Item, r *viewing.Record) {
		r.Position = viewing.Resume(position, i.Duration)
	})
}

// view changes the record of an item and keeps it.
func (g *Gateway) view(id string, change func(Item, *viewing.Record)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.index(id)
	if at < 0 {
		return ErrNotFound
	}
	before := g.viewings[id]
	after := before
	change(g.items[at], &after)
	if after == before {
		return nil
	}
	if g.cfg.Viewings != nil {
		if err := g.cfg.Viewings.PutViewings(map[string]viewing.Record{id: after}); err != nil {
			return fmt.Errorf("note what became of %q: %w", g.items[at].Title, err)
		}
		delete(g.unwritten, id)
	}
	g.remember(id, after)
	return nil
}

// watched notes that a screen begins to show an item. It is on the disk a second later: no
// screen waits for that.
func (g *Gateway) watched(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, r := time.Now().UTC(), g.viewings[id]
	if now.Sub(r.Watched) < watchedAgain || g.index(id) < 0 {
		return
	}
	r.Watched = now
	g.unwritten[id] = r
	g.remember(id, r)
}

// remember shows a record in the catalog. The caller holds mu.
func (g *Gateway) remember(id string, r viewing.Record) {
	g.viewings[id] = r
	if r.IsZero() {
		delete(g.viewings, id)
	}
	for _, old := range viewing.Surplus(g.viewings, maxViewings) {
		delete(g.viewings, old)
		g.unwritten[old] = viewing.Record{}
	}
	if at := g.index(id); at >= 0 {
		g.items[at].apply(r)
	}
	g.changes++
	g.notify.tick()
}

// apply shows a record in an item.
func (i *Item) apply(r viewing.Record) {
	i.Favourite, i.Watched, i.Position = !r.Favourite.IsZero(), r.Watched, r.Position
}

// keepViewings writes down what was watched since the last time. It is for Run's goroutine, and
// complains once until it works again.
func (g *Gateway) keepViewings() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.unwritten) == 0 {
		return
	}
	if g.cfg.Viewings != nil {
		if err := g.cfg.Viewings.PutViewings(g.unwritten); err != nil {
			if !g.unwatched {
				g.unwatched = true
				g.log.Error().Err(err).Msg("what was watched could not be noted")
			}
			return
		}
	}
	g.unwatched = false
	clear(g.unwritten)
}
