package tracker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// redisProcess is a Redis that a test started.
type redisProcess struct {
	url     string
	process *os.Process
}

// startRedis starts a Redis of the system on a free port of loopback, which keeps nothing.
func startRedis(t *testing.T, args ...string) (url string) {
	t.Helper()
	return startRedisProcess(t, args...).url
}

func startRedisProcess(t *testing.T, args ...string) (r redisProcess) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	c := exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)...)
	if err := c.Start(); err != nil {
		t.Fatalf("%v; install the Debian package redis-server", err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			return redisProcess{"redis://127.0.0.1:" + port + "/0", c.Process}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return r
}

func openValkey(t *testing.T, url string, timeout time.Duration) *Valkey {
	t.Helper()
	v, err := OpenValkey(ValkeyConfig{URL: url, TrackTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// A registry in Redis does what one in memory does, through whatever process it is asked.
func TestValkeyAgreesWithMemory(t *testing.T) {
	url := startRedis(t)
	processes := []*Valkey{openValkey(t, url, time.Minute), openValkey(t, url, time.Minute)}
	random := seeded()
	memory := NewMemory(MemoryConfig{TrackTimeout: time.Minute})
	for i := range 1500 {
		v := processes[random.IntN(2)]
		swarm, peer := fmt.Sprint("s", random.IntN(4)), fmt.Sprint("p", random.IntN(12))
		var got, want error
		var what string
		switch random.IntN(8) {
		case 0, 1, 2:
			what = "join"
			m := Member{ID: peer, Mode: []Mode{Seeder, Leech}[random.IntN(2)], Source: address("198.51.100.1:4000", Reflexive, 0)}
			if random.IntN(2) == 0 {
				m.Addresses = []Address{wired(address(fmt.Sprintf("192.0.2.%d:7574", random.IntN(200)), Host, 5), "64496")}
			}
			got, want = v.Join(t.Context(), at(0), swarm, m), memory.Join(t.Context(), at(0), swarm, m)
		case 3:
			what = "leave"
			got, want = v.Leave(t.Context(), at(0), swarm, peer), memory.Leave(t.Context(), at(0), swarm, peer)
		case 4:
			what = "report"
			s := StreamStats{SwarmID: swarm, UploadedBytes: Number(i)}
			got, want = v.Report(t.Context(), at(0), peer, s), memory.Report(t.Context(), at(0), peer, s)
		case 5:
			what = "touch"
			got, want = v.Touch(t.Context(), at(0), peer), memory.Touch(t.Context(), at(0), peer)
		case 6:
			what = "remove"
			if random.IntN(4) == 0 {
				got, want = v.Remove(t.Context(), at(0), peer), memory.Remove(t.Context(), at(0), peer)
			}
		default:
			what = "find"
			var a, b []Peer
			a, got = v.Find(t.Context(), at(0), swarm, peer, 29, nil)
			b, want = memory.Find(t.Context(), at(0), swarm, peer, 29, nil)
			if !slices.Equal(ids(a), ids(b)) {
				t.Fatalf("step %d: %s finds %v in %s, want %v", i, peer, ids(a), swarm, ids(b))
			}
		}
		if !errors.Is(got, want) || (got == nil) != (want == nil) {
			t.Fatalf("step %d, %s: %v, want %v", i, what, got, want)
		}
		one, err1 := v.Known(t.Context(), at(0), peer)
		two, err2 := memory.Known(t.Context(), at(0), peer)
		if one != two || err1 != nil || err2 != nil {
			t.Fatalf("step %d, %s: known %v, want %v; %v", i, what, one, two, err1)
		}
	}
	got, err := processes[0].Status(t.Context(), at(0))
	want := told(t, memory)
	for i := range got.Swarms {
		for k := range got.Swarms[i].Members {
			got.Swarms[i].Members[k].SilentFor, got.Swarms[i].Members[k].Stats = 0, nil
		}
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

// The track timer is Redis's own, and what is gone is taken out of the sets.
func TestValkeyForgets(t *testing.T) {
	v := openValkey(t, startRedis(t), 300*time.Millisecond)
	join(t, v, 0, "s", "silent", Leech)
	join(t, v, 0, "s", "alive", Leech)
	for range 10 {
		time.Sleep(50 * time.Millisecond) // the server's clock can't be set
		if err := v.Touch(t.Context(), at(0), "alive"); err != nil {
			t.Fatal(err)
		}
	}
	if got := find(t, v, 0, "s", "alive", 5); got != nil {
		t.Errorf("the silent one is listed: %v", got)
	}
	n, err := v.client.Do(t.Context(), v.client.B().Scard().Key(swarmKey("s", false)).Build()).AsInt64()
	if err != nil || n != 1 {
		t.Errorf("%d in the set, %v", n, err)
	}
	if err := v.Report(t.Context(), at(0), "silent", StreamStats{SwarmID: "s"}); !errors.Is(err, ErrNotMember) {
		t.Errorf("report of a forgotten peer: %v", err)
	}
}

// A tracker that died between the two steps of a join leaves a member that is in no set: its
// next request puts it there.
func TestValkeyMends(t *testing.T) {
	v := openValkey(t, startRedis(t), time.Minute)
	join(t, v, 0, "s", "a", Leech)
	join(t, v, 0, "s", "b", Leech)
	for _, mend := range []func() error{
		func() error { return v.Report(t.Context(), at(0), "b", StreamStats{SwarmID: "s"}) },
		func() error { _, err := v.Find(t.Context(), at(0), "s", "b", 1, nil); return err },
	} {
		if err := v.unseat(t.Context(), "s", "b"); err != nil {
			t.Fatal(err)
		}
		if err := mend(); err != nil {
			t.Fatal(err)
		}
		if got := find(t, v, 0, "s", "a", 5); !slices.Equal(got, []string{"b"}) {
			t.Errorf("got %v", got)
		}
	}
}

// A server that has no memory left lets members go on, and nobody in.
func TestValkeyFull(t *testing.T) {
	v := openValkey(t, startRedis(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction"), time.Minute)
	var err error
	for i := 0; i < 20_000 && err == nil; i++ {
		m := Member{ID: fmt.Sprintf("peer%0100d", i), Mode: Leech, Addresses: []Address{address("192.0.2.1:1", Host, 0)}}
		err = v.Join(t.Context(), at(0), "s", m)
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	id := fmt.Sprintf("peer%0100d", 1)
	_, found := v.Find(t.Context(), at(0), "s", id, 5, nil)
	for what, err := range map[string]error{
		"touch":  v.Touch(t.Context(), at(0), id),
		"report": v.Report(t.Context(), at(0), id, StreamStats{SwarmID: "s", UploadedBytes: 7}),
		"join":   v.Join(t.Context(), at(0), "s", Member{ID: id, Mode: Leech, Addresses: []Address{address("192.0.2.1:1", Host, 0)}}),
		"find":   found,
	} {
		if err != nil {
			t.Errorf("%s of a member: %v", what, err)
		}
	}
}

// Swarms and members that are gone leave nothing behind, also where nobody comes upon them.
func TestValkeySweeps(t *testing.T) {
	v := openValkey(t, startRedis(t), time.Minute)
	for i := range 30 {
		join(t, v, 0, fmt.Sprint("s", i), "goes", Seeder)
		join(t, v, 0, fmt.Sprint("s", i), "goes too", Leech)
	}
	join(t, v, 0, "stays", "here", Leech)
	join(t, v, 0, "stays", "goes", Leech)
	for _, id := range []string{"goes", "goes too"} {
		if err := v.Remove(t.Context(), at(0), id); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		if err := v.Expire(t.Context(), at(0)); err != nil {
			t.Fatal(err)
		}
		if v.cursor.Load() == 0 {
			break
		}
	}
	keys, err := v.client.Do(t.Context(), v.client.B().Keys().Pattern("*").Build()).AsStrSlice()
	slices.Sort(keys)
	if want := []string{peerKey("here"), swarmKey("stays", false), swarmsKey}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("%v, left: %v", err, keys)
	}
	swarms, err := v.client.Do(t.Context(), v.client.B().Smembers().Key(swarmsKey).Build()).AsStrSlice()
	if err != nil || !slices.Equal(swarms, []string{"stays"}) {
		t.Errorf("%v, %v", swarms, err)
	}
	n, err := v.client.Do(t.Context(), v.client.B().Scard().Key(swarmKey("stays", false)).Build()).AsInt64()
	if err != nil || n != 1 {
		t.Errorf("%d members, %v", n, err)
	}
}

// What peers report is heard when lists are made.
func TestValkeyRanksByReports(t *testing.T) {
	v := openValkey(t, startRedis(t), time.Minute)
	crowd(t, v, 17) // so that each sample is the whole swarm
	asker := Member{ID: "asker", Mode: Leech, Source: address("203.0.113.1:1", Reflexive, 0), About: &PeerNum{AbilityNAT: "STUN"}}
	for _, m := range []Member{asker, {ID: "fit", Mode: Leech, Source: address("198.19.0.1:1", Reflexive, 0)}} {
		if err := v.Join(t.Context(), at(0), "s", m); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (listed int) {
		for range 200 {
			if slices.Contains(find(t, v, 0, "s", "asker", 6), "fit") {
				listed++
			}
		}
		return listed
	}
	before := count()
	if err := v.Report(t.Context(), at(0), "fit", StreamStats{SwarmID: "s", ChunksHeld: "0-99999", Connection: "wired", Power: "mains", ConcurrentLinks: 3}); err != nil {
		t.Fatal(err)
	}
	if after := count(); before > 110 || after != 200 { // by chance 67
		t.Errorf("listed %d times in 200, after its report %d times", before, after)
	}
}

// patience bounds what takes its time on a busy machine.
const patience = 30 * time.Second

func TestPasswordsAreNotShown(t *testing.T) {
	for _, address := range []string{
		"redis://user:secret@127.0.0.1:1/0", "redis://user:secret@127.0.0.1:1/x", "http://:secret@x/", "redis://:sec%ret@x:1/0",
		"redis://:secret@x:port/0", ":secret@x", "redis://u:secret@[::1/0", "redis:u:secret@x",
	} {
		_, err := OpenValkey(ValkeyConfig{URL: address})
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec%") {
			t.Errorf("%s: %v", address, err)
		}
	}
	url := startRedis(t, "--requirepass", "open sesame")
	if _, err := OpenValkey(ValkeyConfig{URL: url}); err == nil {
		t.Error("in without a password")
	}
	v, err := OpenValkey(ValkeyConfig{URL: url, Password: "open sesame"})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
}

func TestValkeyThatIsNotThere(t *testing.T) {
	for _, url := range []string{"http://x/", "redis://127.0.0.1:1/0"} {
		if _, err := OpenValkey(ValkeyConfig{URL: url}); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
}
