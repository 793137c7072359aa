package nat

import (
	"context"
	"errors"
	"net/netip"
)

// Trial is what came of asking the network's gateways once for a port. It is what the gateway says: whether strangers do
// arrive only strangers can show.
type Trial struct {
	Gateway string         // which of them forwards a port to us, as people would name it
	Mapped  netip.AddrPort // where; the address is invalid when the gateway does not tell its own
	Public  bool           // Mapped is an address of the Internet
}

// Try asks the network's gateways for a mapping of cfg.Port, as a Traversal does, and takes it back after meanwhile, which
// may be nil. The error says in a sentence why there is none, and what can be done. It takes searchTime and the time that
// gateways take to answer; ctx bounds both, and never what takes the mapping back.
func Try(ctx context.Context, cfg Config, meanwhile func(Trial)) (Trial, error) {
	return try(ctx, cfg, (*Traversal).portWish, meanwhile)
}

// TryPinhole does the same with a hole in the IPv6 firewall of a router.
func TryPinhole(ctx context.Context, cfg Config, meanwhile func(Trial)) (Trial, error) {
	return try(ctx, cfg, (*Traversal).pinholeWish, meanwhile)
}

func try(ctx context.Context, cfg Config, wished func(*Traversal) wish, meanwhile func(Trial)) (Trial, error) {
	t, err := New(cfg)
	if err != nil {
		return Trial{}, err
	}
	w := wished(t)
	m, err := t.findMapping(ctx, w)
	if err != nil {
		return Trial{}, errors.New(w.problem(err))
	}
	defer m.withdraw(ctx)
	addr, _ := m.gw.externalIP(ctx) // some do not tell
	at := netip.AddrPortFrom(addr, m.external)
	found, _ := w.worth(m, addr)
	if len(found) > 0 {
		at = found[0].Addr
	}
	out := Trial{m.gw.name(), at, len(found) > 0}
	if meanwhile != nil {
		meanwhile(out)
	}
	return out, nil
}
