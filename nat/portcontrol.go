package nat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	portControl     = 5351 // RFC 6886, 3; RFC 6887, 19
	portControlTime = 2 * time.Second
	maxPortControl  = 1100 // bytes: RFC 6887, 7, "The maximum UDP payload is 1100 octets"
	// epochSlack is how much a gateway's clock may lag behind ours: RFC 6886, 3.6, allows an eighth and two seconds.
	epochSlack = 2 * time.Second
)

// portControlRTO is the time until a request is sent again: RFC 6886, 3.1, "starting with a 250 ms delay", doubling.
const portControlRTO = 250 * time.Millisecond

// dialect is one of the two protocols of port 5351. Both are one datagram each way.
type dialect interface {
	title() string
	// probe asks for nothing but a sign of life, mapping for a port; a lifetime of 0 removes it.
	probe(own netip.Addr) []byte
	mapping(own netip.Addr, internal, external uint16, lifetime uint32) []byte
	// parse reads an answer; ok is false when it belongs to no such request.
	parse(b []byte, request []byte) (a controlAnswer, ok bool)
}

// controlAnswer is what a gateway says.
type controlAnswer struct {
	code     int // 0 is success
	epoch    time.Duration
	external netip.Addr // invalid when it is not told
	port     uint16
	lifetime uint32 // seconds
}

// portGateway is a gateway that speaks NAT-PMP or PCP. Its methods are called by one goroutine at a time.
type portGateway struct {
	dialect dialect
	router  netip.AddrPort
	self    netip.Addr

	mu       sync.Mutex
	address  netip.Addr    // outside, as last told
	internal uint16        // of the mapping that is held
	external uint16        // the same, 0 when none is
	lease    time.Duration // granted
	epoch    time.Duration // at heard
	heard    time.Time
}

// errNoPortControl means that no router answers on port 5351.
var errNoPortControl = errors.New("no router answered by NAT-PMP or PCP")

// findGateways asks by all protocols at once and returns the gateways that can map ports. What
// answers first is taken.
func (t *Traversal) findGateways(ctx context.Context) ([]gateway, error) {
	if len(t.cfg.Search) > 0 {
		return t.findIGDs(ctx)
	}
	return eitherOf(ctx, t.findIGDs, t.findPortControl)
}

// eitherOf searches in two ways at once; when one has found something, the other gives up. Where neither does, the error
// is the first one's.
func eitherOf(ctx context.Context, byUPnP, byPortControl func(context.Context) ([]gateway, error)) ([]gateway, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		list []gateway
		err  error
	}
	upnp, control := make(chan result, 1), make(chan result, 1)
	go func() {
		list, err := byUPnP(ctx)
		upnp <- result{list, err}
	}()
	go func() {
		list, err := byPortControl(ctx)
		control <- result{list, err}
	}()
	var first, second result
	select {
	case first = <-upnp:
		if first.err == nil {
			cancel()
		}
		second = <-control
	case second = <-control:
		if second.err == nil {
			cancel()
		}
		first = <-upnp
	}
	if list := append(second.list, first.list...); len(list) > 0 {
		return list, nil
	}
	return nil, first.err
}

// findPortControl asks the default gateways by both protocols at once, and returns the one that answers first.
func (t *Traversal) findPortControl(ctx context.Context) ([]gateway, error) {
	routers := defaultGateways(t.cfg.Interfaces)
	var list []*portGateway
	for _, r := range routers[:min(len(routers), maxGateways)] {
		self, err := localAddressTowards(ctx, netip.AddrPortFrom(r, portControl))
		if b := t.cfg.Bind; err != nil || b.IsValid() && !b.IsUnspecified() && b.Unmap() != self {
			continue
		}
		for _, d := range []dialect{newPCP(), natPMP{}} {
			list = append(list, &portGateway{dialect: d, router: netip.AddrPortFrom(r, portControl), self: self})
		}
	}
	return firstAnswering(ctx, list)
}

// firstAnswering returns the gateway that gives a sign of life first.
func firstAnswering(ctx context.Context, list []*portGateway) ([]gateway, error) {
	ctx, cancel := context.WithTimeout(ctx, portControlTime)
	defer cancel()
	found := make(chan gateway)
	var group sync.WaitGroup
	for _, g := range list {
		group.Go(func() {
			if _, err := g.ask(ctx, g.dialect.probe(g.self)); err != nil {
				return
			}
			select {
			case found <- g:
			case <-ctx.Done():
			}
		})
	}
	go func() {
		group.Wait()
		close(found)
	}()
	g, ok := <-found
	cancel()
	for range found { // until all have ended
	}
	if !ok {
		return nil, errNoPortControl
	}
	return []gateway{g}, nil
}

// ask sends a request until an answer comes or ctx ends. The socket takes datagrams of the gateway alone.
func (g *portGateway) ask(ctx context.Context, request []byte) (controlAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, portControlTime)
	defer cancel()
	var d net.Dialer
	if g.self.Is6() { // that which the firewall is asked about, of several
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.self, 0))
	}
	conn, err := d.DialContext(ctx, "udp", g.router.String())
	if err != nil {
		return controlAnswer{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	b := make([]byte, maxPortControl)
	for wait := portControlRTO; ctx.Err() == nil; wait *= 2 {
		if _, err := conn.Write(request); err != nil {
			return controlAnswer{}, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		for {
			n, err := conn.Read(b)
			if ne, timeout := errors.AsType[net.Error](err); timeout && ne.Timeout() {
				break
			} else if err != nil {
				return controlAnswer{}, err // such as "connection refused", which is an answer
			}
			if a, ok := g.dialect.parse(b[:n], request); ok {
				return a, g.take(a)
			}
		}
	}
	return controlAnswer{}, ctx.Err()
}

// take keeps what an answer tells of the gateway. The error is a refusal, or a restart that lost what was mapped.
func (g *portGateway) take(a controlAnswer) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.code != 0 {
		return &refusal{"map a port", refusalCodes[a.code], fmt.Sprintf("%s result %d", g.dialect.title(), a.code)}
	}
	now := time.Now()
	if !g.heard.IsZero() {
		passed := now.Sub(g.heard)
		if a.epoch < g.epoch+passed-passed/8-epochSlack {
			g.external = 0 // RFC 6886, 3.6: "the NAT gateway has rebooted or lost its mapping state"
		}
	}
	g.epoch, g.heard = a.epoch, now
	if a.external.IsValid() {
		g.address = a.external
	}
	return nil
}

// refusalCodes writes result codes of RFC 6887, 7.4 as those of UPnP that mean the same. RFC 6886, 3.5 has the first four.
var refusalCodes = map[int]int{
	1: codeFailed, 2: codeNotAuthorized, 3: codeFailed, 4: codeNoRoom, 5: codeFailed, 8: codeNoRoom, 10: codeNoRoom, 11: codeConflict, 13: codeNotAuthorized,
}

func (g *portGateway) name() string {
	return fmt.Sprintf("gateway %s (%s)", g.router.Addr(), g.dialect.title())
}
func (g *portGateway) own() netip.Addr { return g.self }

// granted is the lifetime of the mapping, which may be shorter than what was asked for.
func (g *portGateway) granted() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lease
}

// externalIP returns the address that the gateway told last, which it does at each lookup.
func (g *portGateway) externalIP(context.Context) (netip.Addr, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.address, nil
}

// add maps a port. Another one than the wanted is given back and counts as a conflict.
func (g *portGateway) add(ctx context.Context, external, internal uint16, lease uint32) error {
	a, err := g.ask(ctx, g.dialect.mapping(g.self, internal, external, lease))
	if err != nil {
		return err
	}
	if a.port != external {
		_, _ = g.ask(ctx, g.dialect.mapping(g.self, internal, 0, 0)) // the lease ends it otherwise
		return &refusal{"map a port", codeConflict, "another one was given"}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.internal, g.external, g.lease = internal, external, time.Duration(a.lifetime)*time.Second
	return nil
}

// lookup tells whether the mapping that is held has survived: neither protocol shows mappings, but both tell since when
// the gateway has been keeping them.
func (g *portGateway) lookup(ctx context.Context, external uint16) (netip.AddrPort, error) {
	if _, err := g.ask(ctx, g.dialect.probe(g.self)); err != nil {
		return netip.AddrPort{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.external != external {
		return netip.AddrPort{}, &refusal{"look up a port", codeNoSuchEntry, "it is not mapped"}
	}
	return netip.AddrPortFrom(g.self, g.internal), nil
}

func (g *portGateway) remove(ctx context.Context, external uint16) error {
	g.mu.Lock()
	internal := g.internal
	held := g.external == external
	g.external = 0
	g.mu.Unlock()
	if !held {
		return nil
	}
	_, err := g.ask(ctx, g.dialect.mapping(g.self, internal, 0, 0))
	return err
}

// nonce is what a PCP mapping is changed and removed by.
func nonce() (n [12]byte) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}
