package proxy

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		name          string
		b             buffering
		peers, others int
		trouble       string
		viewers       int
		state         State
		text          string
	}{
		{"nothing yet", buffering{}, 0, 0, "", 1, StateFinding, "Finding peers"},
		{"tracker down", buffering{}, 0, 0, "the tracker at t does not answer", 1, StateFinding, "Finding peers: the tracker at t does not answer"},
		{"one address", buffering{}, 0, 1, "", 1, StateConnecting, "Connecting to 1 peer"},
		{"addresses", buffering{}, 0, 7, "tracker down", 1, StateConnecting, "Connecting to 7 peers; tracker down"},
		{"first chunks", buffering{seconds: 0.4, want: 1}, 2, 0, "", 1, StateBuffering, "Buffering 0.4 of 1 s"},
		{"picture", buffering{ready: true, seconds: 3}, 2, 0, "", 1, StatePlaying, "Playing"},
		{"picture without tracker", buffering{ready: true}, 4, 0, "the tracker at t does not answer since 10:31", 1, StatePlaying, "Playing; the tracker at t does not answer since 10:31, going on with 4 known peers"},
		{"nobody", buffering{ready: true}, 2, 0, "", 0, StateIdle, "Ready, nobody is watching"},
		{"starved", buffering{ready: true, starved: true}, 2, 0, "", 1, StateStalled, "Waiting for 2 peers"},
		{"starved alone", buffering{ready: true, starved: true}, 0, 3, "", 1, StateConnecting, "Connecting to 3 peers"},
	} {
		state, text := describe(c.b, c.peers, c.others, c.trouble, c.viewers)
		if state != c.state || text != c.text {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, state, text, c.state, c.text)
		}
	}
}

// A session that finds nobody says so after a while, to its screens and once to the log.
func TestLonelySession(t *testing.T) {
	var log bytes.Buffer
	s := &session{log: zerolog.New(&log)}
	at := time.Now()
	for k, step := range []struct {
		after   time.Duration
		company bool
		alone   bool
	}{{0, false, false}, {19, false, false}, {21, false, true}, {22, false, true}, {23, true, false}, {24, false, false}, {45, false, true}} {
		if got := s.alone(at.Add(step.after*time.Second), step.company); got != step.alone {
			t.Errorf("step %d: alone %v", k, got)
		}
	}
	if n := strings.Count(log.String(), "nobody answers: is the publisher running?"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
}
