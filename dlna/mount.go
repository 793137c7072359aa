package dlna

import (
	"net/http"
	"strings"

	"github.com/swarmgate/swarmgate/dlna/connectionmanager"
	"github.com/swarmgate/swarmgate/dlna/contentdirectory"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/description"
	"github.com/swarmgate/swarmgate/dlna/gena"
	"github.com/swarmgate/swarmgate/dlna/icon"
	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/dlna/picture"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/dlna/registrar"
	"github.com/swarmgate/swarmgate/dlna/renderer"
	"github.com/swarmgate/swarmgate/dlna/subtitle"
)

// service is one of the device's services with all that answers for it.
type service struct {
	*description.Service
	actions map[string]control.Action
	events  *gena.Publisher
	state   func(*control.Call) (string, bool)
}

const deviceFile = "device.xml"

// mount builds the handler and returns the version of the descriptions.
func (s *Server) mount(c Config, product string, guard *lan.Guard) (configID uint32, err error) {
	protocols := func(r *http.Request) []string { return media.ProtocolsFor(c.Profiles.Of(r)) }
	services := []service{
		{contentdirectory.Description(), s.directory.Actions(), s.contents, s.directory.State},
		{connectionmanager.Description(), connectionmanager.Actions(protocols), s.manager, nil},
		{registrar.Description(), registrar.Actions(), s.registrar, nil},
	}
	device := &description.Device{
		Name: c.Name, UDN: c.UDN, Version: c.Version, Root: strings.TrimSuffix(Root, "/"),
		PresentationURL: c.PresentationURL, Icons: icon.List(Root + "icon"),
	}
	if device.PresentationURL == "" {
		device.PresentationURL = "/"
	}
	mux := http.NewServeMux()
	var documents [][]byte
	for _, svc := range services {
		device.Services = append(device.Services, svc.Service)
		scpd, err := svc.SCPD()
		if err != nil {
			return 0, err
		}
		actions := &control.Server{Service: svc.Service, Actions: svc.actions, State: svc.state, Product: product, Logger: c.Logger}
		if err := actions.Check(); err != nil {
			return 0, err
		}
		documents = append(documents, scpd)
		mux.Handle("GET "+device.SCPDPath(svc.Service), document(scpd, product))
		mux.Handle(device.ControlPath(svc.Service), actions)
		mux.Handle(device.EventPath(svc.Service), svc.events)
	}
	configID = description.ConfigID(append(documents, device.XML(0, profile.Description{}))...)
	mux.Handle("GET "+Root+deviceFile, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document(device.XML(configID, c.Profiles.Of(r).Description), product).ServeHTTP(w, r)
	}))
	mux.HandleFunc("GET "+Root+"icon/{file}", icon.ServeHTTP)
	mux.Handle(media.Root+"{file}", s.media)
	mux.Handle(renderer.StreamRoot+"{renderer}/{file}", s.renderers.Streams(s.media))
	mux.Handle(renderer.EventRoot+"{callback}", s.renderers.Events())
	mux.Handle("GET "+subtitle.Root+"{file}", &subtitle.Server{Library: c.Library, Product: product, Logger: c.Logger})
	mux.Handle("GET "+picture.Root+"{file}", picture.New(c.Library, picture.Public(guard.Near), product, c.Logger))
	s.handler = onlyHome(guard, mux)
	return configID, nil
}
