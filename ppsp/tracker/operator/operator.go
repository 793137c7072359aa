// Package operator is what the operator of a tracker sees and does (RFC 6972, OAM.REQ-3, 5, 6, 8
// and 9): swarms, peers, activity, chunk timeliness and health, and bans, as a JSON API with its
// OpenAPI description, as OpenMetrics, as server-sent events, and as a plain page.
//
//	tracker.Server ── Watch ──> Desk <── HTTP ── page, programs, Prometheus
//	      └── Banned ──> Bans <──┘ │
//	                               └── Registry (memory, or one that several trackers share)
//
// It belongs on an address of its own: on loopback, or behind a token. Requests by other names
// than the tracker's, and changes that other sites ask for, are refused.
package operator

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Registry is what this package needs of tracker.Memory and tracker.Valkey.
type Registry interface {
	Totals(ctx context.Context, now time.Time) (tracker.Totals, error)
	Swarms(ctx context.Context, now time.Time, after string, n int) ([]tracker.SwarmSummary, error)
	Swarm(ctx context.Context, now time.Time, id string) (tracker.SwarmSummary, error)
	Members(ctx context.Context, now time.Time, swarm, after string, n int) ([]tracker.MemberView, error)
	Memberships(ctx context.Context, now time.Time, peer string) ([]tracker.MemberView, error)
	Remove(ctx context.Context, now time.Time, peer string) error
	Evict(ctx context.Context, now time.Time, from netip.Prefix) (int, error)
}

// Config configures a Desk.
type Config struct {
	Registry Registry
	Bans     *Bans
	Version  string
	Names    []string // by which the desk may be asked, beside localhost and IP addresses
	// Authorize tells who may ask, as tracker.ServerConfig's does; nil for everybody.
	Authorize func(r *http.Request, peerID string) (challenges []string, ok bool)
	Fresh     time.Duration    // for how long Totals are not asked for again; a second if zero
	Now       func() time.Time // time.Now if nil
	Logger    zerolog.Logger
}

// Desk serves the operator. Its methods may be called from any goroutine.
type Desk struct {
	config   Config
	began    time.Time
	activity activity
	hub      hub
	handler  http.Handler

	mu     sync.Mutex
	totals tracker.Totals
	err    error
	asked  time.Time
}

// New returns a desk. It starts nothing.
func New(c Config) *Desk {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Fresh <= 0 {
		c.Fresh = time.Second
	}
	d := &Desk{config: c, began: c.Now()}
	mux := http.NewServeMux()
	for pattern, h := range d.routes() {
		mux.HandleFunc(pattern, h)
	}
	d.handler = d.guard(mux)
	return d
}

// routes are all that is served. The OpenAPI description has those under /api, and the others
// but the page.
func (d *Desk) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":                      d.servePage,
		"GET /swarms/{id}":              d.serveSwarmPage,
		"GET /page.css":                 d.serveFile,
		"GET /page.js":                  d.serveFile,
		"POST /bans":                    d.banByForm,
		"POST /bans/{id}/remove":        d.unbanByForm,
		"GET /healthz":                  d.healthz,
		"GET /readyz":                   d.readyz,
		"GET /metrics":                  d.metrics,
		"GET /api/v1/openapi.json":      d.serveOpenAPI,
		"GET /api/v1/health":            d.health,
		"GET /api/v1/activity":          d.serveActivity,
		"GET /api/v1/events":            d.events,
		"GET /api/v1/swarms":            d.swarms,
		"GET /api/v1/swarms/{id}":       d.swarm,
		"GET /api/v1/swarms/{id}/peers": d.members,
		"GET /api/v1/peers/{id}":        d.peer,
		"GET /api/v1/bans":              d.listBans,
		"POST /api/v1/bans":             d.addBan,
		"DELETE /api/v1/bans/{id}":      d.removeBan,
		"DELETE /api/v1/peers/{id}":     d.removePeer,
	}
}

// ServeHTTP implements http.Handler.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Watch is for tracker.ServerConfig.
func (d *Desk) Watch(r *tracker.Request, from netip.Addr, code tracker.ErrorCode, took time.Duration) {
	d.activity.count(r, code, took)
	d.hub.peer(d.config.Now(), r, from, code)
}

// count asks for the totals, not more often than Fresh.
func (d *Desk) count(ctx context.Context) (tracker.Totals, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.config.Now()
	if d.asked.IsZero() || now.Sub(d.asked) >= d.config.Fresh {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		d.totals, d.err = d.config.Registry.Totals(ctx, now)
		d.asked = now
	}
	return d.totals, d.err
}

// askTimeout bounds what a question may take of the registry.
const askTimeout = 10 * time.Second
