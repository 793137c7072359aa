package sim

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// Household is how a home is connected: a NAT, or a carrier's behind it.
type Household struct {
	Name          string
	Router, Outer NAT
}

// Households are those between which the table of pairs is made, the easy ones first.
func Households() []Household {
	return []Household{
		{"open", OpenNAT, OpenNAT},
		{"fullcone", FullConeNAT, OpenNAT},
		{"addr", AddressFilterNAT, OpenNAT},
		{"port", PortFilterNAT, OpenNAT},
		{"sym", SymmetricNAT, OpenNAT},
		{"cgnat", PortFilterNAT, FullConeNAT},
		{"cgnat:sym", PortFilterNAT, SymmetricNAT},
	}
}

// symmetric tells whether others see a port of it that a stranger can't know.
func (h *Household) symmetric() bool { return h.Router == SymmetricNAT || h.Outer == SymmetricNAT }

// strict tells whether it lets in only from the very port to which it sent.
func (h *Household) strict() bool { return h.Router >= PortFilterNAT || h.Outer >= PortFilterNAT }

// Connects tells whether datagrams can get through between the two, once both send.
func (h *Household) Connects(o *Household) bool {
	return !(h.symmetric() && o.strict() || o.symmetric() && h.strict())
}

// pairLimit is for how long a pair is watched: the third peer has to fetch the film first.
const pairLimit = int64(120e9)

// Pair is what a pair of households showed.
type Pair struct {
	A         string  `json:"a"`
	B         string  `json:"b"`
	Possible  bool    `json:"possible"`
	Runs      int     `json:"runs"`
	Connected int     `json:"connected"`
	Complete  int     `json:"complete"`          // runs in which B got the film, through a third peer if need be
	WorstMs   float64 `json:"worst_ms"`          // from when both know each other until both ends are connected
	Channels  int     `json:"channels,omitzero"` // runs that ended with more than one channel between the two
}

// PairsConfig says how pairs are tried.
type PairsConfig struct {
	Seed  uint64
	Runs  int     // of each pair, each with other random numbers
	Delay int64   // one way from home to home, nanoseconds
	Loss  float64 // share of the datagrams each way
}

// RunPairs has each pair of households meet so many times.
func RunPairs(cfg PairsConfig) ([]Pair, error) {
	kinds := Households()
	var table []Pair
	for i := range kinds {
		for k := i; k < len(kinds); k++ {
			p := Pair{A: kinds[i].Name, B: kinds[k].Name, Possible: kinds[i].Connects(&kinds[k]), Runs: cfg.Runs}
			for run := range cfg.Runs {
				a, b := kinds[i], kinds[k]
				if run%2 == 1 {
					a, b = b, a
				}
				if err := p.meet(cfg, a, b, cfg.Seed<<16|uint64(len(table)<<8|run)); err != nil {
					return nil, fmt.Errorf("pair %s and %s: %w", p.A, p.B, err)
				}
			}
			table = append(table, p)
		}
	}
	return table, nil
}

// meeting watches when one end is connected to the other.
type meeting struct {
	peer *host
	at   int64
}

func (m *meeting) event(now int64, e swarm.Event) {
	if e.Kind == swarm.EventPeerUp && m.at == 0 && e.Peer.Addr() == m.peer.addr().Addr() {
		m.at = now
	}
}

// meet lets two homes, one of which has a film, learn of each other; those that can't connect have
// a third peer, in the open.
func (p *Pair) meet(cfg PairsConfig, a, b Household, seed uint64) error {
	_, random := newRandom(seed)
	link := Link{Up: 20e6, Down: 50e6, Delay: cfg.Delay / 2, Loss: cfg.Loss / 2, Queue: 300e6}
	sc := Scenario{Kind: Film, Rate: 2e6, Chunk: 1024, Length: time.Second, Source: link, Home: link, DelayMax: link.Delay}
	w := &world{Scenario: sc, random: random}
	w.network = newNetwork(2 * link.Delay)
	w.interval = int64(sc.Chunk) * 8 * 1e9 / sc.Rate
	if err := w.openFilm(); err != nil {
		return err
	}
	w.source.nat = nat{kind: a.Router, outer: carrier(a.Outer)}
	fetcher, err := w.fetcher(link)
	if err != nil {
		return err
	}
	fetcher.nat = nat{kind: b.Router, outer: carrier(b.Outer)}
	first, second := &meeting{peer: fetcher}, &meeting{peer: w.source}
	w.source.player, fetcher.player = first, second
	both := findEvery/2 + random.Int64N(1e9) // the one, then by its next FIND the other
	began := both - random.Int64N(findEvery/2-5e8)
	w.introduceAt(began, w.source, fetcher)
	w.introduceAt(both, fetcher, w.source)
	if !p.Possible {
		third, err := w.fetcher(link)
		if err != nil {
			return err
		}
		w.introduceAt(both, w.source, third)
		w.introduceAt(both, fetcher, third)
	}
	for w.now < pairLimit && !(fetcher.engine.Complete() && w.now > both+10e9) {
		w.run(w.now + 100e6)
	}
	p.note(both, first, second, fetcher, w.source)
	return nil
}

// note counts what a meeting showed.
func (p *Pair) note(both int64, first, second *meeting, fetcher, source *host) {
	if fetcher.engine.Complete() {
		p.Complete++
	}
	if first.at == 0 || second.at == 0 {
		return
	}
	p.Connected++
	p.WorstMs = max(p.WorstMs, float64(max(first.at, second.at)-both)/1e6)
	if p.Possible && (fetcher.engine.Peers() != 1 || source.engine.Peers() != 1) {
		p.Channels++
	}
}

// fetcher adds a home that downloads everything.
func (w *world) fetcher(link Link) (*host, error) {
	h := &home{host: w.newHost(link), left: never}
	if err := w.equipFilm(h); err != nil {
		return nil, err
	}
	h.host.player, h.viewer, h.tickAt = nil, nil, never
	h.engine.Want(w.now, nil, true)
	return h.host, nil
}

// introduceAt lets h learn of o, as by a tracker, again and again as its FINDs come.
func (w *world) introduceAt(when int64, h, o *host) {
	w.at(when, func() {
		h.engine.AddContacts(w.now, []swarm.Contact{{ID: fmt.Sprint(o.index), Addrs: []netip.AddrPort{o.addr()}}})
		h.settle(w.now)
		w.introduceAt(when+findEvery/2, h, o)
	})
}

// WritePairs writes the table for people: of each pair how many runs connected, and within how many
// milliseconds the slowest; of those that can't connect, in how many the film came through a third peer.
func WritePairs(out io.Writer, table []Pair) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	kinds := Households()
	var head strings.Builder
	for _, k := range kinds {
		head.WriteString("\t" + k.Name)
	}
	fmt.Fprintln(t, head.String())
	next := 0
	for i, k := range kinds {
		var line strings.Builder
		line.WriteString(k.Name + strings.Repeat("\t", i))
		for range kinds[i:] {
			line.WriteString("\t" + table[next].cell())
			next++
		}
		fmt.Fprintln(t, line.String())
	}
	return t.Flush()
}

func (p *Pair) cell() string {
	if !p.Possible {
		return fmt.Sprintf("%d/%d by a third", p.Complete, p.Runs)
	}
	return fmt.Sprintf("%d/%d %.0f ms", p.Connected, p.Runs, p.WorstMs)
}
