package guide

import (
	"slices"
	"strings"
	"time"
)

// collector gathers what belongs to the channels of the catalog.
type collector struct {
	names  map[string][]string // IDs by ID and by title, as fold writes them
	wanted map[string]bool     // IDs
	from   time.Time
	to     time.Time
	found  map[string][]Programme
	n      int
	text   int // bytes of descriptions
}

func newCollector(channels []Channel, now time.Time) *collector {
	c := &collector{
		names: map[string][]string{}, wanted: map[string]bool{}, found: map[string][]Programme{}, from: now.Add(-Past), to: now.Add(Ahead),
	}
	for _, one := range channels {
		c.wanted[one.ID] = true
		c.names[fold(one.ID)] = append(c.names[fold(one.ID)], one.ID)
		if title := fold(one.Title); title != "" && title != fold(one.ID) {
			c.names[title] = append(c.names[title], one.ID)
		}
	}
	return c
}

// fold makes names equal that people take for the same.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' || r == '.' || r == '\t' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// find returns the channels that have one of the names.
func (c *collector) find(names ...string) []string {
	var ids []string
	for _, name := range names {
		for _, id := range c.names[fold(name)] {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// add keeps a broadcast that is near enough.
func (c *collector) add(ids []string, p Programme) {
	if p.Start.After(c.to) || !p.End.IsZero() && !p.End.After(c.from) || p.Start.Before(c.from.Add(-24*time.Hour)) {
		return
	}
	if c.text+len(p.Description) > MaxText {
		p.Description = ""
	}
	c.text += len(p.Description)
	for _, id := range ids {
		if c.n < MaxProgrammes {
			c.n++
			c.found[id] = append(c.found[id], p)
		}
	}
}

// sorted returns what was gathered in order: where the end of a broadcast is unknown, or behind
// the beginning of the next, it is that beginning.
func (c *collector) sorted() map[string][]Programme {
	for id, list := range c.found {
		slices.SortStableFunc(list, func(a, b Programme) int { return a.Start.Compare(b.Start) })
		list = slices.CompactFunc(list, func(a, b Programme) bool { return a.Start.Equal(b.Start) })
		for i := range list {
			p := &list[i]
			if i+1 < len(list) && (p.End.IsZero() || p.End.After(list[i+1].Start)) {
				p.End = list[i+1].Start
			}
			if !p.End.After(p.Start) {
				p.End = p.Start.Add(time.Hour) // the last, whose end nobody tells
			}
		}
		c.found[id] = slices.DeleteFunc(list, func(p Programme) bool { return !p.End.After(c.from) })
	}
	return c.found
}
