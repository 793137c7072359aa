package nat

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	maxGateways      = 8 // devices that one search looks at
	maxSearchSockets = 16
	maxReadErrors    = 8 // of one socket in one search: some systems report what other hosts send back
	ssdpTTL          = 2 // UPnP Device Architecture 2.0, 1.1: "the TTL for each IP packet SHOULD default to 2"
	searchTime       = 3 * time.Second
	// searchPatience is the time that further gateways have after the first. The one that routes for us is preferred, and
	// it answers within milliseconds.
	searchPatience = 250 * time.Millisecond
)

// searchTimes are the moments of an attempt at which searches are sent: UDP on a wireless network gets lost.
var searchTimes = []time.Duration{0, 300 * time.Millisecond, 700 * time.Millisecond}

var errNoGateway = errors.New("no UPnP gateway answered")

// device is a gateway that answered a search.
type device struct {
	location *url.URL
	addr     netip.AddrPort // of its HTTP server
}

// search asks the network for gateways: by multicast on every interface, because that is the standard, and by unicast to
// the default gateways, because switches and wireless access points lose multicast.
type search struct {
	interfaces []string         // all when empty
	only       []netip.AddrPort // when not empty, these are asked and nothing else
	times      []time.Duration
}

// asker is a socket with the addresses to ask from it.
type asker struct {
	conn  *net.UDPConn
	to    []netip.AddrPort
	group netip.AddrPort // that is named in the searches
}

// run returns the gateways that answered, default gateways first. A socket that cannot be opened, or an interface that
// cannot send, leaves the others at work; the error is errNoGateway or ctx's.
func (s search) run(ctx context.Context) ([]device, error) {
	local, _ := localAddrs(s.interfaces) // without them, the default gateway is still asked
	routers := defaultGateways(s.interfaces)
	return gather(ctx, s.open(ctx, local, routers), s.times, routers, func(from netip.Addr) bool { return s.near(from, local) })
}

// gather asks, and returns those that answered from nearby, default gateways first. It closes the askers.
func gather(ctx context.Context, askers []asker, times []time.Duration, routers []netip.Addr, near func(netip.Addr) bool) ([]device, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	answers := make(chan device, maxGateways)
	var wg sync.WaitGroup
	for _, a := range askers {
		wg.Go(func() { a.read(ctx, answers, near) })
		wg.Go(func() { a.ask(ctx, times) })
	}
	defer func() {
		cancel()
		for _, a := range askers {
			a.conn.Close()
		}
		wg.Wait()
	}()
	return collect(ctx, answers, routers)
}

// open makes one socket for the unicast searches and one per interface for the multicast ones.
func (s search) open(ctx context.Context, local []localAddr, routers []netip.Addr) []asker {
	var askers []asker
	add := func(bind netip.Addr, to ...netip.AddrPort) {
		var lc net.ListenConfig
		conn, err := lc.ListenPacket(ctx, "udp4", netip.AddrPortFrom(bind, 0).String())
		if err != nil || len(askers) == maxSearchSockets {
			return
		}
		askers = append(askers, asker{conn.(*net.UDPConn), to, ssdpGroup})
	}
	if len(s.only) > 0 {
		add(netip.IPv4Unspecified(), s.only...)
		return askers
	}
	var unicast []netip.AddrPort
	for _, r := range routers {
		unicast = append(unicast, netip.AddrPortFrom(r, ssdpGroup.Port()))
	}
	if len(unicast) > 0 {
		add(netip.IPv4Unspecified(), unicast...)
	}
	for _, l := range local {
		a, up := l.Prefix.Addr(), l.Interface.Flags&net.FlagMulticast != 0
		if !a.Is4() || a.IsLoopback() || !up {
			continue
		}
		before := len(askers)
		add(a, ssdpGroup)
		if len(askers) > before {
			p := ipv4.NewPacketConn(askers[before].conn)
			_ = p.SetMulticastInterface(&l.Interface) // the bound address chooses well on most systems
			_ = p.SetMulticastTTL(ssdpTTL)            // 1 does in a home
		}
	}
	return askers
}

// near holds for machines that were asked by name or share a network with us.
func (s search) near(from netip.Addr, local []localAddr) bool {
	return slices.ContainsFunc(s.only, func(a netip.AddrPort) bool { return a.Addr() == from }) ||
		slices.ContainsFunc(local, func(l localAddr) bool { return l.Prefix.Contains(from) })
}

// ask sends the searches at their times. Errors are passed over: an interface without a route is none of a gateway's.
func (a asker) ask(ctx context.Context, times []time.Duration) {
	start := time.Now()
	for _, at := range times {
		timer := time.NewTimer(time.Until(start.Add(at)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		for _, to := range a.to {
			for _, target := range searchTargets {
				_, _ = a.conn.WriteToUDPAddrPort(searchRequest(target, a.group), to)
			}
		}
	}
}

// read hands over gateways until the socket is closed or ctx ends. What does not fit in answers is dropped.
func (a asker) read(ctx context.Context, answers chan<- device, near func(netip.Addr) bool) {
	b := make([]byte, maxSSDP+1)
	for failures := 0; failures < maxReadErrors && ctx.Err() == nil; {
		n, from, err := a.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			failures++
			continue
		}
		if !near(from.Addr().Unmap()) {
			continue
		}
		location, ok := parseSearchAnswer(b[:n], from.Addr())
		if !ok {
			continue
		}
		select {
		case answers <- device{location, netip.AddrPortFrom(from.Addr().Unmap(), httpPort(location))}:
		default:
		}
	}
}

// collect waits for the first answer, then a moment for a better one.
func collect(ctx context.Context, answers <-chan device, routers []netip.Addr) ([]device, error) {
	var list []device
	var patience <-chan time.Time
	rank := func(d device) int {
		if slices.Contains(routers, d.addr.Addr()) {
			return 0
		}
		return 1
	}
	for {
		select {
		case d := <-answers:
			if slices.ContainsFunc(list, func(o device) bool { return o.location.String() == d.location.String() }) {
				continue
			}
			list = append(list, d)
			if patience == nil {
				patience = time.After(searchPatience)
			}
			if rank(d) != 0 && len(list) < maxGateways {
				continue // a better one may follow
			}
		case <-patience:
		case <-ctx.Done():
		}
		break
	}
	if len(list) == 0 {
		return nil, errNoGateway
	}
	slices.SortStableFunc(list, func(a, b device) int { return rank(a) - rank(b) })
	return list, nil
}
