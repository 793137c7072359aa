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

// Ear is a socket that has never sent anything: what arrives there, strangers can send. Make it by Listen.
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
// they forward a port, and do not, are shown so, and those behind which another one lies. It takes servers that know
// RESPONSE-PORT (RFC 5780, 7.5), as this project's do, and 5 s at most.
func (e *Ear) Hears(ctx context.Context, outside uint16, servers ...string) Arrival {
	servers = servers[:min(len(servers), maxServers)]
	results := make([]error, len(servers))
	ctx, enough := context.WithCancel(ctx) // the first that arrives will do
	defer enough()
	var asking sync.WaitGroup
	for i, name := range servers {
		asking.Go(func() {
			var at netip.AddrPort
			if at, results[i] = find(ctx, e.network, name); results[i] != nil {
				return
			}
			if results[i] = knock(ctx, e.network, at, e.line, outside); results[i] == nil {
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
