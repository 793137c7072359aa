package sim

import "github.com/swarmgate/swarmgate/ppsp/swarm"

// victim is what an honest home, or the source, suffered from malicious ones.
type victim struct {
	bad    map[int32]int  // bad chunks, by who sent them
	banned map[int32]bool // whom it has shut out
}

func newVictim() *victim { return &victim{map[int32]int{}, map[int32]bool{}} }

// receive hands the engine of h a datagram, and notes whose chunk was bad.
func (v *victim) receive(h *host, e timed[datagram]) {
	before := h.engine.Counters().BadChunks
	h.engine.HandleDatagram(e.at, addrOf(int(e.v.from), e.v.fromPort), e.v.bytes)
	if n := h.engine.Counters().BadChunks - before; n > 0 {
		v.bad[e.v.from] += int(n)
	}
}

// event notes whom the engine has shut out.
func (v *victim) event(n *network, e swarm.Event) {
	if e.Kind != swarm.EventBan {
		return
	}
	if h := n.hostAt(e.Peer); h != nil {
		v.banned[int32(h.index)] = true
	}
}

// deceive makes a home malicious, in the way whose turn it is.
func (w *world) deceive(h *home) {
	h.liar = &liar{kind: lie(w.deceived % int(lieKinds)), format: w.format()}
	h.host.victim = nil
	w.deceived++
}

// retireVictim counts what a home suffered.
func (w *world) retireVictim(h *host) {
	t, v := &w.tally, h.victim
	if v == nil {
		return
	}
	for from, n := range v.bad {
		t.badChunks += n
		t.worst = max(t.worst, n)
		if !v.banned[from] {
			t.unbanned++
		}
		if t.polluters == nil {
			t.polluters = map[int32]bool{}
		}
		t.polluters[from] = true
	}
	for from := range v.banned {
		if w.hosts[from].liar == nil {
			t.wrongBans++
		}
	}
}

// watchSource notes how many of the source's peers are honest, and again every second.
func (w *world) watchSource() {
	honest, all := 0, 0
	for _, p := range w.source.engine.AppendPeers(nil) {
		if h := w.hostAt(p.Addr); p.Established && h != nil {
			all++
			if h.liar == nil {
				honest++
			}
		}
	}
	if t := &w.tally; all > 0 && w.now >= w.from() {
		if share := float64(honest) / float64(all); t.sourceHonest == 0 || share < t.sourceHonest {
			t.sourceHonest, t.sourcePeers = share, honest
		}
	}
	w.at(w.now+1e9, w.watchSource)
}

// lies is what the malicious homes achieved, nil where there were none.
func (w *world) lies() *LiesResult {
	if w.liars == 0 {
		return nil
	}
	t := &w.tally
	w.retireVictim(w.source)
	return &LiesResult{
		Liars: w.liars, Polluters: len(t.polluters), BadChunks: t.badChunks, WorstPair: t.worst,
		Unbanned: t.unbanned, WrongBans: t.wrongBans, SourceHonest: t.sourceHonest, SourcePeers: t.sourcePeers,
	}
}
