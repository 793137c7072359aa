package behaviour

import (
	"context"
	"errors"
	"fmt"
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

// question is a Binding request.
type question struct {
	to     netip.AddrPort
	from   netip.AddrPort // from where the answer is to come; invalid for to
	change change
	own    bool // change is port, and the server knows it as stunserver.AttrOtherPort

	// responsePort is to which of our ports the answer is to be sent, and at who listens there (RESPONSE-PORT: RFC 5780,
	// 7.5); 0 and nil for the line that asks.
	responsePort uint16
	at           line
}

// source is from where the answer has to come.
func (q question) source() netip.AddrPort {
	if q.from.IsValid() {
		return q.from
	}
	return q.to
}

// reply is what a server says.
type reply struct {
	seen  netip.AddrPort
	other netip.AddrPort // where else the server listens, invalid if it does not tell (OTHER-ADDRESS: RFC 5780, 7.4)
	own   bool           // other is the same address with another port, told as stunserver.AttrOtherPort
}

// Why there is no reply.
var (
	errSilent    = errors.New("no answer")
	errElsewhere = errors.New("it answers from another address than it was asked to, or at another one")
	errRefused   = errors.New("it refuses")
)

// line is a socket. Several questions may be asked at once.
type line interface {
	ask(ctx context.Context, q question) (reply, error)
	local(to netip.AddrPort) netip.AddrPort // from where a datagram to an address leaves
	Close() error
}

// network is what lies around this machine.
type network interface {
	resolve(ctx context.Context, hostport string) (netip.AddrPort, error)
	open(ctx context.Context) (line, error)
	// hops returns routers on the way to an address, as far as they tell.
	hops(ctx context.Context, to netip.AddrPort) []netip.Addr
}

// contact is a server, and its answer to the first question.
type contact struct {
	reply
	server netip.AddrPort
	took   time.Duration
	err    error
}

// second tells whether the server has a second address, and not only a second port.
func (c contact) second() bool { return c.other.IsValid() && c.other.Addr() != c.server.Addr() }

// shows says how much can be learned of the server.
func (c contact) shows() int {
	switch {
	case c.err != nil:
		return 0
	case c.second():
		return 3
	case c.other.IsValid():
		return 2
	}
	return 1
}

// lookupTime is how long the name of a server may take to be resolved.
const lookupTime = 2 * time.Second

// meet asks all servers at once; each as soon as its name is resolved.
func meet(ctx context.Context, n network, l line, servers []string) []contact {
	began := time.Now()
	met := make([]contact, len(servers))
	var asking sync.WaitGroup
	for i, name := range servers {
		asking.Go(func() {
			c := &met[i]
			if c.server, c.err = find(ctx, n, name); c.err == nil {
				c.reply, c.err = l.ask(ctx, question{to: c.server})
				if c.own {
					c.other = netip.AddrPortFrom(c.server.Addr(), c.other.Port())
				}
				c.other, c.took = usable(c.other, c.server), time.Since(began)
			}
			if c.err != nil {
				c.err = fmt.Errorf("STUN server %s: %w", name, c.err)
			}
		})
	}
	asking.Wait()
	return met
}

func find(ctx context.Context, n network, name string) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	return n.resolve(ctx, name)
}

// examine finds out all it can with these servers, of which the first that shows most is asked on.
func examine(ctx context.Context, n network, servers []string) (r Report, err error) {
	l, err := n.open(ctx)
	if err != nil {
		return r, err
	}
	defer l.Close()
	met := meet(ctx, n, l, servers)
	best := met[0]
	silent := false
	for _, c := range met {
		if c.shows() > best.shows() {
			best = c
		}
		silent = silent || errors.Is(c.err, errSilent)
	}
	switch {
	case best.err == nil:
	case ctx.Err() != nil:
		return r, ctx.Err()
	case silent:
		return r, nil
	default: // none could be asked
		return r, best.err
	}
	r = Report{Server: best.server, Local: l.local(best.server), Seen: best.seen, Took: best.took}
	lives := false // the server's second address
	var group sync.WaitGroup
	group.Go(func() { r.Mapping, lives = mapping(ctx, l, best, met) })
	group.Go(func() { r.Filtering = filtering(ctx, n, r.Local.Addr() == r.Seen.Addr(), best, met) })
	group.Go(func() { r.Carrier = carrier(r.Local.Addr(), n.hops(ctx, best.server)) })
	group.Wait()
	if r.Filtering == OnAddress && best.second() && !lives { // no wonder that nothing came from there
		r.Filtering = NotOnPort
	}
	return r, nil
}

// mapping compares what is seen at several addresses (RFC 5780, 4.3). It also tells whether the server's second address
// answers.
func mapping(ctx context.Context, l line, best contact, met []contact) (told Dependence, lives bool) {
	if best.second() {
		second, err := l.ask(ctx, question{to: netip.AddrPortFrom(best.other.Addr(), best.server.Port())})
		if err == nil && second.seen == best.seen {
			return Independent, true
		}
		if err == nil {
			third, err := l.ask(ctx, question{to: best.other})
			if err == nil && third.seen == second.seen {
				return OnAddress, true
			}
			return OnAddressAndPort, true // also when the third answer is lost: either is a symmetric NAT
		}
	}
	for _, c := range met {
		switch {
		case c.err != nil || c.server == best.server:
		case c.seen != best.seen:
			return OnAddressAndPort, false // or on the address alone: it makes no difference to peers
		case c.server.Addr() != best.server.Addr():
			told = Independent
		default:
			if told == Unknown {
				told = NotOnPort
			}
		}
	}
	if told == Unknown && best.other.IsValid() && !best.second() {
		again, err := l.ask(ctx, question{to: best.other})
		switch {
		case err != nil:
		case again.seen != best.seen:
			return OnAddressAndPort, false
		default:
			return NotOnPort, false
		}
	}
	return told, false
}

// errNotAsked means that there is nobody to ask.
var errNotAsked = errors.New("not asked")

// filtering has servers answer from elsewhere (RFC 5780, 4.4). It takes a socket that has sent nothing there.
func filtering(ctx context.Context, n network, noNAT bool, best contact, met []contact) Dependence {
	l, err := n.open(ctx)
	if err != nil {
		return Unknown
	}
	defer l.Close()
	own, err := l.ask(ctx, question{to: best.server})
	if err != nil {
		return Unknown
	}
	byBoth, byPort, byStranger := errNotAsked, errNotAsked, errNotAsked
	var asking sync.WaitGroup
	if best.second() {
		asking.Go(func() { _, byBoth = l.ask(ctx, question{to: best.server, from: best.other, change: both}) })
	}
	if best.other.IsValid() {
		asking.Go(func() {
			from := netip.AddrPortFrom(best.server.Addr(), best.other.Port())
			_, byPort = l.ask(ctx, question{to: best.server, from: from, change: port, own: best.own})
		})
	}
	if !best.second() {
		asking.Go(func() { byStranger = strange(ctx, n, noNAT, l, own.seen.Port(), best, met) })
	}
	asking.Wait()
	switch {
	case ctx.Err() != nil:
		return Unknown
	case byBoth == nil || byStranger == nil:
		return Independent
	case byPort == nil && (errors.Is(byBoth, errSilent) || errors.Is(byStranger, errSilent)):
		return OnAddress
	case byPort == nil:
		return NotOnPort
	case errors.Is(byPort, errSilent) && (errors.Is(byBoth, errSilent) || !best.second()):
		return OnAddressAndPort
	case errors.Is(byStranger, errSilent) && noNAT:
		return OnAddressAndPort
	}
	return Unknown // the server does not do what it is asked for
}

// strange has somebody send to us to whom we have sent nothing, without a server that has two addresses. Behind a NAT that
// takes a second server, and l, to whose port outside it sends; before none any socket that has sent nothing.
func strange(ctx context.Context, n network, noNAT bool, l line, outside uint16, best contact, met []contact) error {
	if noNAT {
		fresh, err := n.open(ctx)
		if err != nil {
			return err
		}
		defer fresh.Close()
		return knock(ctx, n, best.server, fresh, fresh.local(best.server).Port())
	}
	for _, c := range met {
		if c.err == nil && c.server.Addr() != best.server.Addr() {
			return knock(ctx, n, c.server, l, outside)
		}
	}
	return errNotAsked
}

// knock has a server send to a port outside, at which listens who has sent nothing to it. errSilent means that nothing
// arrives there although the server does send to ports that others ask for, which a socket shows that has spoken to it.
func knock(ctx context.Context, n network, server netip.AddrPort, at line, outside uint16) error {
	asker, err := n.open(ctx)
	if err != nil {
		return err
	}
	defer asker.Close()
	witness, err := n.open(ctx)
	if err != nil {
		return err
	}
	defer witness.Close()
	spoken, err := witness.ask(ctx, question{to: server})
	if err != nil { // also when it is silent: then nobody was sent
		return errNotAsked
	}
	var arrived, shown error
	var asking sync.WaitGroup
	asking.Go(func() { _, arrived = asker.ask(ctx, question{to: server, responsePort: outside, at: at}) })
	asking.Go(func() {
		_, shown = asker.ask(ctx, question{to: server, responsePort: spoken.seen.Port(), at: witness})
	})
	asking.Wait()
	switch {
	case arrived == nil:
		return nil
	case errors.Is(arrived, errSilent) && shown == nil:
		return errSilent
	}
	return errNotAsked
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
