package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy/dht"
)

// Publisher and get find each other through a DHT of ten nodes, themselves included, on loopback alone.
func TestFoundByTheDHT(t *testing.T) {
	atHome(t)
	here := netip.MustParseAddr("127.0.0.1")
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	in := "127.0.0.1:9"
	for range 8 {
		s := dht.New(dht.Config{Listen: here, Port: func() uint16 { return 9 }, Bootstrap: []string{in}, Logger: zerolog.Nop()})
		group.Go(func() { _ = s.Run(ctx) })
		if at := s.Addr(t.Context()); in == "127.0.0.1:9" {
			in = at.String()
		}
	}
	dir := t.TempDir()
	_, digest := newFilm(t, filepath.Join(dir, "film.mp4"), 50_000)
	p := begin(t, nil, "publish", filepath.Join(dir, "film.mp4"), "--listen", free, "--dht", "--dht-node", in, "--dir", filepath.Join(dir, "state"), "--json")
	link := "ppsp:film/" + text(t, p.event(t, "swarm"), "swarm_id") // it names nobody
	g := begin(t, nil, "get", "-o", filepath.Join(dir, "copy"), "--listen", free, "--dht", "--dht-node", in, "--json", link)
	if status := g.end(t, 3*patience); status != 0 || g.event(t, "done")["sha256"] != digest {
		t.Errorf("get: exit status %d: %s", status, g.err)
	}
	sentence(t, []string{"get", "-o", filepath.Join(dir, "x"), "--dht-node", in, link}, 2, "--dht-node is of no use without --dht")
}
