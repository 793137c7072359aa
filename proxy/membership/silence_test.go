package membership

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// Where all peers are silent, the address is looked at anew.
func TestSilenceIsPassedOn(t *testing.T) {
	doubts := 0
	m := &Member{cfg: Config{Trackers: Trackers{Silent: func() { doubts++ }}, Logger: zerolog.Nop()}}
	m.event(swarm.Event{Kind: swarm.EventSilence})
	m.event(swarm.Event{Kind: swarm.EventPlay})
	if doubts != 1 {
		t.Errorf("told of %d doubts, want 1", doubts)
	}
	(&Member{}).event(swarm.Event{Kind: swarm.EventSilence}) // with nobody to tell
}
