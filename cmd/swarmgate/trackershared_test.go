package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// rightList tells what is wrong with the list that a peer got: it has to be of all others of its
// swarm, each once. Peer i is in swarm i modulo 3.
func rightList(list []tracker.Peer, i, peers int) error {
	want, got := map[string]bool{}, map[string]bool{}
	for k := i % 3; k < peers; k += 3 {
		if k != i {
			want[ppsp.PeerID{1, byte(k)}.String()] = true
		}
	}
	for _, p := range list {
		got[p.ID] = true
	}
	if len(list) != len(got) || !maps.Equal(got, want) {
		return fmt.Errorf("a list of %d peers, %d of them different, want %d: %v", len(list), len(got), len(want), list)
	}
	return nil
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
	var load, joining sync.WaitGroup
	joining.Add(peers)
	all := make(chan struct{}) // closed when all are in
	go func() { joining.Wait(); close(all) }()
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
					if err == nil && n%10 != 0 && n%3 == 0 {
						err = rightList(answer.Swarms[0].Peers, i, peers)
					}
					return err
				}
				at := (i + n) % 3
				if err := ask(clients[at]); err != nil {
					if again := ask(clients[(at+1)%3]); again != nil { // one retry, elsewhere
						t.Errorf("peer %d, request %d: %v; then %v", i, n, err, again)
						if n == 0 {
							joining.Done()
						}
						return
					}
				}
				if n == 0 {
					joining.Done()
					<-all
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
			if err == nil {
				err = rightList(answer.Swarms[0].Peers, i, peers)
			}
			if err != nil {
				t.Errorf("%s: peer %d: %v", url, i, err)
			}
		}
	}
	sentence(t, []string{"tracker", "--registry", "redis://127.0.0.1:1/0"}, 1, "tracker: --registry: connect to the registry")
}

// The password of a registry comes from a file, and is shown by no error.
func TestRegistryPassword(t *testing.T) {
	atHome(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sentence(t, []string{"tracker", "--registry", "redis://127.0.0.1:1/0", "--registry-password", empty}, 1, "has no password in its first line")
	sentence(t, []string{"tracker", "--registry", "redis://127.0.0.1:1/0", "--registry-password", empty + "x"}, 1, "--registry-password")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	password, err := (&trackerCommand{RegistryPassword: secret}).registryPassword()
	if err != nil || password != "open sesame" {
		t.Errorf("%q, %v", password, err)
	}
}

// A ban that one tracker is told holds at all that share its registry, whether they have the
// operator's page or not.
func TestTrackersShareBans(t *testing.T) {
	atHome(t)
	redis := redisServer(t)
	start := func(more ...string) map[string]any {
		p := begin(t, nil, append([]string{"tracker", "--http", "--listen", free, "--registry", redis, "--dir", t.TempDir(), "--json"}, more...)...)
		return p.event(t, "ready")
	}
	first, second := start("--operator", free), start("--no-operator")
	client := func(ready map[string]any, id byte) *tracker.Client {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		return tracker.NewClient(tracker.ClientConfig{URL: text(t, ready, "url"), PeerID: ppsp.PeerID{id}, HTTP: &http.Client{Transport: transport}})
	}
	join := func(c *tracker.Client) error {
		_, err := c.Connect(t.Context(), []tracker.SwarmAction{tracker.Join("\x01", tracker.Leech)}, nil, nil)
		return err
	}
	for _, ready := range []map[string]any{first, second} {
		if err := join(client(ready, 1)); err != nil {
			t.Fatal(err)
		}
	}
	api := strings.TrimSuffix(text(t, first, "operator"), "/")
	if status, _, err := once(t, "bans", "add", ppsp.PeerID{1}.String(), "--api", api); status != 0 {
		t.Fatal(err)
	}
	shut := func(want bool) {
		t.Helper()
		c := client(second, 1)
		limit := time.Now().Add(patience)
		for {
			err := join(c)
			refused := err != nil && strings.Contains(err.Error(), "03 forbidden action")
			if refused == want {
				return
			}
			if time.Now().After(limit) {
				t.Fatalf("shut out at the other tracker: %v, want %v", err, want)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	shut(true)
	if err := join(client(second, 2)); err != nil {
		t.Errorf("another one: %v", err)
	}
	if status, _, err := once(t, "bans", "remove", ppsp.PeerID{1}.String(), "--api", api); status != 0 {
		t.Fatal(err)
	}
	shut(false)
}

// Who enrols at one tracker is let in by all that share its registry, also after a restart.
func TestTrackersShareEnrolments(t *testing.T) {
	dir := atHome(t)
	codes := filepath.Join(dir, "codes")
	const code = "a-code-for-two-peers"
	if err := os.WriteFile(codes, []byte(code+" 2 30\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	redis := redisServer(t)
	start := func() string {
		p := begin(t, nil, "tracker", "--http", "--listen", free, "--no-operator", "--registry", redis, "--auth", "token", "--enrolment", codes, "--dir", t.TempDir(), "--json")
		return text(t, p.event(t, "ready"), "url")
	}
	first, second := start(), start()
	enrol := func(url string) (status int, token string) {
		answer, err := http.Post(url+"enroll", "application/json", strings.NewReader(`{"code":"`+code+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body struct{ Token string }
		_ = json.NewDecoder(answer.Body).Decode(&body)
		return answer.StatusCode, body.Token
	}
	status, token := enrol(first)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	join := func(url, token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(connectOfP))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tracker.MediaType)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for _, url := range []string{first, second, start()} {
		if status := join(url, token); status != http.StatusOK {
			t.Errorf("enrolled at the first, asks %s: %d", url, status)
		}
	}
	if status := join(second, token+"x"); status != http.StatusUnauthorized {
		t.Errorf("with a wrong token: %d", status)
	}
	if status, _ := enrol(second); status != http.StatusOK {
		t.Errorf("the second peer: %d", status)
	}
	if status, _ := enrol(first); status != http.StatusForbidden {
		t.Errorf("a third peer by a code for two: %d", status)
	}
	http.DefaultClient.CloseIdleConnections()
}
