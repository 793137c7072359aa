package sim

import (
	"fmt"
	"os"
	"testing"
)

func TestDebug(t *testing.T) {
	sc, _ := Find("live")
	if os.Getenv("PEERS") != "" {
		fmt.Sscan(os.Getenv("PEERS"), &sc.Peers)
	}
	seed := uint64(1)
	if os.Getenv("SEED") != "" {
		fmt.Sscan(os.Getenv("SEED"), &seed)
	}
	debugHook = func(w *world) {
		for i, h := range w.hosts {
			if h.player == nil {
				continue
			}
			c := h.engine.Counters()
			fmt.Printf("home %2d delay %3d ms cont %.4f start %.2f joined %.2f missed %d dup %d timeouts %d retr %d unproven %d up %.2f peers %d\n", i, h.link.Delay/1e6, h.player.continuity(), float64(h.player.startup)/1e9, float64(h.player.joined)/1e9, h.player.missed, c.Duplicates, c.Timeouts, c.Retransmits, c.Unproven, float64(h.sentBytes)/1e6, h.engine.Peers())
		}
	}
	r, err := Run(sc, seed)
	if err != nil {
		t.Fatal(err)
	}
	r.WriteTable(os.Stdout)
}
