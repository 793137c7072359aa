//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Forget has the home's routers, the carrier's too, lose all that they know of flows, as they do when they are switched
// off and on.
func (h *Home) Forget() error {
	var errs []error
	for _, r := range []*Host{h.Router, h.Carrier} {
		if r != nil {
			errs = append(errs, r.forget())
		}
	}
	return errors.Join(errs...)
}

// Move gives the home another public address, 11.0.0.n, as providers do every night. n from 128 on is nobody else's.
func (h *Home) Move(n byte) error {
	r := h.Router
	if h.Carrier != nil {
		r = h.Carrier
	}
	if r == nil {
		return fmt.Errorf("lab: %s has no router to move", h.name)
	}
	now := netip.AddrFrom4([4]byte{11, 0, 0, n})
	// Without the address its flows are forgotten: masquerading sees to that.
	if err := r.IP(append([]string{fmt.Sprintf("addr del %s/32 dev %s", h.Outside, outer)}, public(now, outer)...)...); err != nil {
		return err
	}
	h.Outside = now
	return h.Forget()
}

// Renumber gives the home's computer another address behind the router: the one that ends with n.
func (h *Home) Renumber(n byte) error {
	before := h.Inside
	b := before.As4()
	b[3] = n
	h.Inside = netip.AddrFrom4(b)
	b[3] = 1
	return h.Host.IP("addr del "+before.String()+"/24 dev eth0", "addr add "+h.Inside.String()+"/24 dev eth0",
		"route replace default via "+netip.AddrFrom4(b).String())
}

// Unplug takes the home's router off the Internet, and Plug puts it back.
func (h *Home) Unplug() error { return h.Router.IP("link set " + outer + " down") }

// Plug undoes Unplug.
func (h *Home) Plug() error {
	lines := []string{"link set " + outer + " up"}
	if h.Carrier != nil {
		lines = append(lines, "route replace default via 100.64.0.1")
	} else {
		lines = append(lines, public(h.Outside, outer)[1:]...)
	}
	return h.Router.IP(lines...)
}

// Arrives tells whether a datagram of somebody whom the home has never spoken to reaches a socket at home through an
// outside address: it opens the socket on the home's computer, at its port inside, and sends from the server. An IPv6
// address outside is the computer's own.
func (h *Home) Arrives(inside uint16, outside netip.AddrPort, within time.Duration) (bool, error) {
	in, out := -1, -1
	defer func() { _ = unix.Close(in); _ = unix.Close(out) }()
	is6 := outside.Addr().Is6()
	if err := h.Host.In(func() (err error) { in, err = datagramSocket(is6, inside); return err }); err != nil {
		return false, err
	}
	if err := h.lab.Server.In(func() (err error) { out, err = datagramSocket(is6, 0); return err }); err != nil {
		return false, err
	}
	b := make([]byte, 100)
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := unix.Sendto(out, []byte("from a stranger"), 0, sockaddr(outside)); err != nil {
			return false, fmt.Errorf("lab: send to %s: %w", outside, err)
		}
		if n, _, err := unix.Recvfrom(in, b, 0); err == nil && n > 0 {
			return true, nil
		}
	}
	return false, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

// datagramSocket opens a socket that never blocks.
func datagramSocket(is6 bool, port uint16) (int, error) {
	family, local := unix.AF_INET, netip.IPv4Unspecified()
	if is6 {
		family, local = unix.AF_INET6, netip.IPv6Unspecified()
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(local, port)))
	}
	if err != nil {
		return -1, fmt.Errorf("lab: open UDP port %d: %w", port, err)
	}
	return fd, nil
}
