package state

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// channel is the record of a channel or film that people added.
type channel struct {
	Link  string    `json:"link"`
	Order uint64    `json:"order"`
	Added time.Time `json:"added"`
}

// Channel is a channel or film that people added to the catalog.
type Channel struct {
	ID    string // of the item, as AddLink was told
	Link  ppsp.Link
	Added time.Time // UTC; when it was added first
}

// AddLink keeps the link of a channel or film under its item ID, behind those that are
// there. One that is there already gets the new link and keeps its place.
func (s *State) AddLink(id string, l ppsp.Link) error {
	if err := l.Validate(); err != nil {
		return fmt.Errorf("add channel: %w", err)
	}
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketChannels)
		var c channel
		if sealed := b.Get([]byte(id)); sealed != nil {
			if err := unseal([]byte(id), sealed, &c); err != nil {
				return err
			}
		} else {
			next, err := b.NextSequence()
			if err != nil {
				return err
			}
			c = channel{Order: next, Added: s.now().UTC()}
		}
		c.Link = l.String()
		return put(b, []byte(id), c)
	}))
}

// RemoveLink forgets the channel or film; one that isn't there is no error.
func (s *State) RemoveLink(id string) error {
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketChannels).Delete([]byte(id))
	}))
}

// Channels returns what people added, in the order in which they did. Links that this
// version can't read are left out; Notice told of them.
func (s *State) Channels() ([]Channel, error) {
	type entry struct {
		order uint64
		Channel
	}
	var entries []entry
	err := s.view(func(tx *bbolt.Tx) error {
		entries = nil
		return each(tx, bucketChannels, func(id []byte, c *channel) {
			if l, err := ppsp.ParseLink(c.Link); err == nil {
				entries = append(entries, entry{c.Order, Channel{ID: string(id), Link: l, Added: c.Added}})
			}
		})
	})
	if err != nil {
		return nil, s.explain(err)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.ID, b.ID))
	})
	list := make([]Channel, len(entries))
	for i, e := range entries {
		list[i] = e.Channel
	}
	return list, nil
}

// Links returns the links of Channels.
func (s *State) Links() ([]ppsp.Link, error) {
	channels, err := s.Channels()
	links := make([]ppsp.Link, len(channels))
	for i, c := range channels {
		links[i] = c.Link
	}
	return links, err
}

// OrderLinks puts what people added into the order of these item IDs; what they leave out comes
// before, as it was.
func (s *State) OrderLinks(ids []string) error {
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketChannels)
		behind := b.Sequence()
		if err := b.SetSequence(behind + uint64(len(ids))); err != nil {
			return err
		}
		for at, id := range ids {
			sealed := b.Get([]byte(id))
			if sealed == nil {
				continue
			}
			var c channel
			if err := unseal([]byte(id), sealed, &c); err != nil {
				return err
			}
			c.Order = behind + uint64(at) + 1
			if err := put(b, []byte(id), c); err != nil {
				return err
			}
		}
		return nil
	}))
}
