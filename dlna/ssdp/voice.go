package ssdp

import (
	"net/netip"

	dmsssdp "github.com/anacrolix/dms/ssdp"
	"github.com/swarmgate/swarmgate/dlna/lan"
)

// group is a multicast group to which devices announce themselves.
type group struct {
	to   netip.AddrPort
	host string // the HOST header
	six  bool
}

// The groups of UDA 1.1, 1.1.2 and A.2.1. In the second only hosts of the same link hear us,
// in the third those of the site.
var (
	groupIPv4 = group{to: netip.MustParseAddrPort(dmsssdp.AddrString), host: dmsssdp.AddrString}
	groupLink = group{to: netip.MustParseAddrPort("[ff02::c]:1900"), host: "[FF02::C]:1900", six: true}
	groupSite = group{to: netip.MustParseAddrPort("[ff05::c]:1900"), host: "[FF05::C]:1900", six: true}
)

// voice is a group to which an interface speaks, and the own address that it tells there.
type voice struct {
	group *group
	own   netip.Addr
}

// voices returns what is said where on an interface that has addresses of one family. To a
// link-local group goes a link-local address, to the wider one an address of the wider scope
// (UDA 1.1, A.2.2).
func voices(i lan.Interface) []voice {
	var list []voice
	for _, v := range []voice{{&groupIPv4, i.Primary()}, {&groupLink, i.LinkLocal()}, {&groupSite, i.Wide()}} {
		if v.own.IsValid() {
			list = append(list, v)
		}
	}
	return list
}

// still tells whether all that the voices announce is yet true of the interface, so that who
// plays from one of the addresses hears of no change.
func still(said []voice, now lan.Interface) bool {
	for _, v := range said {
		if !now.Has(v.own) {
			return false
		}
	}
	return len(said) == len(voices(now))
}
