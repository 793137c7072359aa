package tracker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"
)

var start = time.Unix(1_700_000_000, 0)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func newMemory(change func(*MemoryConfig)) *Memory {
	c := MemoryConfig{TrackTimeout: 10 * time.Second, Random: seeded()}
	if change != nil {
		change(&c)
	}
	return NewMemory(c)
}

func join(t *testing.T, r Registry, second int, swarm, peer string, mode Mode, addresses ...Address) {
	t.Helper()
	if len(addresses) == 0 {
		addresses = []Address{address("192.0.2.1:1", Host, 0)}
	}
	if err := r.Join(t.Context(), at(second), swarm, Member{ID: peer, Mode: mode, Addresses: addresses}); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, r Registry, second int, swarm, asker string, n int) []string {
	t.Helper()
	peers, err := r.Find(t.Context(), at(second), swarm, asker, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range peers {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestFindListsOthersOnly(t *testing.T) {
	r := newMemory(nil)
	for _, p := range []string{"a", "b", "c"} {
		join(t, r, 0, "s", p, Leech)
	}
	join(t, r, 0, "other", "d", Leech)
	if got := find(t, r, 0, "s", "b", 10); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("got %v", got)
	}
	if got := find(t, r, 0, "other", "d", 10); got != nil {
		t.Errorf("alone in its swarm, but got %v", got)
	}
	if got := find(t, r, 0, "s", "b", 0); got != nil {
		t.Errorf("wanted none, got %v", got)
	}
}

func TestFindByMode(t *testing.T) {
	r := newMemory(nil)
	join(t, r, 0, "s", "seeder1", Seeder)
	join(t, r, 0, "s", "seeder2", Seeder)
	join(t, r, 0, "s", "leech1", Leech)
	join(t, r, 0, "s", "leech2", Leech)
	if got := find(t, r, 0, "s", "seeder1", 10); !slices.Equal(got, []string{"leech1", "leech2"}) {
		t.Errorf("a seeder gets %v", got)
	}
	if got := find(t, r, 0, "s", "leech1", 10); !slices.Equal(got, []string{"leech2", "seeder1", "seeder2"}) {
		t.Errorf("a leech gets %v", got)
	}
	join(t, r, 0, "s", "leech2", Seeder) // it has everything now
	if got := find(t, r, 0, "s", "seeder1", 10); !slices.Equal(got, []string{"leech1"}) {
		t.Errorf("after leech2 became a seeder, a seeder gets %v", got)
	}
}

func TestLeechAlwaysGetsASeeder(t *testing.T) {
	r := newMemory(nil)
	join(t, r, 0, "s", "source", Seeder)
	for i := range 500 {
		join(t, r, 0, "s", fmt.Sprintf("leech%03d", i), Leech)
	}
	listed := make(map[string]int)
	for range 400 {
		got := find(t, r, 0, "s", "leech007", 5)
		if len(got) != 5 || !slices.Contains(got, "source") || slices.Contains(got, "leech007") {
			t.Fatalf("got %v", got)
		}
		if unique := slices.Compact(slices.Clone(got)); len(unique) != 5 {
			t.Fatalf("a peer twice: %v", got)
		}
		for _, id := range got {
			listed[id]++
		}
	}
	// 1600 places for 499 leeches: a fair choice leaves out about 499·e^-3.2 = 20 of them.
	if len(listed) < 450 {
		t.Errorf("only %d of 500 peers were ever listed", len(listed))
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct{ seeders, leeches, n, want int }{
		{0, 9, 5, 0}, {1, 9, 5, 1}, {1, 1000, 5, 1}, {5, 5, 4, 2}, {9, 1, 5, 4}, {100, 0, 5, 5}, {2, 2, 10, 2}, {3, 3, 0, 0},
	} {
		if got := share(c.seeders, c.leeches, c.n); got != c.want {
			t.Errorf("%d seeders, %d leeches, %d places: %d, want %d", c.seeders, c.leeches, c.n, got, c.want)
		}
	}
}

func TestAddressesAreThoseStatedLast(t *testing.T) {
	r := newMemory(nil)
	join(t, r, 0, "s", "asker", Leech)
	source := address("198.51.100.1:4000", Reflexive, 0)
	old := []Address{address("10.0.0.1:1", Host, 1)}
	restarted := []Address{address("10.0.0.2:2", Host, 1), address("198.51.100.9:9", Reflexive, 2)}
	for _, c := range []struct {
		name   string
		stated []Address
		source Address
		want   []Address
	}{
		{"none stated: the source", nil, source, []Address{source}},
		{"still none: the source of now", nil, address("198.51.100.1:4001", Reflexive, 0), []Address{address("198.51.100.1:4001", Reflexive, 0)}},
		{"stated", old, source, old},
		{"none stated later: the stated ones stay", nil, source, old},
		{"only unusable ones stated: likewise", []Address{address("0.0.0.0:1", Host, 1)}, source, old},
		{"restarted elsewhere: replaced, best first", restarted, source, []Address{restarted[1], restarted[0]}},
	} {
		err := r.Join(t.Context(), at(0), "s", Member{ID: "p", Mode: Leech, Addresses: c.stated, Source: c.source})
		if err != nil {
			t.Fatal(err)
		}
		peers, err := r.Find(t.Context(), at(0), "s", "asker", 5, nil)
		if err != nil || !reflect.DeepEqual(peers, []Peer{{"p", c.want, ""}}) {
			t.Errorf("%s: %v, %v, want %v", c.name, peers, err, c.want)
		}
	}
}

func TestPeerWithoutAnyAddressIsNotListed(t *testing.T) {
	r := newMemory(nil)
	join(t, r, 0, "s", "asker", Leech)
	if err := r.Join(t.Context(), at(0), "s", Member{ID: "p", Mode: Leech}); err != nil {
		t.Fatal(err)
	}
	if got := find(t, r, 0, "s", "asker", 5); got != nil {
		t.Errorf("got %v", got)
	}
}

// RFC 7846, 2.3.2 D: "on timeout (the "track timer" has expired), the tracker cleans all
// the information associated with the peer ID in all swarms it was joined".
func TestTrackTimer(t *testing.T) {
	for name, request := range map[string]func(*Memory, int) error{
		"Find":   func(r *Memory, s int) error { _, err := r.Find(t.Context(), at(s), "s", "p", 1, nil); return err },
		"Touch":  func(r *Memory, s int) error { return r.Touch(t.Context(), at(s), "p") },
		"Report": func(r *Memory, s int) error { return r.Report(t.Context(), at(s), "p", StreamStats{SwarmID: "s"}) },
		"Join": func(r *Memory, s int) error {
			return r.Join(t.Context(), at(s), "s", Member{ID: "p", Mode: Leech})
		},
	} {
		r := newMemory(nil)
		join(t, r, 0, "s", "p", Leech)
		join(t, r, 0, "s2", "p", Leech)
		if err := request(r, 9); err != nil {
			t.Errorf("%s before the timeout: %v", name, err)
		}
		join(t, r, 12, "s", "witness", Leech)
		if got := find(t, r, 18, "s", "witness", 5); !slices.Equal(got, []string{"p"}) {
			t.Errorf("%s did not reset the timer: witness finds %v", name, got)
		}
		if got := find(t, r, 19, "s", "witness", 5); got != nil {
			t.Errorf("%s: 10 s after it the witness finds %v", name, got)
		}
		if s, _ := r.Status(t.Context(), at(19)); s.Peers != 1 || len(s.Swarms) != 1 {
			t.Errorf("%s: something of the peer is left: %+v", name, s)
		}
		if err := request(r, 19); name != "Join" && !errors.Is(err, ErrNotMember) {
			t.Errorf("%s of a forgotten peer: %v", name, err)
		}
	}
}

func TestLeaveForgetsThePeerAfterItsLastSwarm(t *testing.T) {
	r := newMemory(nil)
	join(t, r, 0, "s1", "p", Leech)
	join(t, r, 0, "s2", "p", Leech)
	if err := r.Leave(t.Context(), at(0), "s1", "p"); err != nil {
		t.Fatal(err)
	}
	if err := r.Leave(t.Context(), at(0), "s1", "p"); !errors.Is(err, ErrNotMember) {
		t.Errorf("second LEAVE: %v", err)
	}
	if err := r.Touch(t.Context(), at(0), "p"); err != nil {
		t.Errorf("still in s2, but %v", err)
	}
	if err := r.Leave(t.Context(), at(0), "s2", "p"); err != nil {
		t.Fatal(err)
	}
	if err := r.Touch(t.Context(), at(0), "p"); !errors.Is(err, ErrNotMember) {
		t.Errorf("after the last LEAVE: %v", err)
	}
	if r.peers.count() != 0 || r.swarms.count() != 0 || r.seats.count() != 0 || r.oldest != 0 || len(r.byName) != 0 || r.byID.count != 0 || len(r.sources) != 0 {
		t.Errorf("left behind: %d peers, %d swarms, %d seats", r.peers.count(), r.swarms.count(), r.seats.count())
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newMemory(func(c *MemoryConfig) { c.MaxSwarms, c.MaxPeers, c.MaxSwarmPeers, c.MaxSwarmsOfAPeer = 3, 4, 2, 2 })
	join(t, r, 0, "s1", "a", Leech)
	join(t, r, 0, "s1", "b", Seeder)
	join(t, r, 0, "s2", "a", Leech)
	join(t, r, 0, "s2", "c", Leech)
	join(t, r, 0, "s3", "d", Leech)
	for _, c := range []struct{ why, swarm, peer string }{
		{"a third peer in a swarm", "s1", "c"},
		{"a third swarm of a peer", "s3", "a"},
		{"a fourth swarm", "s4", "b"},
		{"a fifth peer", "s3", "e"},
	} {
		if err := r.Join(t.Context(), at(0), c.swarm, Member{ID: c.peer, Mode: Leech}); !errors.Is(err, ErrFull) {
			t.Errorf("%s: %v, want ErrFull", c.why, err)
		}
	}
	if r.peers.count() != 4 || r.swarms.count() != 3 {
		t.Errorf("refused joins left something behind: %d peers, %d swarms", r.peers.count(), r.swarms.count())
	}
	join(t, r, 5, "s1", "a", Seeder) // members may renew where nobody else fits
	if err := r.Leave(t.Context(), at(5), "s3", "d"); err != nil {
		t.Fatal(err)
	}
	join(t, r, 5, "s4", "e", Leech) // what a peer leaves is free again
	r = newMemory(func(c *MemoryConfig) { c.MaxSeats = 2 })
	join(t, r, 0, "s1", "a", Leech)
	join(t, r, 0, "s2", "a", Leech)
	if err := r.Join(t.Context(), at(0), "s1", Member{ID: "b", Mode: Leech}); !errors.Is(err, ErrFull) {
		t.Errorf("a third membership: %v", err)
	}
	join(t, r, 0, "s2", "a", Seeder)
}

// A swarm keeps its name alone, not the request that it was read from.
func TestASwarmKeepsNoRequest(t *testing.T) {
	r := newMemory(nil)
	request := strings.Repeat("x", 1000) + "swarm"
	name := request[1000:]
	join(t, r, 0, name, "p", Leech)
	for kept := range r.byName {
		if unsafe.StringData(kept) == unsafe.StringData(name) || unsafe.StringData(r.swarms.at(1).name) != unsafe.StringData(kept) {
			t.Error("the name is part of what was read")
		}
	}
}

// When very many fall silent together, each request forgets a few, and yet nobody who is silent is
// known or listed; Expire forgets all.
func TestManyFallSilentTogether(t *testing.T) {
	r := newMemory(nil)
	const many = 10 * expireAtOnce
	for i := range many {
		join(t, r, 0, "s", fmt.Sprint("silent", i), Leech)
	}
	join(t, r, 5, "s", "here", Leech)
	join(t, r, 5, "s", "there", Seeder)
	if got := find(t, r, 10, "s", "here", 29); !slices.Equal(got, []string{"there"}) && got != nil {
		t.Errorf("listed: %v", got)
	}
	if left := r.peers.count(); left != many+2-expireAtOnce {
		t.Errorf("%d of %d are left after one request", left, many)
	}
	last := fmt.Sprint("silent", many-1)
	if known, err := r.Known(t.Context(), at(10), last); known || err != nil {
		t.Errorf("known: %v, %v", known, err)
	}
	if err := r.Touch(t.Context(), at(10), fmt.Sprint("silent", many-2)); !errors.Is(err, ErrNotMember) {
		t.Errorf("touch: %v", err)
	}
	if err := r.Report(t.Context(), at(10), fmt.Sprint("silent", many-3), StreamStats{SwarmID: "s"}); !errors.Is(err, ErrNotMember) {
		t.Errorf("report: %v", err)
	}
	if err := r.Expire(t.Context(), at(10)); err != nil || r.peers.count() != 2 {
		t.Errorf("%d are left, %v", r.peers.count(), err)
	}
	if got := find(t, r, 10, "s", "here", 29); !slices.Equal(got, []string{"there"}) {
		t.Errorf("listed: %v", got)
	}
}

// A list costs the same in a swarm of which hardly anybody can be listed, and is still random.
func TestFindGivesUp(t *testing.T) {
	r := newMemory(func(c *MemoryConfig) { c.MaxPeersOfAnAddress = 1 << 20 })
	for i := range 5000 {
		m := Member{ID: fmt.Sprint("hidden", i), Mode: Leech, Source: address("203.0.113.1:1", Reflexive, 0), Addresses: []Address{address("192.168.1.1:1", Host, 0)}}
		if err := r.Join(t.Context(), at(0), "s", m); err != nil {
			t.Fatal(err)
		}
	}
	asker := Member{ID: "asker", Mode: Leech, Source: address("198.51.100.1:1", Reflexive, 0)}
	if err := r.Join(t.Context(), at(0), "s", asker); err != nil {
		t.Fatal(err)
	}
	if got := find(t, r, 0, "s", "asker", 20); got != nil {
		t.Errorf("listed: %v", got)
	}
	for i := range 500 { // one in eleven can be listed
		join(t, r, 0, "s", fmt.Sprint("open", i), Leech, address(fmt.Sprintf("198.18.%d.%d:1", i>>8, i&255), Reflexive, 0))
	}
	seen := map[string]int{}
	for range 2000 {
		for _, id := range find(t, r, 0, "s", "asker", 4) {
			seen[id]++
		}
	}
	for id, n := range seen {
		if n > 60 { // 16 on the average
			t.Errorf("%s is listed %d times", id, n)
		}
	}
	if len(seen) < 495 {
		t.Errorf("only %d of 500 are ever listed", len(seen))
	}
}

func TestStatusTellsAll(t *testing.T) {
	r := newMemory(nil)
	join(t, r, 0, "s2", "b", Leech)
	join(t, r, 1, "s1", "b", Leech)
	join(t, r, 3, "s1", "a", Seeder)
	stats := StreamStats{SwarmID: "s1", UploadedBytes: 7}
	if err := r.Report(t.Context(), at(3), "a", stats); err != nil {
		t.Fatal(err)
	}
	got, err := r.Status(t.Context(), at(4))
	addresses := []Address{address("192.0.2.1:1", Host, 0)}
	want := Status{Peers: 2, Swarms: []SwarmStatus{
		{"s1", 1, 1, []MemberStatus{{"a", Seeder, 1, addresses, &stats, ""}, {"b", Leech, 3, addresses, nil, ""}}},
		{"s2", 0, 1, []MemberStatus{{"b", Leech, 3, addresses, nil, ""}}},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestStatusIsBounded(t *testing.T) {
	r := newMemory(nil)
	for i := range MaxStatusPeers + 1 {
		join(t, r, 0, fmt.Sprint(i%2), fmt.Sprint(i), Leech)
	}
	s, err := r.Status(t.Context(), at(0))
	n := 0
	for _, swarm := range s.Swarms {
		n += len(swarm.Members)
	}
	if err != nil || n != MaxStatusPeers || !s.Truncated || s.Peers != MaxStatusPeers+1 {
		t.Errorf("%d members, truncated %v, %v", n, s.Truncated, err)
	}
}

// model is the registry as simple as can be: a map, searched from end to end.
type model map[[2]string]struct {
	mode Mode
	seen int
}

func (m model) expire(second int) {
	maps.DeleteFunc(m, func(k [2]string, _ struct {
		mode Mode
		seen int
	},
	) bool {
		newest := 0
		for k2, v2 := range m {
			if k2[1] == k[1] {
				newest = max(newest, v2.seen)
			}
		}
		return second-newest >= 10
	})
}

func (m model) touch(peer string, second int) {
	for k, v := range m {
		if k[1] == peer {
			v.seen = second
			m[k] = v
		}
	}
}

// find returns whom the asker could be told of.
func (m model) find(swarm, asker string) []string {
	var out []string
	for k, v := range m {
		if k[0] == swarm && k[1] != asker && (v.mode == Leech || m[[2]string{swarm, asker}].mode == Leech) {
			out = append(out, k[1])
		}
	}
	slices.Sort(out)
	return out
}

func TestMemoryAgreesWithTheModel(t *testing.T) {
	random := seeded()
	r := newMemory(nil)
	m := make(model)
	ctx := context.Background()
	second := 0
	for i := range 20000 {
		second += random.IntN(2)
		swarm, peer := fmt.Sprint("s", random.IntN(4)), fmt.Sprint("p", random.IntN(12))
		key := [2]string{swarm, peer}
		m.expire(second)
		before, member := m[key]
		m.touch(peer, second)
		var err error
		switch random.IntN(6) {
		case 0, 1:
			before.mode, before.seen = []Mode{Seeder, Leech}[random.IntN(2)], second
			m[key] = before
			member = true
			err = r.Join(ctx, at(second), swarm, Member{ID: peer, Mode: before.mode, Addresses: []Address{address("192.0.2.1:1", Host, 0)}})
		case 2:
			delete(m, key)
			err = r.Leave(ctx, at(second), swarm, peer)
		case 3:
			err = r.Report(ctx, at(second), peer, StreamStats{SwarmID: swarm})
		default:
			var peers []Peer
			peers, err = r.Find(ctx, at(second), swarm, peer, 100, nil)
			if got, want := ids(peers), m.find(swarm, peer); member && !slices.Equal(got, want) {
				t.Fatalf("step %d: %s finds %v in %s, want %v", i, peer, got, swarm, want)
			}
		}
		if (err == nil) != member {
			t.Fatalf("step %d: %v, but membership of %s in %s is %v", i, err, peer, swarm, member)
		}
	}
	if s, _ := r.Status(ctx, at(second+10)); s.Peers != 0 || len(s.Swarms) != 0 {
		t.Errorf("after all timers ran out: %+v", s)
	}
}

func ids(peers []Peer) []string {
	var out []string
	for _, p := range peers {
		out = append(out, p.ID)
	}
	slices.Sort(out)
	return out
}

func BenchmarkMemoryFind(b *testing.B) {
	r := NewMemory(MemoryConfig{})
	for i := range 10000 {
		m := Member{ID: fmt.Sprint(i), Mode: Leech, Addresses: []Address{address("192.0.2.1:1", Host, 0)}}
		if err := r.Join(b.Context(), start, "s", m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Find(b.Context(), start, "s", "7", DefaultPeers, nil); err != nil {
			b.Fatal(err)
		}
	}
}
