package behaviour

import (
	"context"
	"errors"
	"net/netip"
	"sync"
)

// Arrival says what became of a stranger's datagram.
type Arrival int

// What may become of it.
const (
	Untold  Arrival = iota // no server could send one
	Arrived                // strangers get through
	Lost                   // it was sent, and did not arrive
)

// Ear is a socket that has sent nothing: what arrives there, strangers can send. Make it by Listen.
type Ear struct {
	network network
	line    line
	port    uint16
}

// Listen opens one; network is udp4 or udp6.
func Listen(ctx context.Context, network string) (*Ear, error) {
	i := internet{network}
	l, err := i.open(ctx)
	if err != nil {
		return nil, err
	}
	return &Ear{i, l, l.(*socket).port()}, nil
}

// Port is its UDP port.
func (e *Ear) Port() uint16 { return e.port }

// Close ends it.
func (e *Ear) Close() error { return e.line.Close() }

// Hears has STUN servers send to a port of our address outside, and tells whether that arrives. Routers that say that
// they forward a port, and do not, are shown so, and those behind which another one lies. Servers that know RESPONSE-PORT
// (RFC 5780, 7.5), as this project's do, show both; those with two addresses only that it arrives. It may be called once,
// and takes 8 s at most.
func (e *Ear) Hears(ctx context.Context, outside uint16, servers ...string) Arrival {
	servers = servers[:min(len(servers), maxServers)]
	found := make([]netip.AddrPort, len(servers))
	told := e.any(ctx, len(servers), func(ctx context.Context, i int) (err error) {
		if found[i], err = find(ctx, e.network, servers[i]); err != nil {
			return err
		}
		return knock(ctx, e.network, found[i], e.line, outside)
	})
	if told != Untold {
		return told
	}
	// From here on it is no stranger to the servers, but to their other addresses.
	return e.any(ctx, len(servers), func(ctx context.Context, i int) error { return cross(ctx, found[i], e.line, outside) })
}

// any tries all servers at once. The first that arrives will do.
func (e *Ear) any(ctx context.Context, n int, try func(ctx context.Context, i int) error) Arrival {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	results := make([]error, n)
	var asking sync.WaitGroup
	for i := range results {
		asking.Go(func() {
			if results[i] = try(ctx, i); results[i] == nil {
				enough()
			}
		})
	}
	asking.Wait()
	told := Untold
	for _, err := range results {
		switch {
		case err == nil:
			return Arrived
		case errors.Is(err, errSilent):
			told = Lost
		}
	}
	return told
}

// cross has a server answer from its other address, if it sees the line at the port outside (as package nat does to notice
// dead mappings). That nothing comes from there shows nothing: the address may be away.
func cross(ctx context.Context, server netip.AddrPort, l line, outside uint16) error {
	if !server.IsValid() {
		return errNotAsked
	}
	c := contact{server: server}
	if c.reply, c.err = l.ask(ctx, question{to: server}); c.err != nil {
		return errNotAsked
	}
	if c.other = usable(c.other, server); c.own || !c.second() || c.seen.Port() != outside {
		return errNotAsked
	}
	if _, err := l.ask(ctx, question{to: server, from: c.other, change: both}); err != nil {
		return errNotAsked
	}
	return nil
}
