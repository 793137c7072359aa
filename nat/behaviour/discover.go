package behaviour

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// change says from where a server is asked to answer (CHANGE-REQUEST: RFC 5780, 7.2).
type change byte

const (
	nothing change = 0
	port    change = 2
	both    change = 4 | port // address and port
)

// reply is what a server says.
type reply struct {
	seen  netip.AddrPort
	other netip.AddrPort // where else the server listens, invalid if it does not tell (OTHER-ADDRESS: RFC 5780, 7.4)
}

// errSilent means that no answer came. Anything else means that the server does not do what it is asked for.
var errSilent = errors.New("no answer")

// line is a socket. Several questions may be asked at once.
type line interface {
	ask(ctx context.Context, to netip.AddrPort, c change) (reply, error)
	local(to netip.AddrPort) netip.AddrPort // from where a datagram to an address leaves
	Close() error
}

// network is what lies around this machine.
type network interface {
	open(ctx context.Context) (line, error)
	// hops returns routers on the way to an address, as far as they tell.
	hops(ctx context.Context, to netip.AddrPort) []netip.Addr
}

// examine finds out all it can with these servers, of which the first that shows most is asked on.
func examine(ctx context.Context, n network, servers []netip.AddrPort) (r Report, err error) {
	l, err := n.open(ctx)
	if err != nil {
		return r, err
	}
	defer l.Close()
	began := time.Now()
	replies := make([]reply, len(servers))
	took := make([]time.Duration, len(servers))
	var asking sync.WaitGroup
	for i, s := range servers {
		asking.Go(func() {
			replies[i], _ = l.ask(ctx, s, nothing)
			took[i] = time.Since(began)
		})
	}
	asking.Wait()
	best := -1
	for i, a := range replies {
		if a.seen.IsValid() && (best < 0 || a.other.IsValid() && !replies[best].other.IsValid()) {
			best = i
		}
	}
	if best < 0 {
		return r, ctx.Err()
	}
	r = Report{Server: servers[best], Local: l.local(servers[best]), Seen: replies[best].seen, Took: took[best]}
	var group sync.WaitGroup
	group.Go(func() { r.Mapping = mapping(ctx, l, servers, replies, best) })
	group.Go(func() { r.Filtering = filtering(ctx, n, r.Server, replies[best].other) })
	group.Go(func() { r.Carrier = carrier(r.Local.Addr(), n.hops(ctx, servers[best])) })
	group.Wait()
	return r, ctx.Err()
}

// mapping compares what is seen at several addresses (RFC 5780, 4.3).
func mapping(ctx context.Context, l line, servers []netip.AddrPort, replies []reply, best int) Dependence {
	first, other := replies[best], replies[best].other
	if other.IsValid() {
		second, err := l.ask(ctx, netip.AddrPortFrom(other.Addr(), servers[best].Port()), nothing)
		if err == nil && second.seen == first.seen {
			return Independent
		}
		if err == nil {
			third, err := l.ask(ctx, other, nothing)
			if err == nil && third.seen == second.seen {
				return OnAddress
			}
			return OnAddressAndPort // also when the third answer is lost: either is a symmetric NAT
		}
	}
	told := Unknown
	for i, a := range replies {
		if i == best || !a.seen.IsValid() {
			continue
		}
		if a.seen != first.seen {
			return OnAddressAndPort // or on the address alone: it makes no difference to peers
		}
		if servers[i].Addr() != servers[best].Addr() {
			told = Independent
		}
	}
	return told
}

// filtering has a server answer from elsewhere (RFC 5780, 4.4). It takes a socket that has sent nothing there.
func filtering(ctx context.Context, n network, server, other netip.AddrPort) Dependence {
	if !other.IsValid() {
		return Unknown
	}
	l, err := n.open(ctx)
	if err != nil {
		return Unknown
	}
	defer l.Close()
	if _, err := l.ask(ctx, server, nothing); err != nil {
		return Unknown
	}
	var byBoth, byPort error
	var asking sync.WaitGroup
	asking.Go(func() { _, byBoth = l.ask(ctx, server, both) })
	asking.Go(func() { _, byPort = l.ask(ctx, server, port) })
	asking.Wait()
	switch {
	case ctx.Err() != nil:
		return Unknown
	case byBoth == nil:
		return Independent
	case byPort == nil && errors.Is(byBoth, errSilent):
		return OnAddress
	case errors.Is(byPort, errSilent) && errors.Is(byBoth, errSilent):
		return OnAddressAndPort
	}
	return Unknown // the server refuses
}

// carrier returns the first router that has an address of the space that carriers share.
func carrier(local netip.Addr, hops []netip.Addr) netip.Addr {
	if sharedSpace.Contains(local) {
		return local // this machine is the carrier's customer itself
	}
	for _, h := range hops {
		if sharedSpace.Contains(h) {
			return h
		}
	}
	return netip.Addr{}
}
