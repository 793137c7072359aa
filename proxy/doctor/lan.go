package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

// group is where TVs and media servers look for each other (SSDP: UPnP Device Architecture 2.0, 1.1).
var group = &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 1900}

const (
	heard    = time.Second // until our own words have come back
	maxHeard = 256         // words of others meanwhile
)

// lan looks whether this machine hears multicast on the home's networks, by which TVs find it.
func lan(ctx context.Context, only []string) Check {
	all, err := net.Interfaces()
	if err != nil {
		return unwell("lan", oneLine(err), "The networks of this machine can't be listed.", "Run this on the machine itself, not in a sandbox.")
	}
	all = slices.DeleteFunc(all, func(i net.Interface) bool {
		return len(only) > 0 && !slices.Contains(only, i.Name) || !speaks(i)
	})
	results := make([]error, len(all))
	var listening sync.WaitGroup
	for n, i := range all {
		listening.Go(func() { results[n] = hears(ctx, i) })
	}
	listening.Wait()
	var hearing, deaf, taken []string
	for n, i := range all {
		switch err := results[n]; {
		case err == nil:
			hearing = append(hearing, i.Name)
		case errors.Is(err, syscall.EADDRINUSE):
			taken = append(taken, i.Name)
		default:
			deaf = append(deaf, i.Name)
		}
	}
	switch {
	case len(taken) > 0:
		return unwell("lan", "UDP port 1900 is taken", "Another program keeps the port by which TVs find the gateway for itself.", "End that program (ss -lup shows it), or have it share the port.")
	case len(deaf) > 0:
		return unwell("lan", strings.Join(deaf, ", ")+" is deaf", "TVs there don't find the gateway: multicast to UDP port 1900 does not pass.",
			"Allow UDP to 239.255.255.250 port 1900 in this machine's firewall; a container needs the host's network.")
	case len(hearing) == 0:
		return unwell("lan", "no network", "No network of this machine can do multicast: TVs don't find the gateway.", "Connect it to the home's network; name networks in dlna.interfaces that exist.")
	}
	return well("lan", strings.Join(hearing, ", "), "TVs can find the gateway: multicast to UDP port 1900 passes.", "")
}

// speaks tells whether a network can do multicast over IPv4.
func speaks(i net.Interface) bool {
	return i.Flags&net.FlagUp != 0 && i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 && hasIPv4(i)
}

func hasIPv4(i net.Interface) bool {
	addresses, _ := i.Addrs()
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.To4() != nil
	})
}

// hears searches the network for what nobody has, and waits to hear that search. A gateway that runs shares the port.
func hears(ctx context.Context, i net.Interface) error {
	conn, err := net.ListenMulticastUDP("udp4", &i, group)
	if err != nil {
		return err
	}
	defer conn.Close()
	p := ipv4.NewPacketConn(conn)
	if err := errors.Join(p.SetMulticastInterface(&i), p.SetMulticastLoopback(true), p.SetMulticastTTL(1)); err != nil {
		return err
	}
	word := fmt.Appendf(nil, "M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: uuid:swarmgate-doctor-%s\r\n\r\n", group, rand.Text())
	if _, err := conn.WriteTo(word, group); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(heard))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	b := make([]byte, 2*len(word))
	for range maxHeard {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			return err
		}
		if bytes.Equal(b[:n], word) {
			return nil
		}
	}
	return errors.New("only others are heard")
}
