package dlna

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/anacrolix/dms/upnp"
	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/connectionmanager"
	"github.com/swarmgate/swarmgate/dlna/contentdirectory"
	"github.com/swarmgate/swarmgate/dlna/description"
	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/dlna/registrar"
	"github.com/swarmgate/swarmgate/dlna/renderer"
	"github.com/swarmgate/swarmgate/dlna/ssdp"
	"github.com/swarmgate/swarmgate/proxy"
)

// Library is what the server shows and sends; proxy.Gateway is one.
type Library interface {
	Items() []proxy.Item
	Item(id string) (proxy.Item, bool)
	OpenLive(ctx context.Context, id string) (io.ReadCloser, error)
	OpenFilm(ctx context.Context, id string) (proxy.Film, error)
	Changes() uint32                               // grows when Items changes
	Subscribe(ctx context.Context) <-chan struct{} // ticks when Changes may have grown
	// SetPosition notes where the viewer of a film left it; proxy.ErrNotFound if it is no film.
	SetPosition(id string, position time.Duration) error
	// Subtitle returns a file of SubRip; proxy.ErrNotFound if there is none.
	Subtitle(id, language string) ([]byte, error)
}

// Config is what a Server needs. Name, UDN, HTTPPort and Library must be set.
type Config struct {
	Name            string         // by which television sets list the server
	UDN             string         // "uuid:…", the same for ever: NewUDN makes one, the state keeps it
	Version         string         // of the program
	Interfaces      []string       // names or patterns; empty for those that look like a home's
	DenyInterfaces  []string       // never these
	Networks        []netip.Prefix // only addresses in these are announced; empty for all
	DenyNetworks    []netip.Prefix // never these, and no answers to their hosts
	HTTPPort        uint16         // at which Handler is reached on every interface
	HTTPAddress     netip.Addr     // at which alone it is reached, where that is so
	PresentationURL string         // of the page; "/" if empty
	Library         Library

	Guide    contentdirectory.Guide // what is on; nil for none
	Language string                 // of the folders: one that contentdirectory.CheckLanguage takes
	Profiles *profile.Set           // what devices want; nil for those that come with the program

	AnnounceInterval time.Duration // ssdp.DefaultInterval if 0
	MaxAge           time.Duration // ssdp.DefaultMaxAge if 0
	MaxStreams       int           // media.DefaultMaxStreams if 0
	Patience         time.Duration // for a cold swarm; media.DefaultPatience if 0
	Logger           zerolog.Logger
}

var udnForm = regexp.MustCompile(`^uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (c *Config) validate() error {
	var errs []error
	if strings.TrimSpace(c.Name) == "" {
		errs = append(errs, errors.New("the media server has no name; television sets list it by one"))
	}
	if !udnForm.MatchString(c.UDN) {
		errs = append(errs, fmt.Errorf("UDN %q is not of the form uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", c.UDN))
	}
	if c.HTTPPort == 0 {
		errs = append(errs, errors.New("the media server's HTTP port is not known"))
	}
	if c.Library == nil {
		errs = append(errs, errors.New("the media server has no library"))
	}
	errs = append(errs, contentdirectory.CheckLanguage(c.Language), c.selection().Validate())
	if c.Profiles == nil {
		var err error
		c.Profiles, err = profile.Load("")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// NewUDN makes the name of a device that never had one, of 16 bytes from random (RFC 9562,
// 5.4).
func NewUDN(random io.Reader) (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("make a UDN: %w", err)
	}
	id[6], id[8] = id[6]&0x0F|0x40, id[8]&0x3F|0x80
	return upnp.FormatUUID(id[:]), nil
}

// serverHeader names the product as UDA 1.1, 1.2.2 and DLNA demand. The version of the
// architecture is the one that older television sets check for.
func serverHeader(version string) string {
	if version == "" {
		version = "0"
	}
	return runtime.GOOS + "/" + runtime.GOARCH + " UPnP/1.0 DLNADOC/1.50 Swarmgate/" + strings.ReplaceAll(version, " ", "_")
}

func (c *Config) selection() lan.Selection {
	return lan.Selection{Allow: c.Interfaces, Deny: c.DenyInterfaces, Networks: c.Networks, DenyNetworks: c.DenyNetworks}
}

// discovery says what is announced, and where.
func (c *Config) discovery(product string, boot, configID uint32, guard *lan.Guard) ssdp.Config {
	return ssdp.Config{
		Device: ssdp.Device{
			UDN: c.UDN, Type: description.MediaServer, Server: product, BootID: boot, ConfigID: configID, MaxAge: c.MaxAge,
			Services: []string{contentdirectory.Description().Type, connectionmanager.Description().Type, registrar.Description().Type},
		},
		Location: func(own netip.Addr) string {
			return "http://" + netip.AddrPortFrom(own, c.HTTPPort).String() + Root + deviceFile
		},
		Interfaces: c.home,
		MayAsk:     guard.Local,
		Interval:   c.AnnounceInterval,
		Logger:     c.Logger,
	}
}

// home returns the interfaces of the home as they are.
func (c *Config) home() ([]lan.Interface, []lan.Problem, error) {
	all, err := lan.List()
	picked, problems := c.selection().Pick(all)
	return picked, problems, err
}

// playTo says on which networks screens are looked for, and where they fetch from.
func (c *Config) playTo(guard *lan.Guard) renderer.Config {
	return renderer.Config{
		Library: c.Library, HTTPPort: c.HTTPPort, HTTPAddress: c.HTTPAddress, Interfaces: c.home, Guard: guard, Logger: c.Logger,
	}
}
