package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Catalog keeps what people added, across restarts (proxy/state implements it). What it
// acknowledges is on the disk.
type Catalog interface {
	Links() ([]ppsp.Link, error)
	AddLink(id string, l ppsp.Link) error
	RemoveLink(id string) error
}

// ItemID returns the ID of the channel or film in URLs and DLNA: it depends on the swarm
// alone, so that it is the same after a restart and on every gateway.
func ItemID(id ppsp.SwarmID) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:10])
}

// item shows a link as a screen wants it.
func item(l ppsp.Link) Item {
	i := Item{
		ID: ItemID(l.SwarmID), Title: l.Title, Group: l.Group, Link: l.String(), Logo: PublicLogo(l.Logo),
		MediaType: l.MediaType, Kind: l.Metadata.Kind(), Length: l.Length, Duration: l.Duration, Rate: rateOf(l, l.Length),
	}
	if i.Title == "" {
		i.Title = "Swarm " + l.SwarmID.Short()
	}
	if i.MediaType == "" {
		i.MediaType = "video/mp4"
		if i.Kind == ppsp.Live {
			i.MediaType = "video/mp2t"
		}
	}
	return i
}

// rateOf returns the rate of a channel, or that of a film of n bytes on average, in bits per
// second; 0 if it is unknown.
func rateOf(l ppsp.Link, n int64) int64 {
	if l.Duration <= 0 {
		return l.Rate
	}
	return int64(min(float64(n)*8/l.Duration.Seconds(), 1<<62))
}

// put adds l, or replaces what is known of the same swarm. The caller holds mu, or has g alone.
func (g *Gateway) put(l ppsp.Link) Item {
	i := item(l)
	i.apply(g.viewings[i.ID])
	i.Subtitles = g.beside.subtitles[i.ID]
	at := g.index(i.ID)
	if l.Logo != "" && i.Logo == "" {
		g.log.Warn().Str("title", i.Title).Str("logo", l.Logo[:min(len(l.Logo), 100)]).Msg("the logo is left out: it is no picture in the Internet by https")
	}
	if at >= 0 {
		i.Codecs, i.Untimed = g.items[at].Codecs, g.items[at].Untimed
		g.items[at] = i
	} else {
		g.items = append(g.items, i)
	}
	g.links[i.ID] = l
	g.changes++
	return i
}

// index returns the place of an item, -1 for none. The caller holds mu, or has g alone.
func (g *Gateway) index(id string) int {
	return slices.IndexFunc(g.items, func(o Item) bool { return o.ID == id })
}

// noteCodecs keeps how a channel is coded, for screens that want to know before they play it.
func (g *Gateway) noteCodecs(id string, c Codecs) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.index(id)
	if at < 0 || c == (Codecs{}) || g.items[at].Codecs == c {
		return
	}
	g.items[at].Codecs = c
	g.changes++
}

// NoteUntimed keeps that a film can't be entered by time, until the gateway starts again: it is
// no more offered so.
func (g *Gateway) NoteUntimed(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.index(id)
	if at < 0 || g.items[at].Untimed {
		return
	}
	g.items[at].Untimed = true
	g.changes++
	g.notify.tick()
}

// Items returns the catalog in its order.
func (g *Gateway) Items() []Item {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.items)
}

// Item returns one channel or film.
func (g *Gateway) Item(id string) (Item, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.index(id)
	if at < 0 {
		return Item{}, false
	}
	return g.items[at], true
}

// Changes returns a number that grows with every change of the catalog.
func (g *Gateway) Changes() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changes
}

// Add takes a channel or film into the catalog; when it returns, it is kept. One that the
// configuration has stays as it is there: another link to it is ErrConfigured.
func (g *Gateway) Add(link string) (Item, error) {
	l, err := ppsp.ParseLink(link)
	if err != nil {
		return Item{}, err
	}
	if m := l.Integrity; m != ppsp.IntegrityMerkle && m != ppsp.IntegrityUnified {
		return Item{}, fmt.Errorf("the link asks for integrity method %q, which this version does not speak", m)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id := ItemID(l.SwarmID)
	known, there := g.links[id]
	switch {
	case g.given[id] && known.String() != l.String():
		return Item{}, fmt.Errorf("%q %w; this other link to it was not taken", g.items[g.index(id)].Title, ErrConfigured)
	case g.given[id]:
		return g.items[g.index(id)], nil
	case !there && len(g.items) >= MaxItems:
		return Item{}, fmt.Errorf("the catalog is full: it holds %d channels and films; remove some", MaxItems)
	}
	if g.cfg.Catalog != nil {
		if err := g.cfg.Catalog.AddLink(id, l); err != nil {
			return Item{}, fmt.Errorf("%w: %w", ErrNotWritten, err)
		}
	}
	i := g.put(l)
	g.notify.tick()
	return i, nil
}

// Remove takes a channel or film out of the catalog and ends its session; ErrConfigured when
// the configuration has it.
func (g *Gateway) Remove(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.index(id)
	if at < 0 {
		return ErrNotFound
	}
	if g.given[id] {
		return fmt.Errorf("%q %w; nothing was changed", g.items[at].Title, ErrConfigured)
	}
	if g.cfg.Catalog != nil {
		if err := g.cfg.Catalog.RemoveLink(id); err != nil {
			return err
		}
	}
	g.items = slices.Delete(g.items, at, at+1)
	delete(g.links, id)
	g.changes++
	if s := g.sessions[id]; s != nil {
		s.stop()
	}
	g.notify.tick()
	return nil
}
