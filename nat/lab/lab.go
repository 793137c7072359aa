//go:build linux

// Package lab builds small Internets to try NAT traversal in, for tests: homes behind every kind of NAT, carriers, a
// server with two addresses, slow and lossy lines, routers with miniupnpd, and what goes wrong with them.
//
//	a 192.168.11.11 ── router ── 11.0.0.11 ═══ WAN ═══ server 11.0.0.2 and .3
//	b 192.168.12.11 ── router ── 100.64.0.12 ── carrier ── 11.0.0.12 ═╝
//
// Hosts are network namespaces without names, held by this process: two laboratories never meet, and nothing stays
// behind, however the process ends. It needs the programs ip, nft and nsenter; conntrack, miniupnpd and turnserver where
// they are asked for. Without root see Enter. The addresses belong to somebody, which matters to nobody inside: miniupnpd
// takes the ranges for documentation for no Internet.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/nat/stunserver"
)

// The server's addresses.
const (
	ServerAddr  = "11.0.0.2"
	SecondAddr  = "11.0.0.3"
	ServerAddr6 = "2d00:10::2"
)

// MaxHomes is how many homes there are at most in a laboratory.
const MaxHomes = 64

// Lab is an Internet with a few homes. Make it by New and end it by Close.
type Lab struct {
	WAN    *Host // all that is between the homes
	Server *Host // for tracker and STUN server; behind no NAT
	Homes  []*Home

	dir    string // of the daemons' files
	closes []func() error
}

// New builds a laboratory with these homes. What it could not build it has taken down again.
func New(specs ...Spec) (*Lab, error) {
	if len(specs) > MaxHomes {
		return nil, fmt.Errorf("lab: %d homes, at most %d fit", len(specs), MaxHomes)
	}
	l := &Lab{}
	if err := l.build(specs); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) build(specs []Spec) (err error) {
	if l.dir, err = folder(); err != nil {
		return err
	}
	l.closes = append(l.closes, func() error { return os.RemoveAll(l.dir) })
	if l.WAN, err = l.host("wan"); err != nil {
		return err
	}
	if err := l.WAN.bridge("br0", "11.0.0.1/24", "2d00:10::1/64"); err != nil {
		return err
	}
	for _, path := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		if err := l.WAN.Set(path, "1"); err != nil {
			return err
		}
	}
	for _, nic := range []string{"all", "br0"} { // nobody is told of a shorter way: on the Internet there is none
		if err := l.WAN.Set("net/ipv4/conf/"+nic+"/send_redirects", "0"); err != nil {
			return err
		}
	}
	if l.Server, err = l.host("server"); err != nil {
		return err
	}
	if err := l.plug(l.Server, "eth0", l.WAN, "br0", "server", Path{}); err != nil {
		return err
	}
	if err := l.Server.IP(append(public(netip.MustParseAddr(ServerAddr), "eth0"), "addr add "+SecondAddr+"/32 dev eth0",
		"addr add "+ServerAddr6+"/64 dev eth0", "route add default via 2d00:10::1")...); err != nil {
		return err
	}
	for i, s := range specs {
		h, err := l.home(i, s)
		if err != nil {
			return err
		}
		l.Homes = append(l.Homes, h)
	}
	return nil
}

// host makes a host that ends with the laboratory.
func (l *Lab) host(name string) (*Host, error) {
	h, err := newHost(name)
	if err == nil {
		l.closes = append(l.closes, h.close)
	}
	return h, err
}

// public gives an interface an address of the Internet. All others are behind the next router, as they are in earnest: who
// was on one network with them would ask for their hardware's address first, which costs a round trip.
func public(a netip.Addr, nic string) []string {
	return []string{fmt.Sprintf("addr add %s/32 dev %s", a, nic), "route replace 11.0.0.1 dev " + nic, "route replace default via 11.0.0.1"}
}

// bridge makes a switch with addresses of the host on it.
func (h *Host) bridge(name string, prefixes ...string) error {
	// Snooping without a querier would drop the multicast of SSDP.
	lines := []string{"link add " + name + " type bridge mcast_snooping 0 forward_delay 0", "link set " + name + " up"}
	for _, p := range prefixes {
		lines = append(lines, "addr add "+p+" dev "+name)
	}
	return h.IP(lines...)
}

// plug lays a cable from a new interface of a host to a bridge of another; without a bridge its end there is a plain
// interface.
func (l *Lab) plug(from *Host, nic string, to *Host, bridge, port string, p Path) error {
	if p == (Path{}) {
		if err := from.IP("link add " + nic + " type veth peer name " + port + " netns " + to.Path()); err != nil {
			return err
		}
	} else {
		r, err := newRelay(from, nic, to, port, p, uint64(len(l.closes)), l.file("tun"))
		if err != nil {
			return err
		}
		l.closes = append(l.closes, r.close)
	}
	master := ""
	if bridge != "" {
		master = " master " + bridge
	}
	if err := to.IP("link set " + port + master + " up"); err != nil {
		return err
	}
	return from.IP("link set " + nic + " up")
}

// Close takes the laboratory down. Programs that others started on its hosts are theirs to end.
func (l *Lab) Close() error {
	var errs []error
	for _, h := range l.Homes {
		h.StopGateway()
	}
	for i := len(l.closes) - 1; i >= 0; i-- {
		errs = append(errs, l.closes[i]())
	}
	l.closes = nil
	return errors.Join(errs...)
}

// ServeSTUN starts the project's own STUN server on an address of the server, such as "11.0.0.3:3478", or on two of them;
// it ends with the laboratory.
func (l *Lab) ServeSTUN(hostport string, second ...string) error {
	for _, a := range append(second, hostport) {
		if _, err := netip.ParseAddrPort(a); err != nil { // a name would be looked up by another thread, elsewhere
			return fmt.Errorf("lab: %w", err)
		}
	}
	var server *stunserver.Server
	if err := l.Server.In(func() (err error) {
		server, err = stunserver.Listen(hostport, second...)
		return err
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var failed error
	group.Go(func() { failed = server.Run(ctx) })
	l.closes = append(l.closes, func() error {
		cancel()
		group.Wait()
		return failed
	})
	return nil
}

// daemonTime is how long a daemon has until it listens.
const daemonTime = 30 * time.Second

// ServeCoturn starts coturn on both addresses of the server, port 3478 and 3479: a STUN server that does RFC 5780. It
// ends with the laboratory.
func (l *Lab) ServeCoturn() error {
	d, err := l.Server.start(l.file("coturn.log"), "turnserver", "-n", "--stun-only", "-L", ServerAddr, "-L", SecondAddr, "-p", "3478",
		"--alt-listening-port", "3479", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--simple-log",
		"--pidfile", l.file("coturn.pid"), "--userdb", l.file("coturn.db"), "-m", "1")
	if err != nil {
		return err
	}
	l.closes = append(l.closes, func() error { d.stop(); return nil })
	return l.Server.listens(d, SecondAddr+":3479")
}

func (l *Lab) file(name string) string { return l.dir + "/" + name }
