package tracker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// viewed is what an operator asks of a registry.
type viewed interface {
	Registry
	Totals(ctx context.Context, now time.Time) (Totals, error)
	Swarms(ctx context.Context, now time.Time, after string, n int) ([]SwarmSummary, error)
	Swarm(ctx context.Context, now time.Time, id string) (SwarmSummary, error)
	Members(ctx context.Context, now time.Time, swarm, after string, n int) ([]MemberView, error)
	Memberships(ctx context.Context, now time.Time, peer string) ([]MemberView, error)
	Evict(ctx context.Context, now time.Time, from netip.Prefix) (int, error)
}

// What an operator sees is the same with both registries.
func TestViews(t *testing.T) {
	for name, open := range map[string]func() viewed{
		"memory": func() viewed { return NewMemory(MemoryConfig{TrackTimeout: time.Minute}) },
		"valkey": func() viewed { return openValkey(t, startRedis(t), time.Minute) },
	} {
		t.Run(name, func(t *testing.T) { testViews(t, open()) })
	}
}

func testViews(t *testing.T, r viewed) {
	ctx := t.Context()
	const swarms, each = 5, 8
	for s := range swarms {
		for p := range each {
			m := Member{ID: fmt.Sprint("p", p), Mode: []Mode{Seeder, Leech}[min(p, 1)], Source: address(fmt.Sprintf("192.0.2.%d:7574", p+1), Reflexive, 0)}
			if err := r.Join(ctx, at(0), fmt.Sprint("s", s), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	for p := range 2 {
		stats := StreamStats{SwarmID: "s1", UploadedBytes: 100, DownloadedBytes: 30, AvailableBandwidth: 8000, ConcurrentLinks: 2, ChunksHeld: "0-9,20", ChunksLate: Number(3 + p)}
		if err := r.Report(ctx, at(0), fmt.Sprint("p", p), stats); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Totals(ctx, at(0)); err != nil || got != (Totals{Peers: each, Swarms: swarms}) {
		t.Errorf("%+v, %v", got, err)
	}
	var seen []string
	for after := ""; ; after = seen[len(seen)-1] {
		some, err := r.Swarms(ctx, at(0), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range some {
			seen = append(seen, s.SwarmID)
			if s.Seeders != 1 || s.Leeches != each-1 {
				t.Errorf("%+v", s)
			}
		}
		if len(some) == 0 {
			break
		}
	}
	if fmt.Sprint(seen) != "[s0 s1 s2 s3 s4]" {
		t.Errorf("pages of swarms: %v", seen)
	}
	want := SwarmSummary{SwarmID: "s1", Seeders: 1, Leeches: 7, Reporting: 2, UploadedBytes: 200, DownloadedBytes: 60, UploadBandwidth: 16000, Links: 4, ChunksHeld: 22, ChunksLate: 7, MostLate: 4}
	if got, err := r.Swarm(ctx, at(0), "s1"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Swarm(ctx, at(0), "none"); !errors.Is(err, ErrNotMember) {
		t.Errorf("a swarm that is not there: %v", err)
	}
	members, err := r.Members(ctx, at(0), "s1", "p0", 3)
	if err != nil || len(members) != 3 || members[0].PeerID != "p1" || members[2].PeerID != "p3" || members[0].From != "192.0.2.2" || members[0].ChunksHeld != 11 || members[0].Mode != Leech {
		t.Errorf("%+v, %v", members, err)
	}
	if one, err := r.Memberships(ctx, at(0), "p0"); err != nil || len(one) != swarms || one[0].Mode != Seeder || one[0].PeerID != "p0" {
		t.Errorf("%+v, %v", one, err)
	}
	if none, err := r.Memberships(ctx, at(0), "nobody"); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if n, err := r.Evict(ctx, at(0), netip.MustParsePrefix("192.0.2.0/30")); err != nil || n != 3 {
		t.Errorf("evicted %d, %v", n, err)
	}
	if members, err = r.Members(ctx, at(0), "s1", "", 100); err != nil || len(members) != each-3 || members[0].PeerID != "p3" {
		t.Errorf("after that: %+v, %v", members, err)
	}
}

// Who is shut out gets 03, and each answer is told of.
func TestBannedAndWatched(t *testing.T) {
	var log []string
	s := NewServer(ServerConfig{
		Banned: func(from netip.Addr, peer string) bool {
			return peer == "bad" || from == netip.MustParseAddr("198.51.100.9")
		},
		Watch: func(r *Request, from netip.Addr, code ErrorCode, took time.Duration) {
			if took < 0 {
				t.Errorf("it took %v", took)
			}
			log = append(log, fmt.Sprint(r.Type, " ", r.PeerID, " ", from, " ", code))
		},
	})
	for _, c := range []struct{ peer, from, body string }{
		{"good", "198.51.100.1:1", ""},
		{"bad", "198.51.100.1:1", ""},
		{"good", "198.51.100.9:1", ""},
		{"", "198.51.100.1:1", "nonsense"},
	} {
		body := []byte(c.body)
		if c.body == "" {
			body, _ = EncodeRequest(&Request{Type: TypeConnect, TransactionID: c.peer + c.from, PeerID: c.peer, Connect: &Connect{Actions: List[SwarmAction]{Join(swarmA, Leech)}}})
		}
		client := &http.Client{Transport: wire{s, c.from}}
		answer, err := client.Post(trackerURL, MediaType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	want := `["CONNECT good 198.51.100.1 00 no error","CONNECT bad 198.51.100.1 03 forbidden action","CONNECT good 198.51.100.9 03 forbidden action","  198.51.100.1 01 bad request"]`
	if got, _ := json.Marshal(log); string(got) != want {
		t.Errorf("it told of %s", got)
	}
}
