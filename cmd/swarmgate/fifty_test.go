package main

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// audience is one home that watches the channel, with a socket of its own.
type audience struct {
	played  atomic.Int64 // chunks
	skipped atomic.Int64
}

// tune lets a home watch until the test ends.
func tune(t *testing.T, link ppsp.Link, group *sync.WaitGroup, ctx, sockets context.Context) *audience {
	t.Helper()
	id, err := ppsp.NewPeerID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	peering, err := openPeering(loopback, peerFlags{NoNAT: true}, id, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	a := &audience{}
	m, err := membership.Join(membership.Config{
		Node: peering.node, Link: link, Trackers: peering.trackers, Logger: zerolog.Nop(),
		Swarm: swarm.Config{Meta: link.Metadata, Store: store.NewRing(link.ChunkSize, 1024), Window: 1024},
		Events: func(e swarm.Event) {
			switch e.Kind {
			case swarm.EventPlay:
				a.played.Add(int64(e.Chunks.Len()))
			case swarm.EventSkip:
				a.skipped.Add(int64(e.Chunks.Len()))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	group.Go(func() { _ = peering.Run(sockets) })
	group.Go(func() { _ = m.Run(ctx) })
	return a
}

// reserveTCP returns an address of loopback that is free.
func reserveTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listed counts the peers in the tracker's list; 0 while it does not answer.
func listed(url string) int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get(url + "status")
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return 0
	}
	return strings.Count(string(b), `"peer_id"`)
}

// A tracker is killed, and comes back knowing nobody, while fifty homes watch: none of them stops, and
// all are in its list again.
func TestFiftyWatchWhileTheTrackerIsKilled(t *testing.T) {
	atHome(t)
	const homes = 50
	at := reserveTCP(t)
	open := func() *process {
		return spawn(t, "tracker", "--http", "--listen", at, "--track-timeout", "6s", "--dir", t.TempDir(), "--json")
	}
	url := "http://" + at + "/"
	tr := open()
	s := onAir(t, url)
	var group sync.WaitGroup
	sockets, closeSockets := context.WithCancel(context.Background())
	ctx, stop := context.WithCancel(sockets)
	defer group.Wait()
	defer closeSockets()
	defer stop()
	var all []*audience
	for range homes {
		all = append(all, tune(t, s.live.Link(), &group, ctx, sockets))
	}
	await := func(what string, so func() bool) time.Duration {
		t.Helper()
		began := time.Now()
		for !so() {
			if time.Since(began) > 3*patience {
				t.Fatalf("not so within %s: %s", 3*patience, what)
			}
			time.Sleep(50 * time.Millisecond)
		}
		return time.Since(began)
	}
	// gain waits until each home has played so many more chunks.
	gain := func(what string, n int64) {
		t.Helper()
		var before []int64
		for _, a := range all {
			before = append(before, a.played.Load())
		}
		await(what, func() bool {
			for i, a := range all {
				if a.played.Load() < before[i]+n {
					return false
				}
			}
			return true
		})
	}
	const members = homes + 2 // the channel's publisher, and the film's
	await("all are listed", func() bool { return listed(url) == members })
	gain("all watch", 10)
	var skipped int64
	for _, a := range all {
		skipped += a.skipped.Load()
	}
	if err := tr.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	tr.wait()
	gain("all go on without the tracker", 60)
	tr = open()
	took := await("the tracker lists all again", func() bool { return listed(url) == members })
	gain("all go on", 10)
	for _, a := range all {
		skipped -= a.skipped.Load()
	}
	t.Logf("all %d were in the new tracker's list %s after it was started; %d chunks were skipped meanwhile", members, took.Round(10*time.Millisecond), -skipped)
	if took > tracker.DefaultReportInterval {
		t.Errorf("all were in its list again only after %s, more than a report interval", took)
	}
	if err := tr.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	tr.wait()
}
