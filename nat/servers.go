package nat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	stunPort      = 3478
	stunRefresh   = 20 * time.Second // keeps the NAT's state (Linux drops it after 30 s) and notices a new address in time
	stunRetry     = 15 * time.Second // after a failure; doubled up to stunRetryMax
	stunRetryMax  = 5 * time.Minute
	recheckGap    = time.Second // between two times that Recheck is obeyed
	lookupTimeout = 5 * time.Second
	maxName       = 255 // characters of a server's name
)

// serverName checks a server's form and completes it to host:port.
func serverName(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.Trim(s, "[]"), strconv.Itoa(stunPort)
		if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
			return "", fmt.Errorf("STUN server %q: write it as HOST or HOST:PORT", s)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("STUN server %q: port %q is not a number from 1 to 65535", s, port)
	}
	if host == "" || len(host) > maxName || strings.ContainsAny(host, " /?#@\t\r\n") {
		return "", fmt.Errorf("STUN server %q: %q is not a host name or address; write it as HOST or HOST:PORT", s, host)
	}
	return net.JoinHostPort(host, port), nil
}

// server is a STUN server to ask.
type server struct {
	name  string // HOST:PORT
	named bool   // by somebody outside
}

// sighting is what one server said last.
type sighting struct {
	server string
	seen   netip.AddrPort // zero when it did not answer
	err    error
}

// sightings gathers the words of all servers, in the order in which they were added.
type sightings struct {
	mu   sync.Mutex
	list []sighting
}

// put takes down what a server said and tells all; it does so under the lock, so that the last word stays.
func (s *sightings) put(v sighting, tell func([]sighting)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(o sighting) bool { return o.server == v.server })
	if i < 0 {
		s.list = append(s.list, v)
	} else {
		s.list[i] = v
	}
	tell(s.list)
}

// askServers starts one questioner per server and ends with the last of them.
func (t *Traversal) askServers(ctx context.Context, wake <-chan struct{}) {
	var wg sync.WaitGroup
	defer wg.Wait()
	var all sightings
	var wakes []chan struct{}
	ask := func() {
		for _, w := range wakes {
			rouse(w)
		}
	}
	var rechecked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-t.added:
			w := make(chan struct{}, 1)
			wakes = append(wakes, w)
			wg.Go(func() { t.askServer(ctx, s, &all, w) })
		case <-wake:
			ask()
		case <-t.recheck:
			if time.Since(rechecked) >= recheckGap {
				rechecked = time.Now()
				ask()
			}
		}
	}
}

// askServer asks one server again and again: often while it answers, less and less often while it does not.
func (t *Traversal) askServer(ctx context.Context, s server, all *sightings, wake <-chan struct{}) {
	retry := stunRetry
	for attempt := 0; ; attempt++ {
		seen, err := t.askOnce(ctx, s, attempt)
		if ctx.Err() != nil || errors.Is(err, errInside) {
			return
		}
		all.put(sighting{s.name, seen, err}, t.sighted)
		wait := stunRefresh
		if err != nil {
			t.cfg.Logger.Debug().Err(err).Str("server", s.name).Msg("STUN")
			wait, retry = retry, min(2*retry, stunRetryMax)
		} else {
			retry, attempt = stunRetry, attempt-1 // stays with the address that answered
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-wake:
			timer.Stop()
			retry = stunRetry
		case <-timer.C:
		}
	}
}

func (t *Traversal) askOnce(ctx context.Context, s server, attempt int) (netip.AddrPort, error) {
	addrs, err := lookup(ctx, s.name)
	if err == nil && s.named {
		addrs, err = outside(s.name, addrs)
	}
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := addrs[attempt%len(addrs)]
	a, err := t.stun.ask(ctx, t.cfg.Send, at, netip.AddrPort{})
	if err == nil && a.other.IsValid() && a.other.Addr() != at.Addr() { // another port alone is no stranger
		t.crossings.put(crossing{at, a.other, a.seen})
	}
	return a.seen, err
}

// errInside means that a name stands for addresses of the home alone.
var errInside = errors.New("its name stands for an address of a home network")

// outside leaves out addresses of the home that a name stands for. An address that stands there as such is what it is.
func outside(name string, addrs []netip.AddrPort) ([]netip.AddrPort, error) {
	if _, err := netip.ParseAddrPort(name); err == nil {
		return addrs, nil
	}
	addrs = slices.DeleteFunc(addrs, func(a netip.AddrPort) bool { return !public(a.Addr()) })
	if len(addrs) == 0 {
		return nil, errInside
	}
	return addrs, nil
}

// lookup resolves host:port to addresses, IPv4 first: behind it lie the NATs.
func lookup(ctx context.Context, name string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(name); err == nil {
		return []netip.AddrPort{unmap(a)}, nil
	}
	host, portText, err := net.SplitHostPort(name)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("its name cannot be resolved: %w", err)
	}
	var v4, v6 []netip.AddrPort
	for _, ip := range ips {
		if a := unmap(netip.AddrPortFrom(ip, uint16(port))); a.Addr().Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	addrs := append(v4, v6...)
	if len(addrs) == 0 {
		return nil, errors.New("its name has no address")
	}
	return addrs, nil
}

// sighted puts what the servers say on the board. It does not keep the list.
func (t *Traversal) sighted(list []sighting) {
	var found []Finding
	for _, s := range list {
		if s.seen.IsValid() && !slices.ContainsFunc(found, func(f Finding) bool { return f.Addr == s.seen }) {
			found = append(found, Finding{s.seen, Reflexive, plain("STUN " + s.server)})
		}
	}
	moved, news := t.board.put(sourceSTUN, found, stunWords(list))
	if moved {
		rouse(t.reread) // the gateway may have another address, too
	}
	if news {
		t.cfg.Logger.Info().Msg(stunWords(list))
	}
}

// stunWords says what the servers saw, and what that means for peers.
func stunWords(list []sighting) string {
	var v4, v6 []netip.AddrPort
	var silent []string
	for _, s := range list {
		switch a := s.seen.Addr(); {
		case s.err != nil:
			silent = append(silent, fmt.Sprintf("STUN server %s: %s", plain(s.server), reason(s.err)))
		case a.Is4():
			v4 = append(v4, s.seen)
		default:
			v6 = append(v6, s.seen)
		}
	}
	// A server inside the home sees the inside address, which says nothing about the router.
	outside := slices.DeleteFunc(slices.Clone(v4), func(a netip.AddrPort) bool { return !public(a.Addr()) })
	seen := slices.Concat(outside, v6)
	if len(seen) == 0 {
		seen = v4
	}
	var words []string
	distinct := slices.Compact(slices.SortedFunc(slices.Values(outside), netip.AddrPort.Compare))
	switch {
	case len(distinct) > 1:
		words = append(words, fmt.Sprintf("The router shows another port to each server (%s and %s): "+
			"peers reach this home only through a port mapping or IPv6; switch on UPnP in the router.", distinct[0], distinct[1]))
	case len(outside) > 1:
		words = append(words, fmt.Sprintf("Seen from outside as %s, the same by %d servers, which lets peers in once we have called them.", seen[0], len(outside)))
	case len(seen) > 0:
		words = append(words, fmt.Sprintf("Seen from outside as %s.", seen[0]))
	}
	if len(silent) == len(list) && len(list) > 0 {
		words = append(words, "No STUN server answered: the Internet is away, or a firewall blocks UDP ("+strings.Join(silent, "; ")+").")
	} else if len(silent) > 0 {
		words = append(words, strings.Join(silent, "; ")+".")
	}
	return strings.Join(words, " ")
}
