package nat

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"sync"
	"time"
)

func noGateway(context.Context) ([]gateway, error) { return nil, errNoGateway }

// entry is a row of a gateway's table of UDP mappings.
type entry struct {
	to      netip.AddrPort
	expires time.Time // zero = never
	about   string
}

// table is a gateway's memory. Its owner may refuse or delay what is asked; counters tell what was.
type table struct {
	mu       sync.Mutex
	external string // the gateway's own address
	rows     map[uint16]entry
	asked    map[string]int // by action
	leases   []uint32       // in the order in which they were asked for
	refuse   func(action string, port uint16, lease uint32) int
	mute     bool // swallows questions, like a gateway that is switched off
}

func newTable() *table {
	return &table{external: "203.0.113.11", rows: make(map[uint16]entry), asked: make(map[string]int)}
}

// take counts a question and says whether it is refused.
func (t *table) take(action string, port uint16, lease uint32) (code int, mute bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked[action]++
	if action == "AddPortMapping" {
		t.leases = append(t.leases, lease)
	}
	if t.refuse != nil {
		code = t.refuse(action, port, lease)
	}
	return code, t.mute
}

func (t *table) set(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func (t *table) row(port uint16) (entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.rows[port]
	if ok && !e.expires.IsZero() && !time.Now().Before(e.expires) {
		delete(t.rows, port)
		return entry{}, false
	}
	return e, ok
}

func (t *table) put(port uint16, e entry, lease uint32) {
	if lease != 0 {
		e.expires = time.Now().Add(time.Duration(lease) * time.Second)
	}
	t.set(func() { t.rows[port] = e })
}

func (t *table) count(action string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked[action]
}

func (t *table) ports() map[uint16]entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows)
}

// simGateway is a gateway in memory, for virtual time.
type simGateway struct {
	*table
	self netip.Addr
}

func newSimGateway() *simGateway {
	return &simGateway{newTable(), netip.MustParseAddr("192.168.11.11")}
}

func (g *simGateway) found(context.Context) ([]gateway, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mute {
		return nil, errNoGateway
	}
	return []gateway{g}, nil
}

func (g *simGateway) name() string    { return "gateway 192.168.11.1 (lab)" }
func (g *simGateway) own() netip.Addr { return g.self }

// answer waits for ever when the gateway is mute, as long as the caller does.
func (g *simGateway) answer(ctx context.Context, action string, port uint16, lease uint32) error {
	code, mute := g.take(action, port, lease)
	if mute {
		ctx, cancel := context.WithTimeout(ctx, httpTimeout)
		defer cancel()
		<-ctx.Done()
		return errors.New("gateway is silent")
	}
	if code != 0 {
		return &refusal{action, code, "refused by test"}
	}
	return ctx.Err()
}

func (g *simGateway) externalIP(ctx context.Context) (netip.Addr, error) {
	if err := g.answer(ctx, "GetExternalIPAddress", 0, 0); err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(g.external)
	if err != nil {
		return netip.Addr{}, nil
	}
	return a, nil
}

func (g *simGateway) add(ctx context.Context, external, internal uint16, lease uint32) error {
	if err := g.answer(ctx, "AddPortMapping", external, lease); err != nil {
		return err
	}
	g.put(external, entry{to: netip.AddrPortFrom(g.self, internal)}, lease)
	return nil
}

func (g *simGateway) lookup(ctx context.Context, external uint16) (netip.AddrPort, error) {
	if err := g.answer(ctx, "GetSpecificPortMappingEntry", external, 0); err != nil {
		return netip.AddrPort{}, err
	}
	e, ok := g.row(external)
	if !ok {
		return netip.AddrPort{}, &refusal{"look up", codeNoSuchEntry, ""}
	}
	return e.to, nil
}

func (g *simGateway) remove(ctx context.Context, external uint16) error {
	if err := g.answer(ctx, "DeletePortMapping", external, 0); err != nil {
		return err
	}
	g.set(func() { delete(g.rows, external) })
	return nil
}
