package nat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

const (
	mappingLease = 3600 // seconds; a machine that crashes leaves nothing behind for longer
	mappingCheck = 30 * time.Second
	mappingRetry = 10 * time.Second // until the next search for a gateway; doubled up to mappingRetryMax
	// mappingRetryMax bounds how long a gateway that comes late waits for us.
	mappingRetryMax = 5 * time.Minute
	minRenewal      = 2 * time.Second // however short a lease a gateway grants
	removalTime     = 2 * time.Second // that the end of the program may be delayed by a gateway
	maxPortTries    = 8               // external ports that are tried when the wanted ones are taken
	firstRandomPort = 20000           // external ports other than our own are drawn from here on,
	randomPorts     = 30000           // from as many
)

// gateway is what keeps port mappings. Errors of its methods that are refusals carry a code (see codeOf).
type gateway interface {
	name() string    // for people
	own() netip.Addr // the address of this machine, as the gateway sees it
	externalIP(ctx context.Context) (netip.Addr, error)
	add(ctx context.Context, external, internal uint16, lease uint32) error
	lookup(ctx context.Context, external uint16) (netip.AddrPort, error)
	remove(ctx context.Context, external uint16) error
}

// mapping is a port of a gateway that is forwarded to us.
type mapping struct {
	gw       gateway
	external uint16
	internal netip.AddrPort
	lease    uint32 // seconds, 0 = for ever
}

// wish is what gateways are asked for: a port of an IPv4 router, or a hole in an IPv6 firewall.
type wish struct {
	source  source
	notes   string // begins the names of files that remember it
	search  func(ctx context.Context) ([]gateway, error)
	worth   func(m *mapping, addr netip.Addr) (found []Finding, words string)
	problem func(err error) string
}

// portWish is a port of the router, for IPv4.
func (t *Traversal) portWish() wish {
	return wish{sourceMapping, "mapping", func(ctx context.Context) ([]gateway, error) { return t.discover(ctx) }, mappingWorth, mappingProblem}
}

// keep finds a gateway, has it do what is wished, and begins anew when that is lost, until ctx ends.
func (t *Traversal) keep(ctx context.Context, w wish, wake <-chan struct{}) {
	retry := mappingRetry
	for {
		m, err := t.findMapping(ctx, w)
		if err == nil {
			if err = t.hold(ctx, w, m, wake); !errors.Is(err, errDeadMapping) { // one that is dead at once is not made again and again
				retry = mappingRetry
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			continue // held, and to be made anew
		}
		if words := w.problem(err); t.tell(w.source, nil, words) {
			t.cfg.Logger.Info().Msg(words)
		}
		t.cfg.Logger.Debug().Err(err).Dur("retry", retry).Msg("port " + w.notes)
		timer := time.NewTimer(retry)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-wake:
			timer.Stop()
			retry = mappingRetry
		case <-timer.C:
			retry = min(2*retry, mappingRetryMax)
		}
	}
}

// tell puts what was found on the board; news are words that people have not read yet.
func (t *Traversal) tell(s source, found []Finding, words string) (news bool) {
	moved, news := t.board.put(s, found, words)
	if moved && s == sourceMapping {
		t.Recheck() // what the gateway says is believed where it is seen from outside
	}
	return news && words != ""
}

// findMapping has the first gateway that agrees do what is wished.
func (t *Traversal) findMapping(ctx context.Context, w wish) (*mapping, error) {
	gateways, err := w.search(ctx)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, gw := range gateways {
		t.tidy(ctx, w, gw)
		m, err := t.obtain(ctx, w, gw)
		if err == nil {
			t.note(w, m)
			return m, nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", gw.name(), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(problems...)
}

var errPortsTaken = errors.New("all ports that were tried are taken by others")

// obtain maps our own port number if it is free, otherwise another one.
func (t *Traversal) obtain(ctx context.Context, w wish, gw gateway) (*mapping, error) {
	m := &mapping{gw, t.cfg.Port, netip.AddrPortFrom(gw.own(), t.cfg.Port), mappingLease}
	for range maxPortTries {
		t.note(w, m)
		err := m.make(ctx)
		switch code := codeOf(err); {
		case err == nil:
			return m, nil
		case code == codeConflict || code == codeOtherMechanisms:
			m.external = firstRandomPort + uint16(t.random(randomPorts))
		case code == 0:
			m.withdraw(ctx) // no answer: it may have been made nonetheless
			return nil, err
		default:
			t.forget(w)
			return nil, err
		}
	}
	t.forget(w)
	return nil, errPortsTaken
}

// make asks for the mapping with a lease, and without one only if the gateway has none. Gateways that would overwrite
// another machine's mapping are not given the chance.
func (m *mapping) make(ctx context.Context) error {
	if owner, err := m.gw.lookup(ctx, m.external); err == nil && owner != m.internal {
		return &refusal{"map a port", codeConflict, "it is forwarded to " + owner.String()}
	}
	err := m.gw.add(ctx, m.external, m.internal.Port(), m.lease)
	if codeOf(err) == codeOnlyPermanent && m.lease != 0 {
		m.lease = 0
		err = m.gw.add(ctx, m.external, m.internal.Port(), m.lease)
	}
	return err
}

// withdraw removes the mapping unless another machine has it by now. It takes removalTime at most and works when ctx has
// ended already: that is when it is needed.
func (m *mapping) withdraw(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	if owner, err := m.gw.lookup(ctx, m.external); err == nil && owner != m.internal || codeOf(err) == codeNoSuchEntry {
		return
	}
	_ = m.gw.remove(ctx, m.external) // nothing is left to do: the lease ends it
}

// hold watches over a mapping until it has to be made anew (nil), the gateway is lost (an error), or ctx ends; in all but
// the second case it removes the mapping.
func (t *Traversal) hold(ctx context.Context, w wish, m *mapping, wake <-chan struct{}) error {
	renewal := time.Now().Add(m.half())
	tick := time.NewTicker(min(mappingCheck, m.half()))
	defer tick.Stop()
	var looked time.Time
	var reread <-chan struct{}
	if w.source == sourceMapping {
		reread = t.reread
	}
	for {
		addr, err := m.gw.externalIP(ctx)
		if err != nil && codeOf(err) == 0 && ctx.Err() == nil {
			return fmt.Errorf("%s: %w", m.gw.name(), err)
		}
		outside := netip.AddrPortFrom(addr, m.external)
		_, proven := t.crossings.get()
		look := !proven || time.Since(looked) >= crossingInterval
		if look {
			looked = time.Now()
		}
		if look && proven && t.dead(ctx, outside) {
			m.withdraw(ctx)
			t.forget(w)
			return fmt.Errorf("%s: %w", m.gw.name(), errDeadMapping)
		}
		if ctx.Err() == nil {
			if found, words := w.worth(m, addr); t.tell(w.source, found, words) {
				t.cfg.Logger.Info().Msg(words)
			}
		}
		if !proven {
			t.dead(ctx, outside) // shows whether they arrive now
		}
		select {
		case <-ctx.Done():
			m.withdraw(ctx)
			t.forget(w)
			return nil
		case <-wake:
			m.withdraw(ctx)
			t.forget(w)
			return nil
		case <-reread:
			continue
		case <-tick.C:
		}
		owner, err := m.gw.lookup(ctx, m.external)
		switch {
		case err == nil && owner != m.internal:
			return nil // another machine took it
		case codeOf(err) == codeNoSuchEntry, m.lease != 0 && !time.Now().Before(renewal):
			if err := m.make(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: renew: %w", m.gw.name(), err)
			}
			renewal = time.Now().Add(m.half())
		}
	}
}

// half is when the mapping is to be renewed, from the time when it was made.
func (m *mapping) half() time.Duration {
	lease := mappingLease * time.Second
	if g, ok := m.gw.(interface{ granted() time.Duration }); ok && g.granted() > 0 {
		lease = min(lease, g.granted())
	}
	return max(lease/2, minRenewal)
}

// mappingWorth tells what a mapping is worth.
func mappingWorth(m *mapping, addr netip.Addr) (found []Finding, words string) {
	words = fmt.Sprintf("The %s forwards %s to us.", m.gw.name(), netip.AddrPortFrom(addr, m.external))
	switch {
	case !addr.IsValid():
		words = fmt.Sprintf("The %s forwards its port %d to us but does not tell its address: it may have no connection to the Internet.",
			m.gw.name(), m.external)
	case !public(addr):
		words = fmt.Sprintf("The %s forwards its port %d to us, but its own address %s is not public: another router lies "+
			"in front of it, so strangers do not reach that port. Ask the provider for a public address.", m.gw.name(), m.external, addr)
	default:
		found = []Finding{{netip.AddrPortFrom(addr, m.external), Mapped, m.gw.name()}}
	}
	return found, words
}

// mappingProblem says why there is no mapping and what can be done.
func mappingProblem(err error) string {
	switch code := codeOf(err); {
	case errors.Is(err, errNoGateway):
		return "No port mapping: no UPnP gateway answered. Switch on UPnP in the router to let peers connect to this home."
	case errors.Is(err, errDeadMapping):
		return "The router lists our port mapping, but strangers' datagrams do not arrive any more; it is asked again. Restart it if this stays (" + reason(err) + ")."
	case code == codeNotAuthorized:
		return "No port mapping: the router refuses it. Allow UPnP for this machine in the router (" + reason(err) + ")."
	case code == codeSamePort:
		return "No port mapping: the router forwards a port only to the same one, and ours is taken. " +
			"Choose another port in the settings (" + reason(err) + ")."
	case code == codeFailed:
		return "No port mapping: the router could not make it, as happens when it has no public address itself (" + reason(err) + ")."
	case code == codeNoRoom:
		return "No port mapping: the router's table is full. Restart it or remove old mappings (" + reason(err) + ")."
	}
	return "No port mapping: " + reason(err) + "."
}

// sharedSpace is the network between carriers' NATs and their customers (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// public holds for addresses that strangers on the Internet can send to. Documentation networks count: laboratories use
// them.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !sharedSpace.Contains(a)
}
