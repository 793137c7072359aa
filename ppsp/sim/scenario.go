package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what a scenario is about.
type Kind uint8

// The kinds of scenarios.
const (
	Live   Kind = iota // one channel from a source to many homes
	Film               // one film, from a seeder to homes that watch and seek
	Uplink             // one home that uploads a film beside other traffic
)

// Scenario is what is simulated.
type Scenario struct {
	Name  string
	About string
	Kind  Kind
	Peers int
	Rate  int64 // bits per second of the stream or film
	Chunk int   // bytes

	PerMunro uint64        // live: chunks in a signature
	Ring     time.Duration // live: how much of the stream a home keeps
	Behind   time.Duration // live: how far behind the newest a home begins
	Length   time.Duration // film: how long it plays
	Seeks    time.Duration // film: between two seeks of a viewer, on average; 0 for none

	Source   Link
	Home     Link
	SlowUp   int64   // bits per second that every third home can send, 0 for as the others
	DelayMax int64   // homes have between Home.Delay and this one way, nanoseconds
	Churn    float64 // share of the homes that leaves, and as many joins, in a minute
	Liars    float64 // share of the homes that are malicious, each kind of them in turn
	NATs     bool    // homes have NATs, each kind of them in turn

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
		Peers: 20, Rate: 2e6, Chunk: 1316, PerMunro: 32, Ring: 12 * time.Second, Behind: 2500 * time.Millisecond,
		Source:   Link{Up: 8e6, Down: 50e6, Delay: 10e6, Loss: 0.005, Queue: 300e6},
		Home:     Link{Up: 10e6, Down: 50e6, Delay: 5e6, Loss: 0.005, Queue: 300e6},
		DelayMax: 37.5e6,
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
	rough := live
	rough.Name, rough.Home.Jitter, rough.Home.Duplicate = "rough", 15e6, 0.05
	rough.About = "the first, with datagrams that overtake each other, and 5 % that come twice"
	nats := live
	nats.Name, nats.NATs, nats.Peers = "nat", true, 50
	nats.About = "50 homes, four of five behind NATs of four kinds"
	town := live
	town.Name, town.Peers, town.Churn = "live-1000", 1000, 0.1
	town.About = "1,000 homes, of which a tenth leaves and as many join each minute"
	town.Joining, town.Warmup, town.Duration = 30*time.Second, time.Minute, 3*time.Minute
	city := town
	city.Name, city.Peers, city.Duration = "live-5000", 5000, time.Minute
	city.About = "the same with 5,000 homes"
	liars := town
	liars.Name, liars.Peers, liars.Liars = "liars", 250, 0.2
	liars.About = "200 honest homes and 50 malicious ones, beside the same without these"
	liars.Joining, liars.Warmup, liars.Duration = 20*time.Second, 30*time.Second, time.Minute
	film := live
	film.Name, film.Kind, film.Peers, film.Rate = "vod", Film, 500, 4e6
	film.About = "a film of 4 Mbit/s from one seeder with 20 Mbit/s; 500 viewers come within a minute, and seek"
	film.Source.Up, film.Joining, film.Duration = 20e6, time.Minute, 3*time.Minute
	film.Length, film.Seeks, film.Warmup = 3*time.Minute, time.Minute, time.Minute
	uplink := film
	uplink.Name, uplink.Kind, uplink.Peers = "uplink", Uplink, 4
	uplink.About = "an uplink of 10 Mbit/s: an upload to 4 homes alone, beside a TCP-like flow, and that flow alone"
	uplink.Source.Loss, uplink.Home.Loss = 0, 0
	uplink.Source.Up, uplink.Joining, uplink.Warmup, uplink.Duration = 10e6, time.Second, 10*time.Second, time.Minute
	return []Scenario{live, uneven, crowd, thin, rough, nats, town, city, liars, film, uplink}
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

// MaxPeers bounds the homes of a scenario: more would fill the memory.
const MaxPeers = 5000

// check tells what is wrong with a scenario.
func (sc *Scenario) check() error {
	var errs []error
	bad := func(wrong bool, what string) {
		if wrong {
			errs = append(errs, fmt.Errorf("scenario %s: %s", sc.Name, what))
		}
	}
	bad(sc.Peers < 1 || sc.Peers > MaxPeers, fmt.Sprintf("needs 1 to %d homes", MaxPeers))
	bad(sc.Rate <= 0 || sc.Chunk < 8, "needs a rate, and chunks of at least 8 bytes")
	bad(sc.Duration <= 0, "needs a duration")
	bad(sc.Kind == Live && sc.PerMunro < 2, "needs at least 2 chunks a signature")
	bad(sc.Kind != Live && sc.Length <= 0, "needs the length of the film")
	bad(sc.Liars < 0 || sc.Liars > 0.9 || sc.Churn < 0 || sc.Churn > 10, "has impossible shares")
	return errors.Join(errs...)
}

// Watch is told once a virtual second how far a simulation has come, the first of so many
// parts. Its error ends the simulation.
type Watch func(now, end time.Duration, part, parts int) error

// of tells of one part.
func (w Watch) of(part, parts int, end time.Duration) func(now int64) error {
	return func(now int64) error {
		if w == nil {
			return nil
		}
		return w(time.Duration(now), end, part, parts)
	}
}

// Run plays a scenario, and tells watch, which may be nil, how far it is. The same seed gives
// the same Result.
func Run(sc Scenario, seed uint64, watch Watch) (Result, error) {
	if err := sc.check(); err != nil {
		return Result{}, err
	}
	if sc.Kind == Uplink {
		return runUplink(sc, seed, watch.of(1, 1, 3*(sc.Warmup+sc.Duration)))
	}
	end := sc.Lead + sc.Warmup + sc.Duration
	if sc.Liars == 0 {
		return runSwarm(sc, seed, watch.of(1, 1, end))
	}
	honest := sc
	honest.Liars, honest.Peers = 0, sc.Peers-liarsOf(&sc)
	alone, err := runSwarm(honest, seed, watch.of(1, 2, end))
	if err != nil {
		return Result{}, err
	}
	r, err := runSwarm(sc, seed, watch.of(2, 2, end))
	r.HonestContinuity = alone.Continuity
	r.Lies.ContinuityLost = 100 * (alone.mean - r.mean)
	return r, err
}

// liarsOf returns how many homes lie.
func liarsOf(sc *Scenario) int { return int(float64(sc.Peers) * sc.Liars) }
