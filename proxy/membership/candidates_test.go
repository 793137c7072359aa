package membership

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// What a peer has at home is of use behind the same public address, and where nobody knows any.
func TestReachable(t *testing.T) {
	const inside, mapped, pinhole = "192.168.1.5:6778", "198.51.100.7:40001", "[2a01::5]:6778"
	tests := []struct {
		name string
		ours string // our public address
		all  []string
		want []string
	}{
		{"elsewhere", "203.0.113.9", []string{inside, mapped, pinhole}, []string{mapped, pinhole}},
		{"behind the same router", "198.51.100.7", []string{inside, mapped}, []string{inside, mapped}},
		{"our own is not known yet", "", []string{inside, mapped}, []string{inside, mapped}},
		{"a tracker at home", "203.0.113.9", []string{inside}, []string{inside}},
		{"of no use to anybody", "203.0.113.9", []string{"0.0.0.0:7", "224.0.0.1:7", "198.51.100.7:0"}, nil},
	}
	for _, tt := range tests {
		var homes []netip.Addr
		if tt.ours != "" {
			homes = append(homes, netip.MustParseAddr(tt.ours))
		}
		var all []tracker.Address
		for _, a := range tt.all {
			all = append(all, tracker.Address{AddrPort: netip.MustParseAddrPort(a)})
		}
		if got := reachable(all, homes); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Behind a NAT that keeps strangers out we go on to ask for peers while there is room for more:
// they reach us once we have turned to them.
func TestWantedBehindNAT(t *testing.T) {
	for _, tt := range []struct {
		nat   string
		peers int32
		want  int
	}{
		{"NO_NAT", wantedPeers - 1, swarm.DefaultTargetPeers},
		{"NO_NAT", wantedPeers, 0},
		{"STUN", wantedPeers, swarm.DefaultTargetPeers - wantedPeers},
		{"", wantedPeers, swarm.DefaultTargetPeers - wantedPeers},
		{"STUN", swarm.DefaultTargetPeers, 0},
	} {
		var m Member
		m.cfg.Trackers.NAT = func() string { return tt.nat }
		m.peers.Store(tt.peers)
		if got := m.wanted(); got != tt.want || m.filtered() != (tt.nat != noNAT) {
			t.Errorf("%q with %d peers: %d wanted, want %d; filtered %v", tt.nat, tt.peers, got, tt.want, m.filtered())
		}
	}
}
