//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// street is an Internet with a home behind a router that does UPnP, a machine with tracker
// and STUN server, and others. It has nothing to do with who owns these addresses: the
// ranges for documentation are refused by miniupnpd as no real outside.
//
//	home 192.168.11.11 ── router ── 11.0.0.11 ═══ wan ═══ server 11.0.0.2
//	                                               ╚═════ studio 11.0.0.50, stranger 11.0.0.60
type street struct {
	wan, router, home, server, studio, stranger *machine
	dir                                         string // of the daemons' files
}

const (
	outside    = "11.0.0.11" // the home's address on the Internet
	stunServer = "11.0.0.2:3478"
)

// ruleset is a router as most homes have one: what nobody inside asked for does not come
// in, except where miniupnpd puts rules into its three chains.
const ruleset = `
table inet router {
	chain upnp_forward { }
	chain upnp_prerouting { }
	chain upnp_postrouting { }
	chain prerouting { type nat hook prerouting priority -100; policy accept; iifname "wan0" jump upnp_prerouting; }
	chain postrouting { type nat hook postrouting priority 100; policy accept; jump upnp_postrouting; oifname "wan0" masquerade; }
	chain input { type filter hook input priority 0; policy accept; iifname "wan0" ct state != { established, related } drop; }
	chain forward { type filter hook forward priority 0; policy drop;
		ct state established,related accept; iifname "lan0" accept; jump upnp_forward; }
}
`

const upnpSettings = `
ext_ifname=wan0
listening_ip=lan0
http_port=5000
enable_upnp=yes
enable_natpmp=no
secure_mode=yes
system_uptime=no
notify_interval=30
uuid=00000000-0000-4000-8000-000000000011
friendly_name=router of the test
ipv6_disable=yes
upnp_table_name=router
upnp_nat_table_name=router
upnp_forward_chain=upnp_forward
upnp_nat_chain=upnp_prerouting
upnp_nat_postrouting_chain=upnp_postrouting
allow 1024-65535 192.168.11.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

func buildStreet(t *testing.T) street {
	t.Helper()
	s := street{
		wan: boot(t, "wan"), router: boot(t, "router"), home: boot(t, "home"),
		server: boot(t, "server"), studio: boot(t, "studio"), stranger: boot(t, "stranger"), dir: t.TempDir(),
	}
	s.wan.bridge("br0", "11.0.0.1/24")
	s.router.plug("wan0", outside+"/24", s.wan, "br0")
	s.server.plug("eth0", "11.0.0.2/24", s.wan, "br0")
	s.studio.plug("eth0", "11.0.0.50/24", s.wan, "br0")
	s.stranger.plug("eth0", "11.0.0.60/24", s.wan, "br0")
	s.router.bridge("lan0", "192.168.11.1/24")
	s.home.plug("eth0", "192.168.11.11/24", s.router, "lan0")
	s.home.ip("route add default via 192.168.11.1")
	s.router.ip("route add default via 11.0.0.1")
	s.router.set("net/ipv4/ip_forward", "1")
	rules := s.file(t, "rules.nft", ruleset)
	s.router.command(5*time.Second, "nft", "-f", rules)
	s.daemons(t)
	return s
}

// daemons starts the router's miniupnpd and the server's coturn, and waits for both.
func (s street) daemons(t *testing.T) {
	t.Helper()
	settings := s.file(t, "upnp.conf", upnpSettings)
	upnp := s.router.start("miniupnpd", "-d", "-f", settings, "-P", filepath.Join(s.dir, "upnp.pid"))
	stun := s.server.start("turnserver", "-n", "-S", "-L", "11.0.0.2", "-p", "3478", "--no-tls", "--no-dtls", "--no-cli",
		"--log-file", "stdout", "--simple-log", "--pidfile", filepath.Join(s.dir, "turn.pid"))
	listens(t, s.router, upnp, ":5000")
	listens(t, s.server, stun, ":3478")
}

// listens waits until a program has opened a port.
func listens(t *testing.T, m *machine, p *process, port string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if bytes.Contains(m.command(5*time.Second, "ss", "-Hlntu"), []byte(port+" ")) {
			return
		}
	}
	t.Fatalf("%s: nothing listens on %s: %s", m.name, port, tail(p.output()+p.log()))
}

func (s street) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// mappings is what the router forwards from outside, empty when nothing is mapped.
func (s street) mappings() string {
	var rules []string
	for line := range strings.Lines(string(s.router.command(5*time.Second, "nft", "list", "chain", "inet", "router", "upnp_prerouting"))) {
		if strings.Contains(line, "dnat") {
			rules = append(rules, strings.TrimSpace(line))
		}
	}
	return strings.Join(rules, "\n")
}

// natTime is enough for a few requests that the daemons, only just started, did not hear.
const natTime = 10 * time.Second

// seenAs is what the log says of the reflexive address.
var seenAs = regexp.MustCompile(`Seen from outside as ([0-9.:]+\d)`)

func TestHomeBehindARouter(t *testing.T) {
	s := buildStreet(t)
	tr := s.server.run("tracker", "--http", "--listen", "11.0.0.2:0", "--open-status", "--dir", t.TempDir(), "--json")
	url := tr.event("ready", 5*time.Second, nil)["url"].(string)
	studio := s.studio.run("publish", "../media/film.mp4", "--json", "--listen", "11.0.0.50:0", "--no-nat", "--tracker", url, "--dir", t.TempDir())
	text := studio.event("swarm", 5*time.Second, nil)["link"].(string)

	home := s.gateway(t, text)
	began := time.Now()
	mapped := home.event("nat", natTime, func(e map[string]any) bool { return e["type"] == "mapped" })["address"].(string)
	home.logged(natTime, "Seen from outside as ") // no event if it is the mapped address, and that was there first
	reflexive := seenAs.FindStringSubmatch(home.log())[1]
	t.Logf("reflexive %s, mapped %s, both within %v", reflexive, mapped, time.Since(began).Round(time.Millisecond))
	for _, address := range []string{reflexive, mapped} {
		if a, err := netip.ParseAddrPort(address); err != nil || a.Addr().String() != outside {
			t.Errorf("address %s, want one of %s", address, outside)
		}
	}
	if s.mappings() == "" {
		t.Fatal("the router has no mapping")
	}

	s.watchAtHome(t, home)
	s.listed(t, text, url, mapped, reflexive)
	studio.end()
	s.reached(t, text, mapped)
	home.end()
	if left := s.mappings(); left != "" {
		t.Errorf("still mapped after the end:\n%s", left)
	}
	if out, _ := attempt(t, 15*time.Second, s.home.in("upnpc", "-l")...); strings.Contains(string(out), "UDP ") || !strings.Contains(string(out), outside) {
		t.Errorf("upnpc -l after the end:\n%s", out)
	}
}

// gateway starts a gateway at home.
func (s street) gateway(t *testing.T, link string) *process {
	t.Helper()
	settings := s.file(t, "swarmgate.toml", "links = ['"+link+"']\n")
	return s.home.run("run", "--json", "--config", settings, "--dir", t.TempDir(), "--http", "127.0.0.1:8088", "--no-dlna", "--stun", stunServer)
}

// watchAtHome reads the film through the gateway at home, which then has it.
func (s street) watchAtHome(t *testing.T, home *process) {
	t.Helper()
	page := home.event("ready", 5*time.Second, nil)["page"].(string)
	var list []channel
	if err := json.Unmarshal(s.home.command(5*time.Second, "curl", "-sS", "--fail", page+"api/v1/channels"), &list); err != nil || len(list) != 1 {
		t.Fatalf("catalog: %v, %v", list, err)
	}
	if got := s.home.command(15*time.Second, "curl", "-sS", "--fail", list[0].URLs.File); !bytes.Equal(got, filmBytes(t)) {
		t.Fatalf("the film has %d bytes at home and is not the original", len(got))
	}
}

// listed expects the home's addresses at the tracker.
func (s street) listed(t *testing.T, text, url string, addresses ...string) {
	t.Helper()
	link, err := ppsp.ParseLink(text)
	if err != nil {
		t.Fatal(err)
	}
	out := s.stranger.command(5*time.Second, "curl", "-sS", "--fail", strings.TrimSuffix(url, "/")+tracker.StatusPath)
	var status tracker.Status
	if err := json.Unmarshal(out, &status); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	found := map[string]tracker.AddressType{}
	for _, w := range status.Swarms {
		for _, m := range w.Members {
			for _, a := range m.Addresses {
				if w.SwarmID == link.SwarmID.String() {
					found[a.AddrPort.String()] = a.Type
				}
			}
		}
	}
	for _, a := range addresses {
		if _, ok := found[a]; !ok {
			t.Errorf("the tracker does not list %s: %s", a, out)
		}
	}
	t.Logf("the tracker lists %v", found)
}

// reached has a stranger fetch the film from the home, to which nobody at home has ever
// said a word: only the mapping lets it in.
func (s street) reached(t *testing.T, text, mapped string) {
	t.Helper()
	link, err := ppsp.ParseLink(text)
	if err != nil {
		t.Fatal(err)
	}
	link.Trackers, link.Peers = nil, nil
	out := filepath.Join(t.TempDir(), "film.mp4")
	get := s.stranger.run("get", link.String(), "-o", out, "--peer", mapped, "--json", "--no-nat", "--timeout", "15s")
	get.event("done", 20*time.Second, nil)
	if b, err := os.ReadFile(out); err != nil || !bytes.Equal(b, filmBytes(t)) {
		t.Errorf("the stranger has %d bytes that are not the film's (%v)", len(b), err)
	}
}
