package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
	"github.com/swarmgate/swarmgate/ppsp/tracker/operator"
)

// bansFile keeps who is shut out of a tracker, in its folder.
const bansFile = "bans.json"

// sharedFresh is for how long the totals of a shared registry are not asked for again, since it
// has to look at each of its peers.
const sharedFresh = 30 * time.Second

// operatorDesk is the operator's page on its socket.
type operatorDesk struct {
	config   operator.Config
	desk     *operator.Desk
	address  string
	hint     string // how to get in, empty for without credentials
	listener net.Listener
	server   *http.Server
	https    bool
}

// desk makes the operator's page, nil for none, and has the tracker tell it of what happens.
func (t *trackerCommand) desk(dir string, bans *operator.Bans, c *tracker.ServerConfig) (*operatorDesk, error) {
	if t.NoOperator {
		return nil, nil
	}
	registry, ok := c.Registry.(operator.Registry)
	if !ok {
		return nil, errors.New("tracker: the registry can't be looked into; leave the operator's page out with --no-operator")
	}
	d := &operatorDesk{address: string(t.Operator), config: operator.Config{Registry: registry, Bans: bans, Version: version, Logger: c.Logger}}
	if t.Registry != "memory" {
		d.config.Fresh = sharedFresh
	}
	if !thisMachine(d.address) {
		if t.HTTP {
			return nil, wrongUsage("--operator %s: with --http its password would be read on the way; give an address of this machine, as 127.0.0.1:7847, or leave --http out", t.Operator)
		}
		if err := d.close(dir); err != nil {
			return nil, err
		}
	}
	d.config.Names = t.names()
	d.desk = operator.New(d.config)
	c.Watch = d.desk.Watch
	return d, nil
}

// bans opens who is shut out, nil where nobody can say so. Trackers that share a registry share
// them, whichever has the operator's page: follow keeps up with the others, nil alone.
func (t *trackerCommand) bans(ctx context.Context, dir string, c *tracker.ServerConfig) (bans *operator.Bans, follow func(context.Context), err error) {
	shared, _ := c.Registry.(*tracker.Valkey)
	if t.NoOperator && shared == nil {
		return nil, nil, nil
	}
	if err := makeFolder(dir); err != nil {
		return nil, nil, err
	}
	if bans, err = operator.OpenBans(filepath.Join(dir, bansFile)); err != nil {
		return nil, nil, fmt.Errorf("tracker: %w", err)
	}
	c.Banned = func(from netip.Addr, peer string) bool { return bans.Holds(from, peer, time.Now()) }
	if shared == nil {
		return bans, nil, nil
	}
	if err := bans.Share(ctx, shared.Table("bans", operator.MaxBans)); err != nil {
		c.Logger.Warn().Err(err).Msg("tracker: bans are not shared with the other trackers yet")
	}
	return bans, func(ctx context.Context) { bans.Follow(ctx, c.Logger) }, nil
}

// close asks for the token that lies in the folder.
func (d *operatorDesk) close(dir string) error {
	if err := makeFolder(dir); err != nil {
		return err
	}
	token, err := ownerToken(dir)
	if err != nil {
		return fmt.Errorf("tracker: operator's page: %w", err)
	}
	tokens, err := auth.ReadTokens(strings.NewReader(token))
	if err != nil {
		return fmt.Errorf("tracker: operator's page: %w", err)
	}
	d.config.Authorize = auth.New(nil, tokens, auth.NewBasic(tokens)).Authorize
	d.hint = fmt.Sprintf(" (the password of any user is what %s holds)", filepath.Join(dir, tokenFile))
	return nil
}

// names are those of the tracker's certificate, by which its operator may ask.
func (t *trackerCommand) names() []string {
	if t.Cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil // which was told already
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf.DNSNames
}

// open takes the socket. Another tracker on this machine may have the port that nobody asked
// for.
func (d *operatorDesk) open(secure *tls.Config) (err error) {
	if d.listener, err = net.Listen("tcp", d.address); errors.Is(err, syscall.EADDRINUSE) && d.address == defaultOperator {
		d.listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("tracker: operator's page on %s: %w; choose another address with --operator, or none with --no-operator", d.address, bare(err))
	}
	d.server = tracker.NewHTTPServer(d.desk)
	d.server.ErrorLog = errorLog(d.config.Logger)
	if secure != nil && !thisMachine(d.address) {
		d.server.TLSConfig, d.https = secure.Clone(), true
		d.server.TLSConfig.ClientAuth = tls.NoClientCert
	}
	d.listener = tracker.Bound(d.listener)
	return nil
}

const defaultOperator = "127.0.0.1:7847"

func (d *operatorDesk) url() string {
	scheme := "http"
	if d.https {
		scheme = "https"
	}
	a, err := netip.ParseAddrPort(d.listener.Addr().String())
	if err != nil || a.Addr().IsUnspecified() {
		return scheme + "://localhost:" + strconv.Itoa(int(a.Port())) + "/"
	}
	return scheme + "://" + a.String() + "/"
}

// Run serves until ctx ends.
func (d *operatorDesk) Run(ctx context.Context) error {
	d.server.BaseContext = func(net.Listener) context.Context { return ctx } // which ends those who listen to events
	ended := make(chan error, 1)
	go func() {
		if d.https {
			ended <- d.server.ServeTLS(d.listener, "", "")
		} else {
			ended <- d.server.Serve(d.listener)
		}
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("tracker: operator's page: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), trackerShutdown)
	defer cancel()
	if d.server.Shutdown(end) != nil {
		_ = d.server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("tracker: operator's page: %w", err)
	}
	return nil
}
