package nat

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

// crossing is a STUN server that can answer from an address to which we have sent nothing (RFC 5780, 4.4): so it plays
// the stranger. A mapping through which such an answer has come, and comes no more, is dead, whatever the router lists.
type crossing struct {
	server, other, seen netip.AddrPort
}

// crossings remembers the last such server, and whether an answer has ever come from its other address.
type crossings struct {
	mu     sync.Mutex
	last   crossing
	proven bool
	deaths int // of mappings in a row, none of which was seen to work in between
}

func (c *crossings) put(now crossing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.server != c.last.server || now.other != c.last.other {
		c.proven, c.deaths = false, 0
	}
	c.last = now
}

func (c *crossings) get() (last crossing, proven bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last, c.proven
}

func (c *crossings) prove(of crossing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == of {
		c.proven, c.deaths = true, 0
	}
}

// maxDeaths is how often in a row a mapping is given up: after that it is rather the server that ceased to play the
// stranger, and no mapping would ever be good enough.
const maxDeaths = 5

// died notes that a mapping was found to be dead.
func (c *crossings) died() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaths++; c.deaths >= maxDeaths {
		c.proven = false
	}
}

// crossingInterval is how often a mapping that was seen to work is tried. It is longer than routers remember a flow that
// nobody has answered, through which the next answer would come, whatever became of the mapping.
const crossingInterval = 50 * time.Second

// crossingRounds is how often silence is tried again before it is believed: datagrams get lost.
const crossingRounds = 2

var errDeadMapping = errors.New("strangers' datagrams do not arrive through it any more")

// changeBoth asks for an answer from another address and port (RFC 5780, 7.2).
var changeBoth = stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, 6}}

// dead tells whether strangers' datagrams have stopped arriving at an address outside. It holds only where they were
// seen to arrive before, and while the server answers otherwise.
func (t *Traversal) dead(ctx context.Context, outside netip.AddrPort) bool {
	c, proven := t.crossings.get()
	if !c.other.IsValid() || c.seen != outside {
		return false
	}
	for range crossingRounds {
		_, err := t.stun.ask(ctx, t.cfg.Send, c.server, c.other)
		if err == nil {
			if t.crossings.prove(c); !proven {
				t.cfg.Logger.Debug().Stringer("address", outside).Msg("strangers' datagrams arrive")
			}
			return false
		}
		if !proven || !errors.Is(err, errNoAnswer) {
			return false
		}
		if a, err := t.stun.ask(ctx, t.cfg.Send, c.server, netip.AddrPort{}); err != nil || a.seen != outside {
			return false
		}
	}
	t.crossings.died()
	return true
}
