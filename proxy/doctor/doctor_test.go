package doctor

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/nat/behaviour"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sound holds for a check that a person can do something with.
func sound(t *testing.T, c Check) {
	t.Helper()
	if c.Name == "" || c.Value == "" || c.Meaning == "" || !c.OK && c.Remedy == "" {
		t.Errorf("says too little: %+v", c)
	}
	for _, s := range []string{c.Meaning, c.Remedy} {
		if strings.ContainsAny(s, "\n\r") || strings.Contains(s, "..") {
			t.Errorf("%q is no sentence", s)
		}
	}
}

func TestExamine(t *testing.T) {
	var names []string
	well := Examine(t.Context(), Config{Dir: t.TempDir(), NoNAT: true}, func(c Check) {
		sound(t, c)
		if !c.OK && c.Name != "lan" { // a machine for tests may have no network
			t.Errorf("%+v", c)
		}
		if c.OK || c.Name != "lan" {
			names = append(names, c.Name)
		}
	})
	if got := strings.Join(names, " "); got != "socket disk lan stun mapping ipv6 peers tracker time" && got != "socket disk stun mapping ipv6 peers tracker time" {
		t.Errorf("checks: %s, well: %v", got, well)
	}
}

func TestSocket(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := socket(t.Context(), conn.LocalAddr().String())
	if sound(t, c); !c.OK || !strings.Contains(c.Value, "in use") {
		t.Errorf("taken: %+v", c)
	}
	c = socket(t.Context(), "203.0.113.9:1")
	if sound(t, c); c.OK {
		t.Errorf("of another machine: %+v", c)
	}
}

func TestPage(t *testing.T) {
	status := http.StatusOK
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
	}))
	defer gateway.Close()
	at := gateway.Listener.Addr().String()
	if c := page(t.Context(), at); !c.OK || c.Meaning != "The gateway runs." {
		t.Errorf("%+v", c)
	}
	status = http.StatusNotFound
	c := page(t.Context(), at)
	if sound(t, c); c.OK {
		t.Errorf("another program: %+v", c)
	}
	gateway.Close()
	c = page(t.Context(), at)
	if sound(t, c); !c.OK || c.Value != "not running" {
		t.Errorf("%+v", c)
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	if c := disk(filepath.Join(dir, "made", "later")); !c.OK {
		t.Errorf("a folder to be made: %+v", c)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := disk(file)
	if sound(t, c); c.OK {
		t.Errorf("a file: %+v", c)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		c := disk(dir)
		if sound(t, c); c.OK || !strings.Contains(c.Value, "can't be written") {
			t.Errorf("not ours: %+v", c)
		}
	}
}

func TestTrackers(t *testing.T) {
	body, status, date := `{"PPSPTrackerProtocol":{"version":1,"response_type":1,"error_code":3,"transaction_id":"0"}}`, http.StatusOK, time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/ppsp-tracker+json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	ask := func(at string) (tracker, clock Check) {
		checks := Config{Trackers: []string{at}}.trackers(t.Context())
		for _, c := range checks {
			sound(t, c)
		}
		return checks[0], checks[1]
	}
	date = date.Add(time.Hour)
	if tracker, clock := ask(server.URL); !tracker.OK || clock.OK || !strings.Contains(clock.Meaning, "behind") {
		t.Errorf("a clock that is an hour behind: %+v, %+v", tracker, clock)
	}
	date = time.Now()
	if _, clock := ask(server.URL); !clock.OK || !strings.Contains(clock.Meaning, "right") {
		t.Errorf("a clock that is right: %+v", clock)
	}
	body, status = "<html>", http.StatusOK
	if tracker, _ := ask(server.URL); tracker.OK {
		t.Errorf("a page: %+v", tracker)
	}
	server.Close()
	if tracker, clock := ask(server.URL); tracker.OK || !clock.OK || !strings.Contains(tracker.Meaning, "refused") {
		t.Errorf("nobody: %+v, %+v", tracker, clock)
	}
	if tracker, _ := ask("tracker.example"); tracker.OK {
		t.Errorf("no URL: %+v", tracker)
	}
}

// What is said of a way out, in all combinations, fits together: where peers can't get through, something is not well.
func TestOutside(t *testing.T) {
	server, seen, local := netip.MustParseAddrPort("203.0.113.1:3478"), netip.MustParseAddrPort("198.51.100.7:5"), netip.MustParseAddrPort("192.168.1.2:5")
	mapped := nat.Trial{Gateway: "router", Mapped: seen, Public: true}
	inner := nat.Trial{Gateway: "router", Mapped: netip.MustParseAddrPort("100.64.0.7:5")}
	symmetric := behaviour.Report{Server: server, Local: local, Seen: seen, Mapping: behaviour.OnAddressAndPort}
	port := behaviour.Report{Server: server, Local: local, Seen: seen, Mapping: behaviour.Independent, Filtering: behaviour.OnAddressAndPort}
	for _, c := range []struct {
		name      string
		report    behaviour.Report
		trial     nat.Trial
		six       netip.Addr
		nat       string
		natOK     bool
		peers     string
		peersWell bool
	}{
		{"blocked", behaviour.Report{}, nat.Trial{}, netip.Addr{}, "blocked", false, "not known", true},
		{"home", port, nat.Trial{}, netip.Addr{}, "port-restricted", true, "most, by hole punching", true},
		{"home with UPnP", port, mapped, netip.Addr{}, "port-restricted", true, "everybody", true},
		{"two routers", port, inner, netip.Addr{}, "carrier NAT, port-restricted", true, "most, by hole punching", true},
		{"symmetric", symmetric, nat.Trial{}, netip.Addr{}, "symmetric", false, "some", false},
		{"symmetric with UPnP", symmetric, mapped, netip.Addr{}, "symmetric", true, "everybody", true},
		{"symmetric with IPv6", symmetric, nat.Trial{}, netip.MustParseAddr("2001:db8::1"), "symmetric", false, "some", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, p := kind(c.report, c.trial), peers(c.report, c.trial, nat.Trial{}, c.six)
			sound(t, n)
			sound(t, p)
			sound(t, sixth(c.six))
			sound(t, Config{STUN: []string{"s"}}.stun(c.report, nil))
			if n.Value != c.nat || n.OK != c.natOK || p.Value != c.peers || p.OK != c.peersWell {
				t.Errorf("NAT %+v, peers %+v", n, p)
			}
		})
	}
	for _, m := range []Check{
		Config{NoNAT: true}.mapping(nat.Trial{}, nil), Config{}.mapping(nat.Trial{}, errors.New("No port mapping: the router refuses it. Allow it.")),
		Config{}.mapping(mapped, nil), Config{}.mapping(inner, nil), Config{}.mapping(nat.Trial{Gateway: "router", Mapped: netip.AddrPortFrom(netip.Addr{}, 7)}, nil),
		pinhole(nat.Trial{}, errors.New("No IPv6 pinhole: no router answered.")), pinhole(mapped, nil), pinhole(inner, nil),
		peers(symmetric, nat.Trial{}, mapped, seen.Addr()),
	} {
		sound(t, m)
	}
}
