package main

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/ppsp"
)

// A gateway whose owner wants no help of the router is not told that it lacks it.
func TestWhatWasWantedIsNoTrouble(t *testing.T) {
	p, err := openPeering(loopback, peerFlags{NoNAT: true, NoLocal: true}, ppsp.PeerID{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer p.node.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = p.nat.Run(ctx) })
	defer group.Wait()
	defer cancel()
	for !strings.Contains(p.network().Text, nat.NotAsked) || len(p.network().Addresses) == 0 {
		<-p.nat.Changed()
	}
	if n := p.network(); n.Problem != "" || n.Addresses[0].Type != nat.Host {
		t.Errorf("%+v", n)
	}
}
