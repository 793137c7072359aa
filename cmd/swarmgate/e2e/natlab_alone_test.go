//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// natLabAlone takes away what the program would like to have around it.
func natLabAlone(t *testing.T) {
	var results table
	cases := []struct {
		name string
		run  func(t *testing.T, results *table)
	}{
		{"no-gateway", aloneWithoutGateway},
		{"no-UDP", aloneWithoutUDP},
		{"no-Internet", aloneWithoutInternet},
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	each(t, names, func(t *testing.T, i int) { cases[i].run(t, &results) })
	t.Logf("left alone\n%s", &results)
}

// Where no router answers, the tracker hears of us as soon as it could.
func aloneWithoutGateway(t *testing.T, results *table) {
	n := buildNATs(t, lab.Spec{Kind: lab.Port})
	p := n.run(n.Homes[0].Host, stun("publish", noise(t, smallFilm), "--json", "--tracker", n.tracker, "--dir", t.TempDir())...)
	n.until(t, "a CONNECT", generous, func() bool { return n.lists(n.Homes[0].Outside.String()) })
	took := time.Since(p.started)
	strict(t, "the CONNECT", took, 500*time.Millisecond)
	results.add("no gateway: the tracker lists the public address %v after the start", took.Round(time.Millisecond))
}

// Where no UDP passes, that is said.
func aloneWithoutUDP(t *testing.T, results *table) {
	n := buildNATs(t, lab.Spec{Kind: lab.BlockUDP})
	p := n.run(n.Homes[0].Host, stun("publish", noise(t, smallFilm), "--json", "--tracker", n.tracker, "--dir", t.TempDir())...)
	p.logged(generous, "blocks UDP")
	took := time.Since(p.started)
	strict(t, "the report", took, 5*time.Second)
	results.add("no UDP: said after %.1f s", took.Seconds())
}

// With no Internet at all a gateway starts and shows what it has to the home.
func aloneWithoutInternet(t *testing.T, results *table) {
	n := buildNATs(t, lab.Spec{Kind: lab.Port}, lab.Spec{Kind: lab.Open})
	home := n.Homes[0]
	publisher := n.run(n.Homes[1].Host, stun("publish", "../media/film.mp4", "--json", "--tracker", n.tracker, "--dir", t.TempDir())...)
	link := publisher.event("swarm", generous, nil)["link"].(string)
	dir := t.TempDir()
	settings := filepath.Join(dir, "swarmgate.toml")
	if err := os.WriteFile(settings, []byte("links = ['"+link+"']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := func() (p *process, page string) {
		p = n.run(home.Host, stun("run", "--json", "--config", settings, "--dir", dir, "--http", home.Inside.String()+":8088")...)
		return p, p.event("ready", generous, nil)["page"].(string)
	}
	p, page := gateway()
	n.playsAtHome(t, home, page)
	if err := home.Unplug(); err != nil {
		t.Fatal(err)
	}
	n.playsAtHome(t, home, page)
	p.end()
	p, page = gateway()
	took := time.Since(p.started)
	strict(t, "the start without Internet", took, 2*time.Second)
	n.playsAtHome(t, home, page)
	p.end()
	results.add("no Internet: the gateway starts in %v and plays its film to the home", took.Round(time.Millisecond))
}

// playsAtHome reads the film from another machine of the home: the router.
func (n nats) playsAtHome(t *testing.T, home *lab.Home, page string) {
	t.Helper()
	curl := func(url string) []byte {
		return command(t, generous, home.Router.Words("curl", "-sS", "--fail", url)...)
	}
	if !strings.Contains(page, home.Inside.String()) {
		t.Fatalf("the page is at %s, not at the home's %s", page, home.Inside)
	}
	var list []channel
	if err := json.Unmarshal(curl(page+"api/v1/channels"), &list); err != nil || len(list) != 1 {
		t.Fatalf("catalog: %v, %v", list, err)
	}
	if got := curl(list[0].URLs.File); !bytes.Equal(got, filmBytes(t)) {
		t.Errorf("the film has %d bytes and is not the original", len(got))
	}
	if d := curl(page + "device.xml"); !bytes.Contains(d, []byte("<root")) {
		t.Errorf("device.xml is %.100s", d)
	}
}
