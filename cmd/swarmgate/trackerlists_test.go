package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// An operator says who is strong and what networks cost; lists tell of the former.
func TestTrackerMarksAndCosts(t *testing.T) {
	dir := atHome(t)
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	network := at("network.json", `{"meta":{"vtag":{"resource-id":"m","tag":"1"}},"network-map":{"home":{"ipv4":["127.0.0.0/8"]},"all":{"ipv4":["0.0.0.0/0"]}}}`)
	costs := at("costs.json", `{"meta":{"dependent-vtags":[{"resource-id":"m","tag":"1"}],"cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"}},"cost-map":{"home":{"home":1},"all":{"home":9}}}`)
	edge := ppsp.PeerID{1}
	marks := at("marks", "# ours\nedge "+edge.String()+"\n")
	p := begin(t, nil, "tracker", "--http", "--listen", free, "--no-operator", "--dir", dir, "--marks", marks, "--alto", network, "--alto", costs, "--json")
	url := text(t, p.event(t, "ready"), "url")
	swarm, err := ppsp.ParseSwarmID(strings.Repeat("0d", 32))
	if err != nil {
		t.Fatal(err)
	}
	var peers []tracker.Peer
	for i := range byte(3) {
		transport := &http.Transport{}
		c := tracker.NewClient(tracker.ClientConfig{URL: url, PeerID: ppsp.PeerID{1 + i}, HTTP: &http.Client{Transport: transport}})
		answer, err := c.Connect(t.Context(), []tracker.SwarmAction{tracker.Join(swarm, tracker.Leech)}, nil, nil)
		transport.CloseIdleConnections()
		if err != nil {
			t.Fatal(err)
		}
		peers = answer.Swarms[0].Peers
	}
	if len(peers) != 2 {
		t.Fatalf("the list is %+v", peers)
	}
	for _, o := range peers {
		if want := map[bool]tracker.Role{true: tracker.Edge}[o.ID == edge.String()]; o.Role != want {
			t.Errorf("%s is listed as %q, want %q", o.ID, o.Role, want)
		}
	}
	for _, c := range []struct {
		flag, file, words string
		status            int
	}{
		{"--alto", at("wrong.json", "{}"), "is neither a network map nor a cost map nor a directory of them", 1},
		{"--alto", network, "there is no cost map; name one, or a directory", 1},
		{"--alto", filepath.Join(dir, "none"), "no such file", 1},
		{"--marks", at("wrong", "king 192.0.2.1"), `line 1: "king" is no role; there are edge and super`, 1},
	} {
		sentence(t, []string{"tracker", "--listen", free, "--no-operator", "--dir", filepath.Join(dir, "x"), c.flag, c.file}, c.status, c.words)
	}
}
