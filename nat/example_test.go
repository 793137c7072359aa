package nat_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/nat"
)

// The owner of a socket lends it: a function that sends, and the datagrams that look like STUN.
func Example() {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	own := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	traversal, err := nat.New(nat.Config{
		Port:     own.Port(),
		Bind:     own.Addr(),
		Disabled: true, // in a home, the gateway is asked
		Send: func(b []byte, to netip.AddrPort) error {
			_, err := socket.WriteToUDPAddrPort(b, to)
			return err
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() { _ = traversal.Run(ctx) })
	wg.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if nat.IsSTUN(b[:n]) {
				traversal.HandleSTUN(b[:n], from)
			}
		}
	})

	<-traversal.Changed()
	for _, f := range traversal.Findings() {
		fmt.Println(f.Type, f.Addr.Addr(), f.Addr.Port() == own.Port())
	}
	stop()
	socket.Close()
	wg.Wait()
	// Output: host 127.0.0.1 true
}
