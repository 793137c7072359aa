package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
)

// group is where TVs look for media servers (SSDP). What is sent here goes to a port of our own, on which nobody else
// listens.
var group = net.IPv4(239, 255, 255, 250)

// heard is how long our own words may take to come back.
const heard = time.Second

// lan looks whether this machine hears multicast on the home's networks, by which TVs find it.
func lan(ctx context.Context, only []string) Check {
	all, err := net.Interfaces()
	if err != nil {
		return Check{"lan", false, oneLine(err), "The networks of this machine can't be listed.", "Run this on the machine itself, not in a sandbox."}
	}
	var well, deaf []string
	for _, i := range all {
		able := i.Flags&net.FlagUp != 0 && i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 && hasIPv4(i)
		switch {
		case len(only) > 0 && !slices.Contains(only, i.Name):
		case !able:
		case hears(ctx, i):
			well = append(well, i.Name)
		default:
			deaf = append(deaf, i.Name)
		}
	}
	switch {
	case len(deaf) > 0:
		return Check{
			"lan", false, strings.Join(deaf, ", ") + " is deaf", "TVs there don't find the gateway: multicast does not pass.",
			"Allow UDP to 239.255.255.250 in this machine's firewall; a container needs the host's network.",
		}
	case len(well) == 0:
		return Check{"lan", false, "no network", "No network of this machine can do multicast: TVs don't find the gateway.", "Connect it to the home's network; name networks in dlna.interfaces that exist."}
	}
	return Check{"lan", true, strings.Join(well, ", "), "TVs can find the gateway: multicast passes.", ""}
}

func hasIPv4(i net.Interface) bool {
	addresses, _ := i.Addrs()
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.To4() != nil
	})
}

// hears sends to the group on a network, and waits to hear it.
func hears(ctx context.Context, i net.Interface) bool {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp4", ":0")
	if err != nil {
		return false
	}
	defer conn.Close()
	p := ipv4.NewPacketConn(conn)
	to := &net.UDPAddr{IP: group, Port: conn.LocalAddr().(*net.UDPAddr).Port}
	if p.JoinGroup(&i, to) != nil || p.SetMulticastInterface(&i) != nil || p.SetMulticastLoopback(true) != nil || p.SetMulticastTTL(1) != nil {
		return false
	}
	word := fmt.Sprintf("Swarmgate's doctor: %s", rand.Text())
	if _, err := conn.WriteTo([]byte(word), to); err != nil {
		return false
	}
	_ = conn.SetReadDeadline(time.Now().Add(heard))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	b := make([]byte, 256)
	for range 16 { // others may speak, too
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			return false
		}
		if string(b[:n]) == word {
			return true
		}
	}
	return false
}
