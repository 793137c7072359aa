package behaviour

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	farthest = 5 // routers on the way: the carrier's NAT is among the first
	hopTime  = 700 * time.Millisecond
)

// hops sends datagrams that die on the way, and collects which routers say so. That takes no privileges (ip(7),
// IP_RECVERR).
func (internet) hops(ctx context.Context, to netip.AddrPort) (found []netip.Addr) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(option, value int) {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, option, value) })
	}
	set(unix.IP_RECVERR, 1)
	for ttl := 1; ttl <= farthest; ttl++ {
		set(unix.IP_TTL, ttl)
		if _, err := conn.Write([]byte{0}); err != nil { // what became of the one before
			_, _ = conn.Write([]byte{0})
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(hopTime))
	data, control := make([]byte, 64), make([]byte, 512)
	for range 4 * farthest {
		var n int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			_, n, _, _, failed = unix.Recvmsg(int(fd), data, control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			return !errors.Is(failed, syscall.EAGAIN)
		})
		if err != nil {
			break // the time is over
		}
		if a := offender(control[:max(n, 0)]); failed == nil && a.IsValid() && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	return found
}

// offender reads who reported that a datagram died: struct sock_extended_err and what follows it.
func offender(control []byte) netip.Addr {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return netip.Addr{}
	}
	for _, m := range messages {
		const extended, origin = 16, 4
		if m.Header.Level != unix.IPPROTO_IP || m.Header.Type != unix.IP_RECVERR || len(m.Data) < extended+8 || m.Data[origin] != unix.SO_EE_ORIGIN_ICMP {
			continue
		}
		return netip.AddrFrom4([4]byte(m.Data[extended+4 : extended+8])) // of a struct sockaddr_in
	}
	return netip.Addr{}
}
