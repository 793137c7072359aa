package membership

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// What trackers are told is what happened: the receiver has all chunks from one peer.
func TestStatsForTrackers(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	receiver := start(t, setup{swarm: f.leech(), link: link})
	receiver.fetch(t)
	up, down := publisher.stats(), receiver.stats()
	if up.UploadedBytes <= down.DownloadedBytes/2 || down.DownloadedBytes == 0 || down.ChunksHeld == "" || down.ChunksHeld != up.ChunksHeld {
		t.Errorf("publisher %+v, receiver %+v", up, down)
	}
	if down.ConcurrentLinks != 1 {
		t.Errorf("%d links", down.ConcurrentLinks)
	}
	// The tracker takes the report.
	down.SwarmID = link.SwarmID.String()
	client := tracker.NewClient(tracker.ClientConfig{URL: s.url(), PeerID: receiver.id})
	defer client.CloseIdleConnections()
	if _, err := client.StatReport(t.Context(), down); err != nil {
		t.Error(err)
	}
}

func TestHeld(t *testing.T) {
	var have chunk.Set
	if got := held(&have); got != "" {
		t.Errorf("nothing is %q", got)
	}
	have.Add(chunk.Range{Start: 0, End: 100})
	have.Add(chunk.One(120))
	if got := held(&have); got != "0-99,120" {
		t.Error(got)
	}
	for i := range uint64(100_000) {
		have.Add(chunk.One(1000 + 2*i))
	}
	if got := held(&have); len(got) > tracker.MaxHeld || len(got) < tracker.MaxHeld/2 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
