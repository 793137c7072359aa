package nat

import (
	"context"
	"errors"
	"net/netip"
)

// Trial is what came of asking the network's gateways once for a port.
type Trial struct {
	Gateway string         // which of them forwards a port to us, as people would name it
	Mapped  netip.AddrPort // where; the address is invalid when the gateway does not tell its own
	Public  bool           // strangers on the Internet can send to Mapped
}

// Try asks the network's gateways for a mapping of cfg.Port, as a Traversal does, and takes it back. The error says in a
// sentence why there is none, and what can be done. It takes searchTime and the time that gateways take to answer; ctx
// bounds both, and never what takes the mapping back.
func Try(ctx context.Context, cfg Config) (Trial, error) {
	t, err := New(cfg)
	if err != nil {
		return Trial{}, err
	}
	m, err := t.findMapping(ctx, t.portWish())
	if err != nil {
		return Trial{}, errors.New(mappingProblem(err))
	}
	defer m.withdraw(ctx)
	addr, _ := m.gw.externalIP(ctx) // some do not tell
	return Trial{m.gw.name(), netip.AddrPortFrom(addr, m.external), addr.IsValid() && public(addr)}, nil
}
