package state

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/proxy/viewing"
)

// bucketViewing holds what was done with channels and films, by item ID; stores of earlier
// versions have none.
var bucketViewing = []byte("viewing")

// viewingRecord is the record of a viewing.Record.
type viewingRecord struct {
	Favourite time.Time `json:"favourite,omitzero"`
	Watched   time.Time `json:"watched,omitzero"`
	Position  int64     `json:"position_ms,omitempty"`
}

// PutViewings keeps what was done with the channels or films of these item IDs; a zero record is
// forgotten. All of it is kept, or nothing.
func (s *State) PutViewings(records map[string]viewing.Record) error {
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketViewing)
		if err != nil {
			return err
		}
		for id, r := range records {
			key := []byte(id)
			if r.IsZero() {
				err = b.Delete(key)
			} else {
				err = put(b, key, viewingRecord{r.Favourite.UTC(), r.Watched.UTC(), r.Position.Milliseconds()})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Viewings returns what PutViewings kept, by item ID.
func (s *State) Viewings() (map[string]viewing.Record, error) {
	var records map[string]viewing.Record
	err := s.view(func(tx *bbolt.Tx) error {
		records = map[string]viewing.Record{}
		return each(tx, bucketViewing, func(id []byte, r *viewingRecord) {
			records[string(id)] = viewing.Record{
				Favourite: r.Favourite, Watched: r.Watched, Position: time.Duration(r.Position) * time.Millisecond,
			}
		})
	})
	return records, s.explain(err)
}
