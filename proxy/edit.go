package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
)

// CatalogOrder keeps the order of what people added. A Catalog that is none forgets it with the process.
type CatalogOrder interface {
	// OrderLinks puts the items of these IDs into this order, behind any others.
	OrderLinks(ids []string) error
}

// ErrNotWritten says that a change of the catalog could not be written down, and was not made.
var ErrNotWritten = errors.New("the change could not be kept, and was not made")

// Rename gives what people added a title and a group of their own; when it returns, that is kept.
// The error is ErrNotFound, ErrConfigured, ErrNotWritten, or says what is wrong with the words.
func (g *Gateway) Rename(id, title, group string) (Item, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := g.added(id)
	if err != nil {
		return Item{}, err
	}
	l.Title, l.Group = oneLine(title), oneLine(group)
	if err := l.Validate(); err != nil {
		return Item{}, err
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

// Move puts what people added so many places further on among those of its kind, or back; past
// an end, or past what the configuration has, it does not get. When it returns, that is kept.
func (g *Gateway) Move(id string, by int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.added(id); err != nil {
		return err
	}
	items := slices.Clone(g.items)
	at := g.index(id)
	step, left := 1, by
	if by < 0 {
		step, left = -1, -by
	}
	for next := at + step; left > 0 && next >= 0 && next < len(items) && !g.given[items[next].ID]; next += step {
		if items[next].Kind != items[at].Kind {
			continue
		}
		moved := items[at]
		items = slices.Insert(slices.Delete(items, at, at+1), next, moved)
		at = next
		left--
	}
	if order, ok := g.cfg.Catalog.(CatalogOrder); ok {
		var ids []string
		for _, i := range items {
			if !g.given[i.ID] {
				ids = append(ids, i.ID)
			}
		}
		if err := order.OrderLinks(ids); err != nil {
			return fmt.Errorf("%w: %w", ErrNotWritten, err)
		}
	}
	g.items = items
	g.changes++
	g.notify.tick()
	return nil
}

// added returns the link of what people added. The caller holds mu.
func (g *Gateway) added(id string) (ppsp.Link, error) {
	at := g.index(id)
	if at < 0 {
		return ppsp.Link{}, ErrNotFound
	}
	if g.given[id] {
		return ppsp.Link{}, fmt.Errorf("%q %w; nothing was changed", g.items[at].Title, ErrConfigured)
	}
	return g.links[id], nil
}

// oneLine makes text of people fit into a link.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
