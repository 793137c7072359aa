package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// trackerProcess starts this program and returns how to kill it and one field of its ready line.
func trackerProcess(t *testing.T, args ...string) (kill func(), url string) {
	t.Helper()
	c := exec.Command(os.Args[0], append(args, "--json")...)
	c.Env = append(os.Environ(), asProgram+"=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var rest sync.WaitGroup
	url, err = readyField(out, "url", &rest)
	kill = sync.OnceFunc(func() {
		_ = c.Process.Kill()
		rest.Wait()
		_ = c.Wait()
	})
	t.Cleanup(kill)
	if err != nil {
		t.Fatal(err)
	}
	return kill, url
}

// redisServer starts Debian's on a free port.
func redisServer(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	c := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatalf("%v; install the Debian package redis-server", err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			return "redis://127.0.0.1:" + port + "/0"
		}
	}
	t.Fatal("redis-server does not listen")
	return ""
}

// Three trackers over one Redis, of which one is killed under load and started again: no peer
// is forgotten, no request fails after one retry elsewhere, and lists stay right.
func TestTrackersShareARegistry(t *testing.T) {
	atHome(t)
	redis := redisServer(t)
	var urls []string
	var kills []func()
	start := func(listen string) {
		kill, url := trackerProcess(t, "tracker", "--listen", listen, "--registry", redis, "--dir", t.TempDir())
		urls, kills = append(urls, url), append(kills, kill)
	}
	for range 3 {
		start(free)
	}
	const peers = 60
	swarms := []ppsp.SwarmID{"\x01", "\x02", "\x03"}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	loading, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	for i := range peers {
		load.Go(func() {
			var clients []*tracker.Client
			for k := range urls[:3] {
				c := tracker.NewClient(tracker.ClientConfig{URL: urls[(i+k)%3], PeerID: ppsp.PeerID{1, byte(i)}})
				defer c.CloseIdleConnections()
				clients = append(clients, c)
			}
			swarm := swarms[i%len(swarms)]
			for n := 0; n == 0 || loading.Err() == nil; n++ {
				ask := func(c *tracker.Client) (err error) {
					var answer *tracker.Answer
					switch {
					case n%10 == 0:
						answer, err = c.Connect(ctx, []tracker.SwarmAction{tracker.Join(swarm, tracker.Leech)}, nil, nil)
					case n%3 == 0:
						answer, err = c.Find(ctx, swarm, nil)
					default:
						answer, err = c.StatReport(ctx, tracker.StreamStats{SwarmID: swarm.String(), UploadedBytes: tracker.Number(n)})
					}
					if err == nil && (len(answer.Swarms) != 1 || answer.Swarms[0].Failed) {
						err = fmt.Errorf("answered with %+v", answer)
					}
					return err
				}
				at := (i + n) % 3
				if err := ask(clients[at]); err != nil {
					if again := ask(clients[(at+1)%3]); again != nil { // one retry, elsewhere
						t.Errorf("peer %d, request %d: %v; then %v", i, n, err, again)
						return
					}
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	time.Sleep(time.Second)
	kills[1]()
	time.Sleep(time.Second)
	start(urls[1][len("http://") : len(urls[1])-1])
	time.Sleep(time.Second)
	stop()
	load.Wait()
	// Each of the three tells the same of all peers.
	for _, url := range []string{urls[0], urls[2], urls[3]} {
		body, _ := page(t, url+"status")
		var status tracker.Status
		if err := json.Unmarshal([]byte(body), &status); err != nil || status.Peers != peers || len(status.Swarms) != len(swarms) {
			t.Errorf("%s: %d peers in %d swarms, %v", url, status.Peers, len(status.Swarms), err)
		}
		for i := range peers {
			c := tracker.NewClient(tracker.ClientConfig{URL: url, PeerID: ppsp.PeerID{1, byte(i)}})
			answer, err := c.Find(ctx, swarms[i%3], &tracker.PeerNum{PeerCount: 29})
			c.CloseIdleConnections()
			if err != nil || len(answer.Swarms[0].Peers) != peers/3-1 {
				t.Errorf("%s: peer %d finds %+v, %v", url, i, answer, err)
				continue
			}
			if slices.ContainsFunc(answer.Swarms[0].Peers, func(p tracker.Peer) bool { return p.ID == (ppsp.PeerID{1, byte(i)}).String() }) {
				t.Errorf("peer %d finds itself", i)
			}
		}
	}
	sentence(t, []string{"tracker", "--registry", "redis://127.0.0.1:1/0"}, 1, "tracker: --registry: connect to the registry")
}
