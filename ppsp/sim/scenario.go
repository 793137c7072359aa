package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// Scenario is what is simulated: one live channel from a source to many homes.
type Scenario struct {
	Name     string
	About    string
	Peers    int
	Rate     int64 // bits per second of the stream
	Chunk    int   // bytes
	PerMunro uint64
	Source   Link
	Home     Link
	SlowUp   int64         // bits per second that every third home can send, 0 for as the others
	DelayMax int64         // homes have between Home.Delay and this one way, nanoseconds
	Lead     time.Duration // the stream has been running for this when the first home joins
	Joining  time.Duration // homes join evenly over this
	Warmup   time.Duration // from the first home's joining until what is played counts
	Duration time.Duration // after the warm-up
}

// Scenarios are those that have a name.
func Scenarios() []Scenario {
	live := Scenario{
		Name:  "live",
		About: "one live channel, 20 homes, 1 % loss",
		Peers: 20, Rate: 2e6, Chunk: 1024, PerMunro: 32,
		Source:   Link{Up: 8e6, Down: 50e6, Delay: 5e6, Queue: 300e6},
		Home:     Link{Up: 10e6, Down: 50e6, Delay: 5e6, Loss: 0.005, Queue: 300e6},
		DelayMax: 40e6,
		Lead:     5 * time.Second, Joining: 10 * time.Second, Warmup: 20 * time.Second, Duration: 60 * time.Second,
	}
	uneven := live
	uneven.Name, uneven.SlowUp = "uneven", 1e6
	uneven.About = "the same, but every third home can send only half the stream's rate"
	crowd := live
	crowd.Name, crowd.Peers, crowd.Joining = "crowd", 50, time.Second
	crowd.About = "50 homes that join within a second"
	thin := live
	thin.Name, thin.Source.Up = "thin", 5e6
	thin.About = "the first, but the source can send only 2.5 times the stream"
	return []Scenario{live, uneven, crowd, thin}
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, error) {
	var known strings.Builder
	for _, sc := range Scenarios() {
		if sc.Name == name {
			return sc, nil
		}
		known.WriteString(" " + sc.Name)
	}
	return Scenario{}, fmt.Errorf("scenario %q is unknown, use one of:%s", name, known.String())
}

// world is a scenario under way.
type world struct {
	Scenario
	network
	meta     ppsp.Metadata
	key      *livesig.PrivateKey
	source   *host
	content  *store.Ring // what the source published
	signed   []int64     // by munro, when it was signed
	interval int64       // nanoseconds between chunks
	err      error
}

// window is the ring of each host in seconds of the stream.
const window = 30

// Run plays a scenario. The same seed gives the same Result.
func Run(sc Scenario, seed uint64) (Result, error) {
	if sc.Peers < 1 || sc.Peers > 60000 || sc.Rate <= 0 || sc.Chunk <= 0 || sc.PerMunro < 2 || sc.Duration <= 0 {
		return Result{}, fmt.Errorf("scenario %s: needs 1 to 60000 peers, a rate, a chunk size, at least 2 chunks a signature and a duration", sc.Name)
	}
	var chachaSeed [32]byte
	for i := range 8 {
		chachaSeed[i] = byte(seed >> (8 * i))
	}
	random := rand.NewChaCha8(chachaSeed)
	key, err := livesig.Generate(ppsp.Ed25519, random)
	if err != nil {
		return Result{}, err
	}
	w := &world{Scenario: sc, key: key, meta: ppsp.LiveDefaults(key.SwarmID())}
	w.meta.ChunkSize = uint32(sc.Chunk)
	w.random = rand.New(random)
	w.byAddr = map[netip.AddrPort]*host{}
	w.interval = int64(sc.Chunk) * 8 * 1e9 / sc.Rate
	if w.source, err = w.addHost(sc.Source); err != nil {
		return Result{}, err
	}
	w.stream(0, make([]byte, sc.Chunk))
	for i := range sc.Peers {
		w.at(int64(sc.Lead)+int64(sc.Joining)*int64(i)/int64(sc.Peers), w.join)
	}
	w.run(int64(sc.Lead + sc.Warmup + sc.Duration))
	return w.result(seed), w.err
}

// addHost adds an engine to the network.
func (w *world) addHost(link Link) (*host, error) {
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(len(w.hosts) >> 8), byte(len(w.hosts))}), 7000)
	size := uint64(w.Rate / 8 * window / int64(w.Chunk))
	cfg := swarm.Config{
		Meta: w.meta, Store: &ring{content: w.content, size: size},
		Channels: &channelIDs{rand.New(rand.NewPCG(w.random.Uint64(), 1)), map[uint32]bool{}},
		Rand:     rand.New(rand.NewPCG(w.random.Uint64(), 2)),
		Epoch:    1e18, Window: size, Behind: uint64(2 * w.Rate / 8 / int64(w.Chunk)),
	}
	if w.source == nil {
		w.content = store.NewRing(w.meta.ChunkSize, int(2*size))
		cfg.Store = w.content
		cfg.Key, cfg.ChunksPerSignature = w.key, w.PerMunro
	}
	engine, err := swarm.New(cfg)
	if err != nil {
		return nil, err
	}
	h := &host{addr: addr, link: link, engine: engine}
	w.hosts = append(w.hosts, h)
	w.byAddr[addr] = h
	return h, nil
}

// stream lets the source append a chunk, and again when the next is due.
func (w *world) stream(i uint64, b []byte) {
	for k := 0; k+8 <= len(b); k += 8 {
		binary.LittleEndian.PutUint64(b[k:], w.random.Uint64())
	}
	if err := w.source.engine.Append(w.now, b); err != nil {
		w.err = err
		return
	}
	if (i+1)%w.PerMunro == 0 {
		w.signed = append(w.signed, w.now)
	}
	w.source.settle(&w.network)
	w.at(w.now+w.interval, func() { w.stream(i+1, b) })
}

// signedAt is when the chunk could first leave the source.
func (w *world) signedAt(i uint64) int64 { return w.signed[i/w.PerMunro] }

// join adds a home that watches.
func (w *world) join() {
	link := w.Home
	link.Delay += w.random.Int64N(w.DelayMax - w.Home.Delay + 1)
	if w.SlowUp > 0 && len(w.hosts)%3 == 0 {
		link.Up = w.SlowUp
	}
	h, err := w.addHost(link)
	if err != nil {
		w.err = err
		return
	}
	h.player = &player{interval: w.interval, signedAt: w.signedAt, joined: w.now, from: int64(w.Lead + w.Warmup)}
	w.find(h)
}

// find is the tracker's answer, again every 10 seconds.
func (w *world) find(h *host) {
	const listed = 15
	addrs := []netip.AddrPort{w.source.addr}
	for range min(listed, len(w.hosts)) {
		if o := w.hosts[w.random.IntN(len(w.hosts))]; o != h {
			addrs = append(addrs, o.addr)
		}
	}
	h.engine.AddPeers(w.now, addrs)
	h.settle(&w.network)
	w.at(w.now+10e9, func() { w.find(h) })
}
