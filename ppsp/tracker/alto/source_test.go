package alto

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var near, far, asker = netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("192.0.2.8")

// known tells whether the source has the maps of the RFC.
func known(s *Source) bool {
	return s.Cost(near, asker) == tracker.MaxScore && s.Cost(far, asker) == 0
}

// exampleDirectory is part of that of RFC 7285, 9.2.3, with relative addresses.
const exampleDirectory = `{
  "meta" : {
    "cost-types": {
      "num-routing": {"cost-mode": "numerical", "cost-metric": "routingcost", "description": "My default"},
      "num-hop": {"cost-mode": "numerical", "cost-metric": "hopcount"}
    },
    "default-alto-network-map" : "my-default-network-map"
  },
  "resources" : {
    "my-default-network-map" : {"uri" : "/networkmap", "media-type" : "application/alto-networkmap+json"},
    "numerical-hopcount-cost-map" : {"uri" : "/costmap/num/hopcount", "media-type" : "application/alto-costmap+json",
      "capabilities" : {"cost-type-names" : [ "num-hop" ]}, "uses": [ "my-default-network-map" ]},
    "numerical-routing-cost-map" : {"uri" : "costmap/num/routingcost", "media-type" : "application/alto-costmap+json",
      "capabilities" : {"cost-type-names" : [ "num-routing" ]}, "uses": [ "my-default-network-map" ]},
    "custom-maps-resources" : {"uri" : "http://custom.alto.example.com/maps", "media-type" : "application/alto-directory+json"}
  }
}`

// altoServer answers with what is in pages, until the test ends.
func altoServer(t *testing.T, pages map[string]string) (url string, client *http.Client) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(body, "to "):
			http.Redirect(w, r, body[3:], http.StatusFound)
		default:
			_, _ = w.Write([]byte(body))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, s.Client()
}

func TestLoadByHTTP(t *testing.T) {
	pages := map[string]string{
		"/directory": exampleDirectory, "/networkmap": exampleNetwork, "/costmap/num/routingcost": exampleCosts,
		"/moved": "to /directory", "/round": "to /round",
		"/away":    strings.Replace(exampleDirectory, "/networkmap", "ftp://127.0.0.1/networkmap", 1),
		"/itself":  strings.Replace(exampleDirectory, "/networkmap", "/directory", 1),
		"/nomap":   strings.Replace(exampleDirectory, `"default-alto-network-map"`, `"x"`, 1),
		"/nocosts": strings.Replace(exampleDirectory, `"routingcost"`, `"hopcount"`, 1),
		"/page":    "<html>",
		"/other":   `{"endpoint-cost-map":{}}`,
	}
	url, client := altoServer(t, pages)
	for _, at := range [][]string{{"/directory"}, {"/moved"}, {"/networkmap", "/costmap/num/routingcost"}} {
		s := &Source{HTTP: client}
		for _, p := range at {
			s.Locations = append(s.Locations, url+p)
		}
		if err := s.Load(t.Context()); err != nil || !known(s) {
			t.Errorf("%v: %v", at, err)
		}
	}
	s := &Source{HTTP: client, Locations: []string{url + "/directory"}}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{
		"/away": "ftp://127.0.0.1/networkmap", "/itself": "neither a network map nor a cost map nor a directory", "/nomap": "no default network map",
		"/nocosts": "no map of numerical routing costs", "/page": "invalid character", "/nothing": "404", "/round": "not followed",
		"/other": "neither a network map", "/networkmap": "no cost map", "/costmap/num/routingcost": "no network map",
	} {
		s.Locations = []string{url + path}
		if err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", path, err, words)
		}
		if !known(s) {
			t.Fatalf("%s took away what was known", path)
		}
	}
	client.CloseIdleConnections()
}

// logged is a log that a goroutine writes.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Files are read again; while they can't be, what was known holds, and the log says so.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	network, costs := filepath.Join(dir, "network.json"), filepath.Join(dir, "costs.json")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(network, exampleNetwork)
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		s := &Source{Locations: []string{network, costs}, Logger: zerolog.New(log)}
		if err := s.Load(t.Context()); err == nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without a file: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if known(s) || !strings.Contains(log.String(), "costs of networks are not known anew") {
			t.Errorf("without a file the log is %s", log)
		}
		write(costs, exampleCosts)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if !known(s) {
			t.Error("a file that came later is not read")
		}
		write(costs, strings.Replace(exampleCosts, `"PID1": 1,`, `"PID1": 21,`, 1))
		time.Sleep(DefaultEvery + DefaultEvery/20)
		synctest.Wait()
		if got := s.Cost(near, asker); got != 0 {
			t.Errorf("after a change: %d", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
