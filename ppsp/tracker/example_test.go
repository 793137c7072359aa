package tracker_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

func Example() {
	server := httptest.NewServer(tracker.NewServer(tracker.ServerConfig{}))
	defer server.Close()
	ctx := context.Background()
	swarm := ppsp.SwarmID("\x0d\x6f")

	publisher := tracker.NewClient(tracker.ClientConfig{URL: server.URL, PeerID: ppsp.PeerID{1}})
	defer publisher.CloseIdleConnections()
	home := tracker.Address{AddrPort: netip.MustParseAddrPort("192.0.2.1:7574"), Type: tracker.Host}
	_, err := publisher.Connect(ctx, []tracker.SwarmAction{tracker.Join(swarm, tracker.Seeder)}, []tracker.Address{home}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	gateway := tracker.NewClient(tracker.ClientConfig{URL: server.URL, PeerID: ppsp.PeerID{2}})
	defer gateway.CloseIdleConnections()
	answer, err := gateway.Connect(ctx, []tracker.SwarmAction{tracker.Join(swarm, tracker.Leech)}, nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	got, _ := answer.Of(swarm)
	fmt.Println(got.Peers[0].Addresses[0].AddrPort)
	// Output: 192.0.2.1:7574
}
