package state

import (
	"maps"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/viewing"
)

var _ proxy.ViewingStore = (*State)(nil)

func TestViewingsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if got, err := s.Viewings(); err != nil || len(got) != 0 {
		t.Errorf("a new store: %v, %v", got, err)
	}
	at := time.Date(2031, 1, 2, 3, 4, 5, 6, time.UTC)
	want := map[string]viewing.Record{
		"a": {Favourite: at}, "b": {Watched: at, Position: 90*time.Minute + 5*time.Millisecond}, "c": {Position: time.Second},
	}
	if err := s.PutViewings(want); err != nil {
		t.Fatal(err)
	}
	if err := s.PutViewings(map[string]viewing.Record{"c": {}, "d": {}}); err != nil {
		t.Fatal(err)
	}
	delete(want, "c")
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if got, err := s.Viewings(); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// A flipped bit is found when the store is opened, as everywhere in it.
func TestDamagedViewing(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if err := s.PutViewings(map[string]viewing.Record{"a": {Position: time.Second}}); err != nil {
		t.Fatal(err)
	}
	if err := s.update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketViewing).Put([]byte("a"), []byte(`{"position_ms":1}`))
	}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if got, err := s.Viewings(); s.Notice() == nil || err != nil || len(got) != 0 {
		t.Errorf("notice %v, %v, %v", s.Notice(), got, err)
	}
}
