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

// watchHosts follows the machine's own addresses and its routers. When they change, what the gateway and the servers
// said no longer counts, so both are asked again at once. Where the system tells of changes nobody waits for the ticks.
func (t *Traversal) watchHosts(ctx context.Context, wake ...chan<- struct{}) {
	told, end, err := t.system()
	if err == nil {
		defer end()
	} else {
		t.cfg.Logger.Debug().Err(err).Msgf("changes of the network are noticed within %v", hostInterval)
	}
	tick := time.NewTicker(hostInterval)
	defer tick.Stop()
	for routers := t.routers(); ; {
		select {
		case <-ctx.Done():
			return
		case <-told:
			if !settle(ctx) {
				return
			}
		case <-tick.C:
		}
		now := t.routers()
		if moved := t.readHostsOnce(); !moved && slices.Equal(now, routers) {
			continue
		}
		routers = now
		for _, w := range wake {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}
}

// settle waits until what comes with a change has come, too; false when ctx has ended.
func settle(ctx context.Context) bool {
	timer := time.NewTimer(hostSettle)
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
