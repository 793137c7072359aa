package membership

import (
	"net/netip"
	"strings"
	"testing"
	"time"

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
