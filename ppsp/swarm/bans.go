package swarm

import (
	"net/netip"
	"slices"
)

// bans are the addresses that sent what is not so, oldest first (RFC 7574, 12.7).
type bans struct{ list []ban }

type ban struct {
	addr  netip.AddrPort
	until int64
}

const (
	banFor  = 3600e9 // ns
	maxBans = 1000
)

func (b *bans) add(addr netip.AddrPort, now int64) {
	b.list = slices.DeleteFunc(b.list, func(e ban) bool { return e.addr == addr || e.until <= now })
	if len(b.list) >= maxBans {
		b.list = slices.Delete(b.list, 0, 1)
	}
	b.list = append(b.list, ban{addr, now + banFor})
}

func (b *bans) has(addr netip.AddrPort, now int64) bool {
	for i := range b.list {
		if b.list[i].addr == addr && b.list[i].until > now {
			return true
		}
	}
	return false
}
