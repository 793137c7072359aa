package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// world is a swarm under way.
type world struct {
	Scenario
	*network
	random   *rand.Rand
	meta     ppsp.Metadata
	content  *content
	source   *host
	tracker  tracker
	homes    []*home
	interval int64 // nanoseconds that a chunk lasts
	liars    int   // of homes
	deceived int   // of these, so far
	tally    tally

	key    *livesig.PrivateKey // live
	public *livesig.PublicKey
	signed []int64 // by munro, when it was signed
	memos  []*memo // one for each shard

	chunks uint64

	err error // of the source
}

// home is a host that watches, or did.
type home struct {
	*host
	player *player // live
	viewer *viewer // film
	joined int64
	left   int64 // never while it is here
}

// newRandom returns the source of all chance for a seed, in two forms.
func newRandom(seed uint64) (*rand.ChaCha8, *rand.Rand) {
	var chacha [32]byte
	for i := range 8 {
		chacha[i] = byte(seed >> (8 * i))
	}
	source := rand.NewChaCha8(chacha)
	return source, rand.New(source)
}

// runSwarm plays a live or film scenario.
func runSwarm(sc Scenario, seed uint64, watch func(now int64) error) (Result, error) {
	w, err := newWorld(sc, seed)
	if err != nil {
		return Result{}, fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	w.watch = watch
	w.run(int64(w.Lead + w.Warmup + w.Duration))
	return w.result(seed), w.err
}

// newWorld sets a scenario up: the source is there, and what is to happen is planned.
func newWorld(sc Scenario, seed uint64) (*world, error) {
	chacha, random := newRandom(seed)
	w := &world{Scenario: sc, random: random, liars: liarsOf(&sc)}
	w.network = newNetwork(w.Home.Delay + min(w.Home.Delay, w.Source.Delay))
	w.interval = int64(sc.Chunk) * 8 * 1e9 / sc.Rate
	for _, s := range w.shards {
		s.delays.open()
	}
	var err error
	if sc.Kind == Live {
		err = w.openLive(chacha)
	} else {
		err = w.openFilm()
	}
	if err != nil {
		return nil, err
	}
	for i := range sc.Peers {
		w.at(int64(sc.Lead)+int64(sc.Joining)*int64(i)/int64(sc.Peers), w.join)
	}
	if w.liars > 0 {
		w.source.victim = newVictim()
		w.at(0, w.watchSource)
	}
	if sc.Churn > 0 {
		w.at(int64(sc.Lead+sc.Joining), w.churn)
	}
	return w, nil
}

// newHost makes a host in the network, without an engine.
func (w *world) newHost(link Link) *host {
	h := &host{link: link, random: rand.New(rand.NewPCG(w.random.Uint64(), 3))}
	w.add(h)
	return h
}

// start gives a host its engine.
func (w *world) start(h *host, cfg swarm.Config) error {
	cfg.Meta = w.meta
	cfg.Channels = &channelIDs{rand.New(rand.NewPCG(w.random.Uint64(), 1)), map[uint32]bool{}}
	cfg.Rand = rand.New(rand.NewPCG(w.random.Uint64(), 2))
	cfg.Epoch = 1e18
	var err error
	h.engine, err = swarm.New(cfg)
	return err
}

// join adds a home that watches, or that lies.
func (w *world) join() {
	link := w.Home
	link.Delay += w.random.Int64N(w.DelayMax - w.Home.Delay + 1)
	if w.SlowUp > 0 && len(w.hosts)%3 == 0 {
		link.Up = w.SlowUp
	}
	h := &home{host: w.newHost(link), joined: w.now, left: never}
	if w.NATs {
		h.nat.kind = NAT(h.index % natKinds)
	}
	if w.liars > 0 {
		h.victim = newVictim()
	}
	err := w.equip(h)
	if err != nil {
		w.err = err
		return
	}
	w.homes = append(w.homes, h)
	w.tracker.enter(h.host)
	w.find(h)
}

// equip gives a home its engine and who watches.
func (w *world) equip(h *home) error {
	if w.Kind == Film {
		return w.equipFilm(h)
	}
	return w.equipLive(h)
}

// format is how the swarm's messages look.
func (w *world) format() wire.Format {
	f := wire.Format{Addressing: w.meta.Addressing, ChunkSize: w.meta.ChunkSize, HashSize: w.meta.Hash.Size()}
	if w.public != nil {
		f.SignatureSize = w.public.SignatureSize()
	}
	return f
}

// from is when what is played begins to count.
func (w *world) from() int64 { return int64(w.Lead + w.Warmup) }

// churn lets a home leave and another join, and again when the next is due.
func (w *world) churn() {
	if h := w.someHome(); h != nil {
		w.leave(h)
		w.join()
	}
	w.at(w.now+int64(float64(time.Minute)/w.Churn/float64(w.Peers)), w.churn)
}

// someHome returns a home at random that is here and honest.
func (w *world) someHome() *home {
	for range 100 {
		if h := w.homes[w.random.IntN(len(w.homes))]; !h.gone && h.liar == nil {
			return h
		}
	}
	return nil
}

// leave lets a home go: every other one says goodbye, to its peers and the tracker; of the
// rest the tracker hears no more, and drops them after a while.
func (w *world) leave(h *home) {
	h.left = w.now
	if w.random.IntN(2) == 0 {
		h.engine.Close(w.now)
		h.settle(w.now)
		w.tracker.leave(h.host)
	} else {
		w.at(w.now+trackTimeout, func() { w.tracker.leave(h.host) })
	}
	h.close(w)
}

// close takes a host off the network and lets its memory go.
func (h *home) close(w *world) {
	w.retire(h)
	h.gone, h.engine, h.inbox, h.coming, h.came = true, nil, heap[datagram]{}, nil, 0
}
