package state

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// The buckets of security management; stores of earlier versions have none.
var (
	bucketBans    = []byte("bans")    // by position, 16 bits
	bucketMembers = []byte("members") // by member ID
)

// ban is the record of a ban.
type ban struct {
	Net    netip.Prefix `json:"net,omitzero"`
	Port   uint16       `json:"port,omitempty"`
	Member string       `json:"member,omitempty"`
	Until  time.Time    `json:"until,omitzero"`
	Reason string       `json:"reason,omitempty"`
	Manual bool         `json:"manual,omitempty"`
}

// PutBans replaces the bans that are kept.
func (s *State) PutBans(list []node.Ban) error {
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketBans) != nil {
			if err := tx.DeleteBucket(bucketBans); err != nil {
				return err
			}
		}
		b, err := tx.CreateBucket(bucketBans)
		if err != nil {
			return err
		}
		for i, e := range list {
			key := []byte{byte(i >> 8), byte(i)}
			if err := put(b, key, ban{e.Net, e.Port, e.Member, e.Until.UTC(), e.Reason, e.Manual}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Bans returns the bans that are kept, in their order, also those that have ended since.
func (s *State) Bans() ([]node.Ban, error) {
	var list []node.Ban
	err := s.view(func(tx *bbolt.Tx) error {
		list = nil
		return each(tx, bucketBans, func(_ []byte, e *ban) {
			list = append(list, node.Ban{Net: e.Net, Port: e.Port, Member: e.Member, Until: e.Until, Reason: e.Reason, Manual: e.Manual})
		})
	})
	return list, s.explain(err)
}

// memberRecord is the record of a member.
type memberRecord struct {
	Name    string    `json:"name"`
	Address string    `json:"address,omitempty"`
	Swarms  []string  `json:"swarms"` // hexadecimal
	Until   time.Time `json:"until"`
	Added   time.Time `json:"added"`
	Order   uint64    `json:"order"`
}

// PutMember keeps a member, behind those that are there.
func (s *State) PutMember(m members.Member) error {
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketMembers)
		if err != nil {
			return err
		}
		r := memberRecord{Name: m.Name, Address: m.Address, Until: m.Until.UTC(), Added: m.Added.UTC()}
		for _, id := range m.Swarms {
			r.Swarms = append(r.Swarms, id.String())
		}
		if r.Order, err = b.NextSequence(); err != nil {
			return err
		}
		return put(b, []byte(m.ID), r)
	}))
}

// RemoveMember forgets a member; one that isn't there is no error.
func (s *State) RemoveMember(id member.ID) error {
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucketMembers); b != nil {
			return b.Delete([]byte(id))
		}
		return nil
	}))
}

// Members returns the members, oldest first.
func (s *State) Members() ([]members.Member, error) {
	type entry struct {
		order uint64
		members.Member
	}
	var entries []entry
	err := s.view(func(tx *bbolt.Tx) error {
		entries = nil
		return each(tx, bucketMembers, func(id []byte, r *memberRecord) {
			m := members.Member{ID: string(id), Name: r.Name, Address: r.Address, Until: r.Until, Added: r.Added}
			for _, text := range r.Swarms {
				if swarm, err := ppsp.ParseSwarmID(text); err == nil {
					m.Swarms = append(m.Swarms, swarm)
				}
			}
			entries = append(entries, entry{r.Order, m})
		})
	})
	if err != nil {
		return nil, s.explain(err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.order, b.order) })
	list := make([]members.Member, len(entries))
	for i, e := range entries {
		list[i] = e.Member
	}
	return list, nil
}
