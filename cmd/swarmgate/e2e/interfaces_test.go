//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// locationForm finds what gssdp-discover prints of a server.
var locationForm = regexp.MustCompile(`Location: (http://\S+)`)

// found searches from a machine for a second and returns the places that are told.
func found(m *machine, nic string) []string {
	out := m.command(10*time.Second, "gssdp-discover", "-i", nic, "-n", "1", "-t", "urn:schemas-upnp-org:device:MediaServer:1")
	var places []string
	for _, l := range locationForm.FindAllStringSubmatch(string(out), -1) {
		if len(places) == 0 || places[len(places)-1] != l[1] {
			places = append(places, l[1])
		}
	}
	return places
}

// reaches tells whether a machine can fetch the description from where it was told to.
func reaches(m *machine, place string) bool {
	out := m.command(5*time.Second, "sh", "-c", "curl -sS -m 3 "+place+" || true")
	return strings.Contains(string(out), "MediaServer:1")
}

// TestInterfacesThatComeAndGo: each of two LANs is told the address on its side, whatever
// becomes of the other and of the address; on a bridge of containers and on a tunnel nothing is
// announced, and nothing on what the configuration denies.
func TestInterfacesThatComeAndGo(t *testing.T) {
	router, nas := boot(t, "router"), boot(t, "nas")
	living, office := boot(t, "living"), boot(t, "office")
	container, far, guest := boot(t, "container"), boot(t, "far"), boot(t, "guest")
	router.bridge("lan", "192.168.77.1/24")
	router.bridge("desk", "192.168.78.1/24")
	router.bridge("visit", "192.168.79.1/24")
	nas.plug("lan0", "192.168.77.10/24", router, "lan")
	living.plug("lan0", "192.168.77.20/24", router, "lan")
	plugAs(nas, "eth1", "192.168.78.10/24", router, "desk", "n1")
	office.plug("lan0", "192.168.78.20/24", router, "desk")
	plugAs(nas, "guest0", "192.168.79.10/24", router, "visit", "n2")
	guest.plug("lan0", "192.168.79.20/24", router, "visit")
	nas.bridge("br-3f2a91c04d7e", "172.18.0.1/16")
	container.plug("eth0", "172.18.0.2/16", nas, "br-3f2a91c04d7e")
	plugAs(nas, "p9", "10.99.0.1/30", far, "", "")
	far.ip("link set p9f up")
	far.ip("addr add 10.99.0.2/30 dev p9f")
	nas.ip("link add office9 type vxlan id 9 local 10.99.0.1 remote 10.99.0.2 dstport 4789 dev p9") // a tunnel by its kind, not its name
	nas.ip("link set office9 up")
	nas.ip("addr add 10.66.0.1/24 dev office9")
	far.ip("link add office9 type vxlan id 9 local 10.99.0.2 remote 10.99.0.1 dstport 4789 dev p9f")
	far.ip("link set office9 up")
	far.ip("addr add 10.66.0.2/24 dev office9")
	heard := far.start("gssdp-discover", "-i", "office9", "-n", "600", "-m", "all")
	inside := container.start("gssdp-discover", "-i", "eth0", "-n", "600", "-m", "all")
	visitor := guest.start("gssdp-discover", "-i", "lan0", "-n", "600", "-m", "all")

	p := start(t, nas.in("env", "SWARMGATE_DLNA_DENY_INTERFACES=guest*,p9", swarmgate, "run", "--json", "--dir", t.TempDir(), "--http", ":8088", "--no-nat")...)
	p.event("ready", 10*time.Second, nil)

	for place, m := range map[string]*machine{"http://10.66.0.1:8088": far, "http://172.18.0.1:8088": container, "http://192.168.79.10:8088": guest} {
		if !reaches(m, place+"/dlna/device.xml") {
			t.Fatalf("%s can't reach %s: that it hears nothing would say nothing", m.name, place)
		}
	}
	told := func(m *machine, want string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			places := found(m, "lan0")
			if len(places) == 1 && places[0] == want && reaches(m, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is told %q, want %s", m.name, places, want)
			}
		}
	}
	told(living, "http://192.168.77.10:8088/dlna/device.xml")
	told(office, "http://192.168.78.10:8088/dlna/device.xml")

	nas.ip("link del eth1") // the other goes on
	told(living, "http://192.168.77.10:8088/dlna/device.xml")
	plugAs(nas, "eth1", "192.168.78.10/24", router, "desk", "n3")
	told(office, "http://192.168.78.10:8088/dlna/device.xml")

	nas.ip("addr del 192.168.77.10/24 dev lan0")
	nas.ip("addr add 192.168.77.99/24 dev lan0")
	told(living, "http://192.168.77.99:8088/dlna/device.xml")
	told(office, "http://192.168.78.10:8088/dlna/device.xml")
	p.end()
	for name, listener := range map[string]*process{"the tunnel": heard, "the containers' bridge": inside, "the denied interface": visitor} {
		if said := listener.output(); strings.Contains(said, "resource available") {
			t.Errorf("announced on %s:\n%s", name, said)
		}
		listener.kill()
	}
}

// plugAs is plug for a machine with several cables, whose other ends need names of their own. Without
// a bridge the other end is left alone, as nic with an "f" behind.
func plugAs(m *machine, nic, prefix string, to *machine, bridge, port string) {
	m.t.Helper()
	if port == "" {
		port = nic + "f"
	}
	m.ip("link add " + nic + " type veth peer name " + port + " netns " + to.pid())
	if bridge != "" {
		to.ip("link set " + port + " master " + bridge + " up")
	}
	m.ip("link set " + nic + " up")
	m.ip("addr add " + prefix + " dev " + nic)
}
