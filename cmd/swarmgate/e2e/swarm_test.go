//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// openTracker starts a tracker by hand and returns its URL.
func openTracker(t *testing.T, args ...string) string {
	t.Helper()
	p := run(t, append([]string{"tracker", "--http", "--listen", "127.0.0.1:0", "--json"}, args...)...)
	return p.event("ready", 5*time.Second, nil)["url"].(string)
}

// publisher is a publisher started by hand.
type publisher struct {
	*process
	link   ppsp.Link
	text   string // the link as it was printed
	listen string // its UDP address
}

// publish starts a publisher on loopback and waits for its link.
func publish(t *testing.T, args ...string) publisher {
	t.Helper()
	p := run(t, append([]string{"publish", "--json", "--listen", "127.0.0.1:0", "--no-nat"}, args...)...)
	e := p.event("swarm", 10*time.Second, nil)
	link, err := ppsp.ParseLink(e["link"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return publisher{p, link, e["link"].(string), e["listen"].(string)}
}

// gateway starts a gateway with these links and returns the address of its page.
func gateway(t *testing.T, dir string, links ...string) (*process, string) {
	t.Helper()
	quoted, err := json.Marshal(links)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "swarmgate.toml")
	// A list of strings is the same in JSON and in TOML, but for what JSON escapes.
	text := fmt.Sprintf("links = %s\n[http]\nlisten = \"127.0.0.1:0\"\n[dlna]\nenabled = false\n[peer]\nlisten = \"127.0.0.1:0\"\nnat = false\n",
		strings.ReplaceAll(string(quoted), `\u0026`, "&"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, "run", "--json", "--config", file, "--dir", dir)
	return p, p.event("ready", 5*time.Second, nil)["page"].(string)
}
