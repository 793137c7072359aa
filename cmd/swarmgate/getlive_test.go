package main

import (
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// A disk that stands still loses nothing that the ring still has, however many pieces come.
func TestBacklogIsShort(t *testing.T) {
	b := backlog{wake: make(chan struct{}, 1)}
	for i := range uint64(100_000) {
		if i == 500 {
			continue // it never came
		}
		if !b.add(chunk.Range{Start: i, End: i + 1}) {
			t.Fatalf("chunk %d is refused", i)
		}
	}
	<-b.wake
	if got := b.take(); !slices.Equal(got, []chunk.Range{{Start: 0, End: 500}, {Start: 501, End: 100_000}}) {
		t.Errorf("%v", got)
	}
	for i := range uint64(maxBacklog) {
		b.add(chunk.Range{Start: 2 * i, End: 2*i + 1})
	}
	if b.add(chunk.Range{Start: 9 * maxBacklog, End: 9*maxBacklog + 1}) {
		t.Error("the holes of a stream are kept without bound")
	}
	if got := b.take(); len(got) != maxBacklog || len(b.take()) != 0 {
		t.Errorf("%d runs", len(got))
	}
}
