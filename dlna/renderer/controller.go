package renderer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/renderer/events"
	"github.com/swarmgate/swarmgate/dlna/renderer/finder"
)

const (
	// maxRenderers bounds the devices that are followed, those included that don't answer.
	maxRenderers = 32
	// maxPerHost bounds those of one host.
	maxPerHost = 4
	// maxPerNetwork bounds those of a network of IPv6 of 64 bits, in which a host has as many
	// addresses as it likes: it leaves room for those of IPv4, which all televisions have.
	maxPerNetwork = maxRenderers / 2
	// searchGap lies between searches that a person's look at the list causes.
	searchGap = 5 * time.Second
)

// Controller finds and follows the renderers of the home. New makes it, Run works; the
// other methods may be called by many goroutines.
type Controller struct {
	config Config
	hub    events.Hub
	finder *finder.Finder

	mu       sync.Mutex
	devices  map[string]*device // by UDN
	asked    time.Time          // when List was last called
	searched time.Time          // for List
}

// New makes a Controller. It starts nothing.
func New(c Config) *Controller {
	if c.Guard == nil {
		c.Guard = &lan.Guard{}
	}
	if c.Facing == nil {
		c.Facing = facing
	}
	return &Controller{
		config: c, devices: make(map[string]*device),
		finder: finder.New(finder.Config{Interfaces: c.Interfaces, Guard: c.Guard, Listen: c.Listen, Logger: c.Logger}),
	}
}

// Events is the handler of the paths below EventRoot.
func (c *Controller) Events() http.Handler { return &c.hub }

// Run follows the renderers until ctx ends; then it gives back the subscriptions and returns
// nil. What renderers play goes on.
func (c *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	heard := make(chan finder.Sighting)
	parts.Go(func() { _ = c.finder.Run(ctx, heard) }) // it ends with ctx alone, and well
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-heard:
			c.heard(ctx, &parts, s)
		}
	}
}

// heard takes in a sighting.
func (c *Controller) heard(ctx context.Context, parts *sync.WaitGroup, s finder.Sighting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices[s.UDN]
	switch {
	case s.Farewell && d != nil:
		if d.host() == s.From.WithZone("") || c.config.Guard.Own(s.From) && c.config.Guard.Own(d.host()) {
			d.leaving, d.back = true, nil
			d.leave()
		}
	case s.Farewell:
	case d != nil && d.leaving:
		d.back = &s
	case d != nil:
		d.sighted(s)
	case c.room(s.Host):
		c.follow(ctx, parts, s)
	}
}

// follow begins with a renderer. The caller holds mu.
func (c *Controller) follow(ctx context.Context, parts *sync.WaitGroup, s finder.Sighting) {
	d := newDevice(c, s)
	c.devices[s.UDN] = d
	deviceCtx, stop := context.WithCancel(ctx)
	d.leave = stop
	parts.Go(func() {
		defer stop()
		d.run(deviceCtx)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.devices, d.udn)
		if d.back != nil && ctx.Err() == nil { // it was only switched off and on
			c.follow(ctx, parts, *d.back)
		}
	})
}

// depart notes that a renderer has gone: what is heard of it from now on is of its return.
func (c *Controller) depart(d *device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.leaving = true
}

// room tells whether one more device of that host may be followed. The caller holds mu.
func (c *Controller) room(host netip.Addr) bool {
	of, beside := 0, 0
	for _, d := range c.devices {
		if other := d.host(); other == host.WithZone("") {
			of++
		} else if other.Is6() && sameHost(other, host) {
			beside++
		}
	}
	return len(c.devices) < maxRenderers && of < maxPerHost && of+beside < maxPerNetwork
}

// List returns the renderers that answer, by name. Who calls it once a second is told the
// positions as they are; while nobody does, renderers are seldom asked.
func (c *Controller) List() []Renderer {
	now := time.Now()
	c.mu.Lock()
	awake := now.Sub(c.asked) > interestLasts
	c.asked = now
	search := awake && now.Sub(c.searched) >= searchGap
	if search {
		c.searched = now
	}
	devices := c.known()
	c.mu.Unlock()
	if search {
		c.finder.Search()
	}
	list := make([]Renderer, 0, len(devices))
	for _, d := range devices {
		if r, ok := d.snapshot(now); ok {
			list = append(list, r)
		}
		if awake {
			d.wake()
		}
	}
	slices.SortFunc(list, func(a, b Renderer) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// known returns the devices that have not gone. The caller holds mu.
func (c *Controller) known() []*device {
	list := make([]*device, 0, len(c.devices))
	for _, d := range c.devices {
		if !d.leaving {
			list = append(list, d)
		}
	}
	return list
}

// watched tells whether somebody looks at the list.
func (c *Controller) watched(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.asked.IsZero() && now.Sub(c.asked) <= interestLasts
}

// find returns the device of that ID once it has been met.
func (c *Controller) find(id string) (*device, error) {
	c.mu.Lock()
	devices := c.known()
	c.mu.Unlock()
	for _, d := range devices {
		if d.id == id && d.met() {
			return d, nil
		}
	}
	return nil, ErrNoRenderer
}

// idOf returns the ID of a renderer in URLs. UDNs may be anything.
func idOf(udn string) string {
	sum := sha256.Sum256([]byte(udn))
	return hex.EncodeToString(sum[:8])
}
