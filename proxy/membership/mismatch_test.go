package membership

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

func TestMismatch(t *testing.T) {
	var m Mismatch
	peer := netip.MustParseAddrPort("192.0.2.1:7000")
	stranger := swarm.Event{Kind: swarm.EventMismatch, Peer: peer, Reason: "its chunk size is 2048, ours 1024"}
	for _, e := range []swarm.Event{stranger, {Kind: swarm.EventPeerUp, Peer: peer, Dialled: true}} {
		if m.Note(e); m.Why() != "" || m.Hopeless(time.Now().Add(time.Hour)) {
			t.Errorf("%+v: %q", e, m.Why())
		}
	}
	known := stranger
	known.Dialled = true
	m.Note(known)
	for _, words := range []string{"peer 192.0.2.1:7000 has it by other metadata: its chunk size is 2048, ours 1024", "copy it again"} {
		if !strings.Contains(m.Why(), words) {
			t.Errorf("%q lacks %q", m.Why(), words)
		}
	}
	if m.Hopeless(time.Now()) || !m.Hopeless(time.Now().Add(MismatchLimit+time.Second)) {
		t.Error("given up at the wrong time")
	}
}

// A hostile peer that the tracker names can't make us give up while one that agrees with the link is
// connected, nor once a chunk came that fits; nor does it count for longer than that one is gone.
func TestMismatchOfOneAmongOthers(t *testing.T) {
	liar, honest := netip.MustParseAddrPort("192.0.2.1:7000"), netip.MustParseAddrPort("192.0.2.2:7000")
	differs := swarm.Event{Kind: swarm.EventMismatch, Peer: liar, Dialled: true, Reason: "its chunk size is 2048, ours 1024"}
	up := func(peer netip.AddrPort) swarm.Event { return swarm.Event{Kind: swarm.EventPeerUp, Peer: peer} }
	down := func(peer netip.AddrPort) swarm.Event { return swarm.Event{Kind: swarm.EventPeerDown, Peer: peer} }
	shorter := swarm.Event{Kind: swarm.EventMismatch, Peer: honest, Dialled: true, Chunks: chunk.Range{End: 9}, Reason: "its film has at least 9 chunks, ours 8"}
	for name, c := range map[string]struct {
		events   []swarm.Event
		hopeless bool
	}{
		"it alone":                     {[]swarm.Event{differs}, true},
		"it was connected":             {[]swarm.Event{up(liar), differs}, true},
		"beside one that agrees":       {[]swarm.Event{differs, up(honest)}, false},
		"after one that agrees":        {[]swarm.Event{up(honest), differs}, false},
		"one that agreed is gone":      {[]swarm.Event{differs, up(honest), down(honest)}, true},
		"one that agreed differs, too": {[]swarm.Event{up(honest), differs, shorter}, true},
		"it comes again":               {[]swarm.Event{up(liar), differs, down(liar), up(liar)}, true},
		"another has nothing yet":      {[]swarm.Event{up(liar), up(honest), shorter}, true},
		"a chunk came":                 {[]swarm.Event{differs, up(honest), {Kind: swarm.EventChunks, Peer: honest}, down(honest)}, false},
		"one agrees, nobody differs":   {[]swarm.Event{up(honest), down(honest)}, false},
	} {
		var m Mismatch
		for _, e := range c.events {
			m.Note(e)
		}
		if got := m.Hopeless(time.Now().Add(MismatchLimit + time.Second)); got != c.hopeless || m.Unopposed() != got {
			t.Errorf("%s: hopeless %v, want %v", name, got, c.hopeless)
		}
		if m.Hopeless(time.Now()) {
			t.Errorf("%s: given up at once", name)
		}
	}
	var m Mismatch
	m.Note(up(honest))
	m.Note(differs)
	m.since = time.Now().Add(-time.Hour)
	if m.Note(down(honest)); m.Hopeless(time.Now()) {
		t.Error("given up as soon as the last that agrees is gone")
	}
}
