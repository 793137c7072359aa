package nat

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	maxHosts     = 16                     // addresses of this machine that are offered
	hostInterval = 10 * time.Second       // how often the interfaces are read: a new address is known well within 30 s
	hostSettle   = 200 * time.Millisecond // a new address comes with routes, and often with addresses of the other family
	hostGap      = 5 * time.Second        // between two changes that count: a network that comes and goes has nobody asked all the time
)

// localAddr is an address of an interface of this machine.
type localAddr struct {
	Interface net.Interface
	Prefix    netip.Prefix // the address itself, with the length of its network
}

// localAddrs lists the addresses of the interfaces that are up, in the machine's order. An interface that cannot be read
// is passed over: one that just went away must not hide the others.
func localAddrs(only []string) ([]localAddr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var list []localAddr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || len(only) > 0 && !slices.Contains(only, i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, localAddr{i, netip.PrefixFrom(p.Addr().Unmap(), p.Bits())})
			}
		}
	}
	return list, nil
}

// hostFindings chooses the addresses that another machine could use: not link-local ones, which mean nothing elsewhere,
// and loopback only when there is nothing else, so that a machine without a network still serves itself.
func hostFindings(list []localAddr, bind netip.Addr, port uint16) []Finding {
	var found, loop []Finding
	for _, l := range list {
		a := l.Prefix.Addr()
		if bind.IsValid() && !bind.IsUnspecified() && a != bind.Unmap() || bind.IsValid() && bind.Is4() && !a.Is4() {
			continue
		}
		f := Finding{netip.AddrPortFrom(a, port), Host, plain(l.Interface.Name)}
		switch {
		case a.IsLoopback():
			loop = append(loop, f)
		case a.IsGlobalUnicast():
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		found = loop
	}
	return found[:min(len(found), maxHosts)]
}

func (t *Traversal) readHosts() ([]Finding, error) {
	list, err := localAddrs(t.cfg.Interfaces)
	return hostFindings(list, t.cfg.Bind, t.cfg.Port), err
}

// readHostsOnce puts the machine's addresses on the board and reports whether they changed. A failed reading changes
// nothing: addresses do not go away because the kernel was too busy to list them.
func (t *Traversal) readHostsOnce() bool {
	found, err := t.hosts()
	if err != nil {
		t.cfg.Logger.Debug().Err(err).Msg("read own addresses")
		return false
	}
	moved, news := t.board.put(sourceHosts, found, hostWords(found))
	if news {
		t.cfg.Logger.Debug().Msg(hostWords(found))
	}
	return moved
}

// watchHosts follows the machine's own addresses and its routers. When those of a family change, what its gateway said no
// longer counts, nor what the servers said, so they are asked again at once. Where the system tells of changes nobody
// waits for the ticks.
func (t *Traversal) watchHosts(ctx context.Context, stun, mapping, pinhole chan<- struct{}) {
	told, end, err := t.system()
	if err == nil {
		defer end()
	} else {
		t.cfg.Logger.Debug().Err(err).Msgf("changes of the network are noticed within %v", hostInterval)
	}
	tick := time.NewTicker(hostInterval)
	defer tick.Stop()
	var moved time.Time
	for before := t.surroundings(); ; {
		select {
		case <-ctx.Done():
			return
		case <-told:
			if !pause(ctx, max(hostSettle, time.Until(moved.Add(hostGap)))) {
				return
			}
		case <-tick.C:
		}
		t.readHostsOnce()
		now := t.surroundings()
		four, six := !slices.Equal(now.four, before.four), !slices.Equal(now.six, before.six)
		if !four && !six {
			continue
		}
		before, moved = now, time.Now()
		rouse(stun)
		if four {
			rouse(mapping)
		}
		if six {
			rouse(pinhole)
		}
	}
}

// rouse puts a value into a channel that has room for one, unless there is one.
func rouse(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// surroundings are the machine's own addresses and its routers, by family.
type surroundings struct{ four, six []netip.Addr }

func (t *Traversal) surroundings() (s surroundings) {
	add := func(a netip.Addr) {
		if a.Is4() {
			s.four = append(s.four, a)
		} else {
			s.six = append(s.six, a)
		}
	}
	for _, f := range t.board.of(sourceHosts) {
		add(f.Addr.Addr())
	}
	for _, r := range t.routers() {
		add(r)
	}
	return s
}

// pause waits; false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// readRouters lists the routers to the world.
func (t *Traversal) readRouters() []netip.Addr {
	return append(defaultGateways(t.cfg.Interfaces), defaultGateways6(t.cfg.Interfaces)...)
}

func hostWords(found []Finding) string {
	if len(found) == 0 {
		return "This machine has no network address: check its cable or wireless connection."
	}
	var list []string
	for _, f := range found {
		list = append(list, fmt.Sprintf("%s (%s)", f.Addr, f.By))
	}
	return "In the home: " + strings.Join(list, ", ") + "."
}
