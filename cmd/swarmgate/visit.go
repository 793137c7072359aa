package main

import (
	"context"
	"crypto/rand"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// visit joins a swarm from a socket of its own, and takes part in it for as long as work goes
// on. The membership ends before the socket does, so that farewells still go out.
func (g *getCommand) visit(ctx context.Context, c membership.Config, out *printer, work func(ctx context.Context, m *membership.Member) error) error {
	id, err := ppsp.NewPeerID(rand.Reader)
	if err != nil {
		return err
	}
	peering, err := openPeering("", g.peerFlags, id, c.Logger)
	if err != nil {
		return err
	}
	c.Node, c.Trackers = peering.node, peering.trackers
	shown := c.Trackers.Named
	c.Trackers.Named = func(url string) bool { return g.named(url) || shown(url) }
	m, err := membership.Join(c)
	if err != nil {
		return errors.Join(err, peering.node.Close())
	}
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	var below errgroup.Group
	below.Go(func() error { return peering.Run(sockets) })
	peering.await(ctx)
	during, leave := context.WithCancel(ctx)
	defer leave()
	var parts errgroup.Group
	parts.Go(func() error { return m.Run(during) })
	parts.Go(func() error { peering.report(during, out, c.Logger); return nil })
	err = work(ctx, m)
	leave()
	err = errors.Join(err, parts.Wait())
	closeSockets()
	return errors.Join(err, below.Wait())
}
