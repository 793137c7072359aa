package lan

import (
	"encoding/binary"
	"slices"
	"strings"
	"syscall"
)

// Attributes of a link (rtnetlink(7)), which package syscall does not name.
const (
	linkInfo     = 18 // IFLA_LINKINFO
	linkInfoKind = 1  // IFLA_INFO_KIND
	nestedFlag   = 0x8000
)

// tunnelKinds are what the kernel calls interfaces that lead elsewhere, whatever their names.
var tunnelKinds = []string{"tun", "wireguard", "vxlan", "geneve", "gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ipip", "ip6tnl", "sit", "vti", "vti6", "xfrm", "ppp", "amneziawg", "ovpn"}

// tunnels returns the indexes of the interfaces that are tunnels; none if the kernel doesn't
// tell, where names and flags decide alone.
func tunnels() map[int]bool {
	table, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return nil
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return nil
	}
	found := make(map[int]bool)
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWLINK || len(m.Data) < syscall.SizeofIfInfomsg {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			continue
		}
		for _, a := range attributes {
			if a.Attr.Type&^nestedFlag == linkInfo && isTunnel(kind(a.Value)) {
				found[int(int32(binary.NativeEndian.Uint32(m.Data[4:8])))] = true
			}
		}
	}
	return found
}

func isTunnel(kind string) bool { return slices.Contains(tunnelKinds, kind) }

// kind reads the attribute IFLA_INFO_KIND out of IFLA_LINKINFO, empty if it is not there.
func kind(info []byte) string {
	for len(info) >= syscall.SizeofRtAttr {
		length, name := int(binary.NativeEndian.Uint16(info[0:2])), binary.NativeEndian.Uint16(info[2:4])
		if length < syscall.SizeofRtAttr || length > len(info) {
			return ""
		}
		if name&^nestedFlag == linkInfoKind {
			return strings.TrimRight(string(info[syscall.SizeofRtAttr:length]), "\x00")
		}
		info = info[min((length+3)&^3, len(info)):]
	}
	return ""
}
