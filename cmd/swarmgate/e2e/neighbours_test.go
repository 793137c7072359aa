//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Two machines of one LAN find each other with no tracker and no contact, over IPv4 and over IPv6; where that
// is switched off they don't.
func TestNeighboursFindEachOther(t *testing.T) {
	router, nas, tv := boot(t, "router"), boot(t, "nas"), boot(t, "tv")
	router.bridge("lan", "192.168.77.1/24")
	nas.plug("lan0", "192.168.77.10/24", router, "lan")
	tv.plug("lan0", "192.168.77.20/24", router, "lan")
	nas.ip("addr add fd77::10/64 dev lan0 nodad")
	tv.ip("addr add fd77::20/64 dev lan0 nodad")
	dir := t.TempDir()
	film := filepath.Join(dir, "film.mp4")
	content := make([]byte, 3_000_000)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	if err := os.WriteFile(film, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, listen string }{
		{"IPv4", "0.0.0.0:0"},
		{"IPv6", ""},
	} {
		at := func(host string) string {
			if c.name == "IPv4" {
				return c.listen
			}
			return "[fd77::" + host + "]:0"
		}
		publisher := nas.run("publish", film, "--listen", at("10"), "--no-nat", "--dir", filepath.Join(dir, c.name), "--json")
		id, _ := publisher.event("swarm", 30*time.Second, nil)["swarm_id"].(string)
		link := "ppsp:film/" + id // it names nobody
		began := time.Now()
		get := tv.run("get", "-o", filepath.Join(dir, c.name+".copy"), "--listen", at("20"), "--no-nat", "--timeout", "30s", "--json", link)
		if status := get.exit(45 * time.Second); status != 0 {
			t.Fatalf("%s: exit status %d: %s", c.name, status, get.log())
		}
		t.Logf("%s: found and fetched in %s", c.name, time.Since(began).Round(10*time.Millisecond))
		if c.name == "IPv4" {
			off := tv.run("get", "-o", filepath.Join(dir, "off.copy"), "--peer", "192.168.77.99:1", "--no-local", "--timeout", "4s", link)
			if status := off.exit(30 * time.Second); status != 1 {
				t.Errorf("with --no-local: exit status %d, want 1: %s", status, off.log())
			}
		}
		publisher.end()
	}
}
