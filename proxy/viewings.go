package proxy

import (
	"errors"
	"fmt"
	"maps"
	"sync"
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
	// spareViewings are forgotten at once, so that the oldest are seldom looked for.
	spareViewings = maxViewings / 20
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

// SetPosition notes where the viewer of a film left it; when it returns, that is kept, also if the
// program is killed then. Those that come at once are written together. What is as
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

// wish is a change of a record that somebody waits for.
type wish struct {
	id     string
	change func(Item, *viewing.Record)
	err    error
	done   bool
}

// diaryLog is how records come to the disk: those that are asked for while others are being written
// go together, and apart from the gateway's other work.
type diaryLog struct {
	mu     sync.Mutex
	wishes []*wish

	write   sync.Mutex // held while something is written, and before the gateway's mu
	written time.Time  // when that was last
}

const (
	// viewingGap lies between two writes that somebody waits for: what comes more often is gathered.
	viewingGap = 250 * time.Millisecond
	// maxWishes bounds who waits.
	maxWishes = 1024
)

// view changes the record of an item. When it returns nil the change is on the disk.
func (g *Gateway) view(id string, change func(Item, *viewing.Record)) error {
	w, log := &wish{id: id, change: change}, &g.diary
	log.mu.Lock()
	if len(log.wishes) >= maxWishes {
		log.mu.Unlock()
		return errors.New("too much is to be noted at once; try again in a moment")
	}
	log.wishes = append(log.wishes, w)
	log.mu.Unlock()
	log.write.Lock()
	defer log.write.Unlock()
	if w.done { // by who had the lock before
		return w.err
	}
	time.Sleep(viewingGap - time.Since(log.written))
	log.mu.Lock()
	wishes := log.wishes
	log.wishes = nil
	log.mu.Unlock()
	g.fulfil(wishes)
	return w.err
}

// fulfil changes records and keeps them. The caller holds diary.write.
func (g *Gateway) fulfil(wishes []*wish) {
	records := map[string]viewing.Record{}
	titles := map[string]string{}
	g.mu.Lock()
	for _, w := range wishes {
		w.done = true
		at := g.index(w.id)
		if at < 0 {
			w.err = ErrNotFound
			continue
		}
		before, queued := records[w.id]
		if !queued {
			before = g.viewings[w.id]
		}
		after := before
		w.change(g.items[at], &after)
		if queued || after != before {
			records[w.id], titles[w.id] = after, g.items[at].Title
		}
	}
	g.mu.Unlock()
	if len(records) == 0 {
		return
	}
	if g.cfg.Viewings != nil {
		err := g.cfg.Viewings.PutViewings(records)
		g.diary.written = time.Now()
		if err != nil {
			for _, w := range wishes {
				if _, failed := records[w.id]; failed {
					w.err = fmt.Errorf("note what became of %q: %w", titles[w.id], err)
				}
			}
			return
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range wishes {
		if _, kept := records[w.id]; kept {
			g.show(w, records[w.id])
		}
	}
}

// show has the catalog show what was kept. Meanwhile the item may have been watched. The caller
// holds mu.
func (g *Gateway) show(w *wish, kept viewing.Record) {
	now := g.viewings[w.id]
	now.Favourite, now.Position = kept.Favourite, kept.Position
	if now == kept {
		delete(g.unwritten, w.id)
	} else {
		g.unwritten[w.id] = now
	}
	if now != g.viewings[w.id] {
		g.remember(w.id, now)
	}
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
	if len(g.viewings) > maxViewings {
		for _, old := range viewing.Surplus(g.viewings, maxViewings-spareViewings) {
			delete(g.viewings, old)
			g.unwritten[old] = viewing.Record{}
		}
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
// complains once until it works again. While others write, it leaves it for the next time unless
// it is the last.
func (g *Gateway) keepViewings(last bool) {
	if last {
		g.diary.write.Lock()
	} else if !g.diary.write.TryLock() {
		return // sessions are waiting to be started
	}
	defer g.diary.write.Unlock()
	g.mu.Lock()
	records := maps.Clone(g.unwritten)
	g.mu.Unlock()
	if len(records) == 0 {
		return
	}
	if g.cfg.Viewings != nil {
		if err := g.cfg.Viewings.PutViewings(records); err != nil {
			if !g.unwatched {
				g.unwatched = true
				g.log.Error().Err(err).Msg("what was watched could not be noted")
			}
			return
		}
	}
	g.unwatched = false
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.unwritten, func(id string, r viewing.Record) bool { return r == records[id] })
}
