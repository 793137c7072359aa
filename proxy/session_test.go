package proxy

import "testing"

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
		{"tracker down", buffering{}, 0, 0, "tracker http://t/: refused", 1, StateFinding, "Finding peers: tracker http://t/: refused"},
		{"one address", buffering{}, 0, 1, "", 1, StateConnecting, "Connecting to 1 peer"},
		{"addresses", buffering{}, 0, 7, "tracker down", 1, StateConnecting, "Connecting to 7 peers"},
		{"first chunks", buffering{seconds: 0.4, want: 1}, 2, 0, "", 1, StateBuffering, "Buffering 0.4 of 1 s"},
		{"picture", buffering{ready: true, seconds: 3}, 2, 0, "", 1, StatePlaying, "Playing"},
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
