package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// A tracker in a process of its own serves the mix, and all figures of the README are there.
func TestBenchTracker(t *testing.T) {
	t.Setenv(asProgram, "1")
	c := begin(t, nil, "bench", "tracker", "--peers", "2000", "--swarms", "100", "--connections", "8", "--duration", "500ms", "--json")
	if status := c.end(t, patience); status != 0 {
		t.Fatalf("exit status %d: %s%s", status, c.out, c.err)
	}
	result := c.event(t, "result")
	for _, name := range []string{"requests_per_cpu_s", "requests_per_s", "p50_ms", "p99_ms", "base_rss_mb", "rss_mb", "peak_rss_mb"} {
		if v, ok := result[name].(float64); !ok || v <= 0 {
			t.Errorf("%s is %v", name, result[name])
		}
	}
	if result["failures"] != 0.0 || result["requests"].(float64) < 12_200 {
		t.Errorf("%v requests, %v failures", result["requests"], result["failures"])
	}
	sentence(t, []string{"bench", "tracker", "--peers", "10"}, 2, "two peers in each")
}

// Anything but a success counts as a failure.
func TestBenchCountsFailures(t *testing.T) {
	b := &benchTracker{Peers: 400, Swarms: 100, Connections: 3}
	good := tracker.NewServer(tracker.ServerConfig{})
	for _, c := range []struct {
		what    string
		handler http.HandlerFunc
		all     bool
	}{
		{"a tracker", good.ServeHTTP, false},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }, true},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, true},
		{"another transaction", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"x","swarm_result":[{"swarm_id":"1","result":0}]}}`))
		}, true},
	} {
		s := httptest.NewServer(c.handler)
		l, err := dialTracker(t.Context(), b, strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		l.phase(t.Context(), 400, 0, func(n int) int { return n*kinds + asConnect })
		l.phase(t.Context(), 60, 0, func(n int) int { return mixed(n, 400) })
		failures, first := l.failed()
		if c.all && (failures == 0 || failures != l.requests()) || !c.all && failures != 0 {
			t.Errorf("%s: %d failures in %d requests: %s", c.what, failures, l.requests(), first)
		}
		l.close()
		s.Close()
	}
	// A swarm of one has no peers to list.
	if err := judge([]byte(`{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"1","swarm_result":[{"swarm_id":"1","result":0,"peer_group":{"peer_info":[]}}]}}`), asFind, 1); err == nil {
		t.Error("an empty list is taken for a success")
	}
}
