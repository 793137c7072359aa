package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/nat/stunserver"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
	"github.com/swarmgate/swarmgate/proxy/condition"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/dht"
	"github.com/swarmgate/swarmgate/proxy/membership"
	"github.com/swarmgate/swarmgate/proxy/neighbours"
)

// peering is this process on the swarm's side: its socket, and how the socket is reached.
type peering struct {
	node     *node.Node
	nat      *nat.Traversal
	trackers membership.Trackers
	local    *neighbours.Service // nil when it is off
	dht      *dht.Service        // nil when it is off
	prover   stunserver.Prover   // for membership certificates from trackers
	log      zerolog.Logger
	ready    chan struct{} // closed when our own addresses are known

	servers      []string // for STUN
	asksNoRouter bool

	mu        sync.Mutex
	listeners []chan struct{}
}

// Times of the connections to trackers.
const (
	trackerTimeout = 10 * time.Second // of one request
	trackerIdle    = 80 * time.Second // until an unused one is closed: before the tracker does
)

// openPeering opens the socket. listen empty takes a free port on all addresses.
func openPeering(listen string, f peerFlags, id ppsp.PeerID, log zerolog.Logger) (*peering, error) {
	if f.Listen != "" {
		listen = string(f.Listen)
	}
	if listen == "" {
		listen = ":0"
	}
	if f.Upload != 0 && f.Upload < config.MinUpload {
		return nil, wrongUsage("--upload %s leaves nothing for other peers; write at least %s", f.Upload, config.MinUpload)
	}
	shown, err := trackerCredentials(f.TrackerAuth)
	if err != nil {
		return nil, err
	}
	p := &peering{ready: make(chan struct{}), log: log, servers: f.Stun, asksNoRouter: f.NoNAT}
	n, err := node.Listen(node.Config{Listen: listen, Upload: bytesPerSecond(f.Upload), Logger: log, STUN: p.stun, NoOffload: f.Offload == "off"})
	if err != nil {
		return nil, err
	}
	p.node, p.prover.Send = n, n.Send
	p.nat, err = nat.New(nat.Config{
		Port: n.Addr().Port(), Bind: n.Addr().Addr(), STUN: f.Stun, Send: n.Send,
		Disabled: f.NoNAT || n.Addr().Addr().IsLoopback(), Logger: log,
	})
	if err != nil {
		_ = n.Close()
		return nil, wrongUsage("%w", err)
	}
	p.trackers = membership.Trackers{
		PeerID: id, HTTP: &http.Client{Timeout: trackerTimeout, Transport: shown.Transport(&http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: trackerIdle, DialContext: tracker.DialContext(nil, http.ProxyFromEnvironment),
		})}, Addresses: p.addresses, Moves: p.moves, Named: shown.Names, NAT: p.ability, Condition: condition.Now, Upload: int64(f.Upload),
		Prove: p.prover.Prove, Silent: p.nat.Recheck,
	}
	if len(f.Stun) == 0 && !f.NoNAT { // never a third party's server unasked
		p.trackers.STUN = func(server string) { _ = p.nat.AddNamedSTUN(server) } // fails only beyond those that are enough
	}
	if !f.NoLocal && !n.Addr().Addr().IsLoopback() {
		p.local = neighbours.New(neighbours.Config{Addr: n.Addr(), Logger: log})
		p.trackers.Finders = append(p.trackers.Finders, p.local)
	}
	if f.DHT {
		p.dht = dht.New(dht.Config{Listen: n.Addr().Addr(), Port: p.port, Bootstrap: addresses(f.DHTNode), Logger: log})
		p.trackers.Finders = append(p.trackers.Finders, p.dht)
	} else if len(f.DHTNode) > 0 {
		_ = n.Close()
		return nil, wrongUsage("--dht-node is of no use without --dht")
	}
	return p, nil
}

// trackerCredentials reads what trackers are to be shown; nil without a file.
func trackerCredentials(path string) (*auth.Credentials, error) {
	if path == "" {
		return nil, nil
	}
	shown, err := readBy("--tracker-auth", path, "", func(r io.Reader) (*auth.Credentials, error) {
		return auth.ReadCredentials(r, filepath.Dir(path))
	})
	if err == nil {
		err = shown.Keep(path + enrolledSuffix)
	}
	return shown, err
}

// enrolledSuffix is what the file with tokens that trackers gave for codes adds to the name of
// the file with the codes.
const enrolledSuffix = ".enrolled"

// stun takes the datagrams that are STUN's.
func (p *peering) stun(b []byte, from netip.AddrPort) bool {
	if !nat.IsSTUN(b) {
		return false
	}
	if !p.prover.Handle(b, from) {
		p.nat.HandleSTUN(b, from)
	}
	return true
}

// Run reads the socket and keeps our addresses known until ctx ends.
func (p *peering) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { _ = p.nat.Run(ctx) }) // always nil
	group.Go(func() { p.follow(ctx) })
	if p.local != nil {
		group.Go(func() { _ = p.local.Run(ctx) }) // always nil
	}
	if p.dht != nil {
		group.Go(func() {
			if err := p.dht.Run(ctx); err != nil {
				p.log.Error().Err(err).Msg("no peers are found by the DHT; all else works")
			}
		})
	}
	err := p.node.Run(ctx)
	group.Wait()
	p.trackers.HTTP.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("peer protocol: %w", err)
	}
	return nil
}

// follow tells of changes of our addresses.
func (p *peering) follow(ctx context.Context) {
	first := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.nat.Changed():
		}
		if first {
			close(p.ready)
			first = false
		}
		p.mu.Lock()
		for _, l := range p.listeners {
			select {
			case l <- struct{}{}:
			default:
			}
		}
		p.mu.Unlock()
	}
}

// moves returns a channel that has a value after our addresses changed, until ctx ends.
func (p *peering) moves(ctx context.Context) <-chan struct{} {
	l := make(chan struct{}, 1)
	p.mu.Lock()
	p.listeners = append(p.listeners, l)
	p.mu.Unlock()
	context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range p.listeners {
			if p.listeners[i] == l {
				p.listeners = append(p.listeners[:i], p.listeners[i+1:]...)
				return
			}
		}
	})
	return l
}

// await waits until our own addresses are known, a moment at most.
func (p *peering) await(ctx context.Context) {
	timer := time.NewTimer(200 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-p.ready:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// addresses is where we are reached, as trackers are told (RFC 7846, 3.2.4).
func (p *peering) addresses() []tracker.Address {
	var list []tracker.Address
	for i, f := range p.nat.Findings() {
		a := tracker.Address{AddrPort: f.Addr, Type: tracker.Host, Priority: int64(100 - i), Protocol: tracker.PeerProtocol}
		if f.Type == nat.Mapped || f.Type == nat.Reflexive {
			a.Type = tracker.Reflexive
		}
		list = append(list, a)
	}
	return list
}

// port is where others on the Internet reach the socket, as far as we know.
func (p *peering) port() uint16 {
	for _, f := range p.nat.Findings() {
		if f.Type == nat.Mapped || f.Type == nat.Reflexive {
			return f.Addr.Port()
		}
	}
	return p.node.Addr().Port()
}

// addresses writes flags as they are.
func addresses(flags []address) (list []string) {
	for _, a := range flags {
		list = append(list, string(a))
	}
	return list
}

// ability is how others get through to us, as far as we know (RFC 7846, 3.2.2).
func (p *peering) ability() string {
	words := ""
	for _, f := range p.nat.Findings() {
		switch ip := f.Addr.Addr(); {
		case f.Type == nat.Mapped, f.Type == nat.Pinhole, f.Type == nat.Host && ip.IsGlobalUnicast() && !ip.IsPrivate():
			return "NO_NAT"
		case f.Type == nat.Reflexive:
			words = "STUN"
		}
	}
	return words
}

// report prints how we are reached, as it becomes known: "nat" lines with --json, the
// words of NAT traversal in the log.
func (p *peering) report(ctx context.Context, out *printer, log zerolog.Logger) {
	told := map[nat.Finding]bool{}
	said := map[string]bool{}
	moved := p.moves(ctx)
	for {
		for _, f := range p.nat.Findings() {
			if !told[f] {
				told[f] = true
				out.event("nat", map[string]any{"address": f.Addr.String(), "type": f.Type, "by": f.By})
			}
		}
		now := map[string]bool{}
		for sentence := range strings.SplitSeq(p.nat.Status(), "\n") {
			if now[sentence] = true; sentence != "" && sentence != nat.NotAsked && !said[sentence] { // what was wanted is no news
				log.Info().Msg(sentence)
			}
		}
		said = now
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}
