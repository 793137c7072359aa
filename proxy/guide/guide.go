// Package guide is the programme guide: what is on the channels of the catalog now and next, and
// what comes in the next days. It reads XMLTV, plain or compressed, from addresses and files that
// the household names, again and again, and keeps of it what belongs to the catalog.
package guide

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Programme is one broadcast of a channel.
type Programme struct {
	Title, Description string
	Start, End         time.Time // in the time zone of the household
}

// Channel is what a guide is sought for: one of the catalog.
type Channel struct {
	ID    string
	Title string
}

// Config says where a Guide comes from.
type Config struct {
	Sources  []string         // addresses ("https://…", "http://…") and paths of files, of XMLTV
	Refresh  time.Duration    // how often they are read; 0 for DefaultRefresh
	Channels func() []Channel // the catalog
	Changes  func() uint32    // grows with the catalog; the sources are read anew then
	// Stream is what a channel's own stream tells to be on and to follow, for channels of which no source tells. Optional.
	Stream func(id string) []Programme
	Client *http.Client // nil for one with limits
	Logger zerolog.Logger
}

// Bounds of a Guide.
const (
	DefaultRefresh = 6 * time.Hour
	// MaxSource is how many bytes one source may have, uncompressed.
	MaxSource = 256 << 20
	// MaxProgrammes bounds the broadcasts that are kept, of all channels together.
	MaxProgrammes = 50_000
	// MaxText bounds the bytes of their descriptions: what comes beyond has a title only.
	MaxText = 16 << 20
	// Past and Ahead are how far from now what is kept may lie.
	Past  = 3 * time.Hour
	Ahead = 8 * 24 * time.Hour

	retryAfter   = 10 * time.Minute
	lookEvery    = 30 * time.Second // at the catalog
	changedFloor = time.Minute      // between reading twice because channels came or went
	fetchTimeout = 5 * time.Minute
)

// Guide knows what is on. Its methods may be called by any goroutine, while Run is at work and
// otherwise.
type Guide struct {
	cfg    Config
	client *http.Client

	mu       sync.Mutex
	channels map[string][]Programme // by Channel.ID, by start, without overlap
	read     time.Time              // when that was, zero for never
	problem  error
}

// New makes a guide that knows nothing before Run.
func New(cfg Config) *Guide {
	if cfg.Refresh == 0 {
		cfg.Refresh = DefaultRefresh
	}
	client := cfg.Client
	if client == nil {
		client = &http.Client{Timeout: fetchTimeout, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ResponseHeaderTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		}}
	}
	return &Guide{cfg: cfg, client: client}
}

// Run reads the sources until ctx ends.
func (g *Guide) Run(ctx context.Context) error {
	if len(g.cfg.Sources) == 0 {
		return nil
	}
	timer := time.NewTicker(lookEvery)
	defer timer.Stop()
	var due, read time.Time
	var seen uint32
	var listed []Channel
	for {
		now := time.Now()
		if g.cfg.Changes() != seen && now.Sub(read) >= changedFloor {
			seen = g.cfg.Changes()
			if list := g.cfg.Channels(); !slices.Equal(list, listed) {
				listed, due = list, now
			}
		}
		if !now.Before(due) {
			read, due = now, now.Add(g.cfg.Refresh)
			if g.refresh(ctx, now) != nil {
				due = now.Add(min(retryAfter, g.cfg.Refresh))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// refresh reads all sources. What one that fails told before stays.
func (g *Guide) refresh(ctx context.Context, now time.Time) error {
	found := newCollector(g.cfg.Channels(), now)
	var problems []error
	for _, source := range g.cfg.Sources {
		before := found.n
		if err := g.readSource(ctx, source, found); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			problems = append(problems, err)
			g.cfg.Logger.Warn().Err(err).Str("source", source).Msg("the programme guide can't be read whole; what is known stays")
			continue
		}
		g.cfg.Logger.Info().Str("source", source).Int("broadcasts", found.n-before).Msg("programme guide read")
	}
	err := errors.Join(problems...)
	fresh := found.sorted()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		for id, old := range g.channels {
			if len(fresh[id]) < len(old) && found.wanted[id] {
				fresh[id] = old
			}
		}
	}
	g.channels, g.read, g.problem = fresh, now, err
	return err
}

// Problem is what is wrong with the sources, nil for nothing, and when they were read last.
func (g *Guide) Problem() (time.Time, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.read, g.problem
}

// OnAir returns what is on a channel at a time, and what comes then; zero ones are not known.
func (g *Guide) OnAir(id string, at time.Time) (now, next Programme) {
	list := g.of(id, at)
	i, _ := slices.BinarySearchFunc(list, at, func(p Programme, at time.Time) int {
		if p.End.After(at) {
			return 1
		}
		return -1
	})
	if i < len(list) && !list[i].Start.After(at) {
		now = list[i]
		i++
	}
	if i < len(list) {
		next = list[i]
	}
	return now, next
}

// Programmes returns what is on a channel between two times, in order.
func (g *Guide) Programmes(id string, from, to time.Time) []Programme {
	var list []Programme
	for _, p := range g.of(id, from) {
		if p.End.After(from) && p.Start.Before(to) {
			list = append(list, p)
		}
	}
	return list
}

// of is what is known of a channel: what the sources tell, or where they tell of nothing from then on, what
// its stream does. The list is not to be changed, and never is.
func (g *Guide) of(id string, from time.Time) []Programme {
	g.mu.Lock()
	list := g.channels[id]
	g.mu.Unlock()
	if g.cfg.Stream == nil || len(list) > 0 && list[len(list)-1].End.After(from) {
		return list
	}
	return g.cfg.Stream(id)
}

// CheckSource says what is wrong with a source, nil for nothing.
func CheckSource(source string) error {
	if source == "" {
		return errors.New("is empty")
	}
	if remote(source) {
		if r, err := http.NewRequest(http.MethodGet, source, nil); err != nil || r.URL.Host == "" {
			return fmt.Errorf(`%q is no address; write as "https://example.org/guide.xml.gz"`, source)
		}
	}
	return nil
}
