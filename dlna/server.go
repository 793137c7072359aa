// Package dlna is the gateway as television sets see it: a UPnP media server that they find
// by themselves, browse and play from.
//
// The steps of the UPnP Device Architecture each have their package: ssdp (discovery),
// description, control, gena (eventing). contentdirectory, connectionmanager and registrar are
// the services, didl is what the first of them writes, search what it is asked for; media,
// subtitle and picture send the bytes; profile knows what single devices want, lan which
// networks and hosts belong to the home. Here they become one device. renderer goes the other
// way: it finds the screens of the home and has them play.
package dlna

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/dlna/connectionmanager"
	"github.com/swarmgate/swarmgate/dlna/contentdirectory"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/gena"
	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/dlna/registrar"
	"github.com/swarmgate/swarmgate/dlna/renderer"
	"github.com/swarmgate/swarmgate/dlna/ssdp"
	"github.com/swarmgate/swarmgate/dlna/subtitle"
	"github.com/swarmgate/swarmgate/proxy"
)

// Root is the path under which Handler answers, MediaPath that of channels and films: an
// item's ID and the ending of its kind follow.
const (
	Root      = "/dlna/"
	MediaPath = media.Root
)

// Status is how discovery stands on one interface.
type Status = ssdp.Status

// Server is the media server. New makes it, Run lets it be found, Handler answers.
type Server struct {
	library   Library
	directory *contentdirectory.Directory
	contents  *gena.Publisher // events of ContentDirectory
	manager   *gena.Publisher // events of ConnectionManager
	registrar *gena.Publisher // events of X_MS_MediaReceiverRegistrar
	media     *media.Server
	discovery *ssdp.Server
	renderers *renderer.Controller
	handler   http.Handler
}

// New makes a Server. An error says what is wrong with the configuration.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	boot := uint32(time.Now().Unix() & 0x7FFFFFFF)
	product := serverHeader(c.Version)
	guard := &lan.Guard{Selection: c.selection()}
	s := &Server{
		library: c.Library,
		directory: &contentdirectory.Directory{
			Library: c.Library, Guide: c.Guide, Profiles: c.Profiles, Name: c.Name, Language: c.Language, Epoch: boot,
		},
		contents:  gena.New("ContentDirectory", product, guard, c.Logger),
		manager:   gena.New("ConnectionManager", product, guard, c.Logger),
		registrar: gena.New("MediaReceiverRegistrar", product, guard, c.Logger),
		media: &media.Server{
			Library: c.Library, Product: product, MaxStreams: c.MaxStreams, Patience: c.Patience, Logger: c.Logger,
			Captions: captions, Adapt: func(r *http.Request, f media.Format) media.Format { return f.For(c.Profiles.Of(r)) },
		},
	}
	s.media.Shift, _ = c.Library.(media.Shifter)
	if l, ok := c.Library.(interface{ NoteUntimed(id string) }); ok {
		s.media.Untimed = l.NoteUntimed
	}
	s.contents.Set(contentdirectory.TransferIDs, "")
	s.update()
	for _, v := range connectionmanager.Variables(media.Protocols()) {
		s.manager.Set(v[0], v[1])
	}
	for _, v := range registrar.Variables() {
		s.registrar.Set(v[0], v[1])
	}
	s.renderers = renderer.New(c.playTo(guard))
	configID, err := s.mount(c, product, guard)
	if err != nil {
		return nil, err
	}
	s.discovery = ssdp.New(c.discovery(product, boot, configID, guard))
	return s, nil
}

// captions returns the URL of a film's subtitles as the screen that asks reaches it.
func captions(r *http.Request, item proxy.Item) string {
	path := subtitle.First(item)
	if path == "" {
		return ""
	}
	return control.Base(r) + path
}

// Handler answers the requests for paths under Root. Hosts outside the home get no more
// than a refusal.
func (s *Server) Handler() http.Handler { return s.handler }

// Run announces the server, answers searches and sends events until ctx ends; then it takes
// leave, and returns nil. A network that can't be used is told by Status and the log, and
// does not end it.
func (s *Server) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	for _, run := range []func(context.Context) error{s.discovery.Run, s.contents.Run, s.manager.Run, s.registrar.Run, s.renderers.Run} {
		parts.Go(func() { _ = run(ctx) }) // they end with ctx alone, and well
	}
	ticks := s.library.Subscribe(ctx)
	s.update() // for what changed since New
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-ticks:
			if !ok {
				ticks = nil
			}
			s.update()
		}
	}
}

// update tells subscribers what has changed in the catalog, if anything has.
func (s *Server) update() {
	s.contents.Set(contentdirectory.SystemUpdateID, s.directory.SystemUpdateID())
	s.contents.SetPairs(contentdirectory.ContainerUpdateIDs, s.directory.ContainerUpdateIDs())
}

// Status tells on which interfaces the server can be found, and what stands in the way on
// the others.
func (s *Server) Status() []Status { return s.discovery.Status() }

// Err joins the problems that Status tells of, nil if there are none.
func (s *Server) Err() error { return s.discovery.Err() }

// Renderers are the screens and speakers of the home, which can be had to play.
func (s *Server) Renderers() *renderer.Controller { return s.renderers }

// Streams returns how many screens are being sent something.
func (s *Server) Streams() int { return s.media.Streams() }
