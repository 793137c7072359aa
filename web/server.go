// Package web is the door to browsers and players: one HTTP handler with the page, the
// streams as plain HTTP, playlists, and an API under /api/v1 through which the page does
// everything that it does.
//
// It sees the gateway through the interface Gateway and starts no goroutine: every
// request is served by the goroutine that net/http gave it, and ends when its client goes
// or when the http.Server made by HTTPServer is shut down.
package web

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy/doctor"
	"github.com/swarmgate/swarmgate/proxy/logbook"
)

// Config says what a Server serves and whom. Gateway is required, the rest may be zero.
type Config struct {
	Gateway Gateway
	Name    string // shown on the page and in players, "Swarmgate" when empty
	Version string // shown on the page
	Logger  zerolog.Logger

	// Names are host names, without port, under which the gateway is reached beyond
	// those that always hold: IP addresses, localhost, *.local, the machine's own name.
	Names []string

	// Clients are address ranges that may connect beyond the home's own: loopback,
	// private and link-local addresses and the networks that the machine is part of.
	Clients []netip.Prefix

	// Proxies are reverse proxies whose word about who asks is taken (X-Forwarded-For, -Host, -Proto).
	Proxies []netip.Prefix

	// Base is the path under which a reverse proxy shows the page, as "/tv"; empty for none.
	Base string

	// Access says what takes the household's password.
	Access Access

	// Listen is where HTTP is open, for the address that phones are shown; the zero value stands
	// for all addresses of this machine.
	Listen netip.AddrPort

	// Mounts are handlers of other floors by their pattern (http.ServeMux), for instance
	// "/dlna/". The checks of Host, Origin and client address hold for them too.
	Mounts map[string]http.Handler

	// Discovery says whether TVs find the gateway; it is asked once a second for each page
	// that is open, by any goroutine. Optional: without it none does.
	Discovery func() Discovery

	// Renderers are the TVs and speakers that the page can send something to. Optional: without
	// them /api/v1/renderers lists none, and takes no orders.
	Renderers Renderers

	// Security lets the owner ban peers and add members of closed swarms. Optional: without it
	// /api/v1/bans and /api/v1/members are not there.
	Security Security

	// OwnerToken opens what only the owner may do, who bans and issues certificates, to
	// clients beyond this machine: "Authorization: Bearer TOKEN" (RFC 6750, 2.1). Empty opens
	// it to this machine alone.
	OwnerToken string

	// Network is how peers reach the gateway; it may be asked by any goroutine. Optional.
	Network func() Network

	// Settings are those of the gateway. Optional: without them /api/v1/settings is not there.
	Settings Settings

	// Log holds the last lines of the log. Optional: without it /api/v1/log is not there.
	Log *logbook.Book

	// Guide is what is on. Optional: without it nothing is known to be.
	Guide Guide

	// Tuner is as what the gateway shows itself to programs that want an HDHomeRun.
	Tuner Tuner

	// Doctor looks at all that the gateway needs, as doctor.Examine does. Optional: without it /api/v1/doctor is not there.
	Doctor func(ctx context.Context, tell func(doctor.Check)) (well bool)

	// Ready says why the gateway can't serve yet; nil when it can. Optional.
	Ready func() error
}

// Server answers the HTTP of the gateway. Its methods may be called by any goroutine.
type Server struct {
	config Config
	access access
	page   page
	log    zerolog.Logger

	refusals zerolog.Logger // for what strangers can cause
	signin   *signin

	fetchable func(netip.Addr) bool // addresses from which lists are fetched

	buffers *buffers // of streams

	consultation *consultation

	streams slots // responses under way at /live/ and /film/
	events  slots // responses under way at /api/v1/events
	guides  slots // responses under way with the guide
}

// Bounds of what is served at once. Beyond them a client gets 503 and one sentence.
const (
	MaxStreams      = 256
	MaxEventClients = 64
)

// New returns a Server. It starts nothing.
func New(config Config) *Server {
	if config.Name == "" {
		config.Name = "Swarmgate"
	}
	access := newAccess(config.Names, config.Clients)
	return &Server{
		config: config,
		access: access,
		page:   newPage(config.Name, config.Version),
		log:    config.Logger,

		refusals: refusalLog(config.Logger),
		signin:   newSignin(),

		fetchable: access.lan.outside,

		buffers: &buffers{},

		consultation: newConsultation(),

		streams: newSlots(MaxStreams),
		events:  newSlots(MaxEventClients),
		guides:  newSlots(MaxGuides),
	}
}

// Handler returns the handler of all paths, with the checks of Host, Origin and client
// address in front. It panics when two of Config.Mounts claim the same pattern.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range s.patterns() {
		mux.Handle(pattern, handler)
	}
	for pattern, handler := range s.config.Mounts {
		mux.Handle(pattern, handler)
	}
	return s.guard(mux)
}

// patterns are the handlers of this package by their patterns.
func (s *Server) patterns() map[string]http.Handler {
	all := s.routes()
	maps.Copy(all, s.viewingRoutes())
	maps.Copy(all, s.pageRoutes())
	maps.Copy(all, s.tunerRoutes())
	if s.config.Renderers != nil {
		maps.Copy(all, s.rendererRoutes())
	} else {
		all["/api/v1/renderers"] = methods{http.MethodGet: s.listRenderers}
	}
	if s.config.Security != nil {
		maps.Copy(all, s.securityRoutes())
	}
	if s.config.Doctor != nil {
		maps.Copy(all, s.doctorRoutes())
	}
	if s.config.Settings != nil {
		maps.Copy(all, s.settingsRoutes())
	}
	if s.config.Log != nil {
		all["/api/v1/log"] = methods{http.MethodGet: s.household(s.showLog)}
	}
	return all
}

func (s *Server) routes() map[string]http.Handler {
	get := func(f http.HandlerFunc) methods { return methods{http.MethodGet: f} }
	return map[string]http.Handler{
		"/{$}":              get(s.page.index),
		"/watch/{id}":       get(s.page.index),
		"/gateway/{view}":   get(s.page.index),
		"/assets/{name}":    get(s.page.asset),
		"/licences.txt":     get(s.page.licences),
		"/favicon.ico":      get(s.page.icon),
		"/channels.m3u":     get(s.channelsM3U),
		"/films.m3u":        get(s.filmsM3U),
		"/films.json":       get(s.filmsFeed),
		"/films.rss":        get(s.filmsRSS),
		"/xmltv.xml":        get(s.xmltv),
		"/xmltv.xml.gz":     get(s.xmltv),
		"/live/{file}":      get(s.live),
		"/live/{id}/{part}": get(s.hls),
		"/film/{id}":        get(s.film),

		"/api/v1/channels":      methods{http.MethodGet: s.listChannels, http.MethodPost: s.addChannel},
		"/api/v1/channels/{id}": methods{http.MethodGet: s.showChannel, http.MethodPatch: s.editChannel, http.MethodDelete: s.removeChannel},
		"/api/v1/sessions":      get(s.listSessions),
		"/api/v1/status":        get(s.showStatus),
		"/api/v1/device":        get(s.showDevice),
		"/api/v1/events":        get(s.streamEvents),
		"/api/v1/guide":         get(s.showGuide),
		"/api/v1/openapi.json":  get(s.showOpenAPI),
		"/api/v1/login":         methods{http.MethodGet: s.showLogin, http.MethodPost: s.login, http.MethodDelete: s.logout},
		"/healthz":              get(s.healthz),
		"/readyz":               get(s.readyz),
		"/metrics":              get(s.metrics),
		"/":                     http.HandlerFunc(s.unknown),
	}
}

func (s *Server) unknown(w http.ResponseWriter, _ *http.Request) {
	s.fail(w, http.StatusNotFound, "There is nothing under this address; the page is at /.")
}

// Time limits of HTTPServer. Responses have none: a channel has no end.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10 // bytes
)

// HTTPServer returns the http.Server for a handler of this package: with limits on what a
// client may hold open, with a line in the log, a few a minute, for what is no request, and with a Shutdown that ends the streams and events under way,
// which no viewer would end by himself, and connections on which nothing has been asked.
func HTTPServer(handler http.Handler, log zerolog.Logger) *http.Server {
	ctx, cancel := context.WithCancel(context.Background())
	conns := &connections{log: refusalLog(log)}
	server := &http.Server{
		ConnState:         conns.follow,
		ConnContext:       conns.context,
		Handler:           conns.before(handler),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	server.RegisterOnShutdown(cancel)
	server.RegisterOnShutdown(conns.close)
	return server
}
