//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Packet is a UDP datagram over IPv4 as it passes a host's interfaces.
type Packet struct {
	At       time.Time
	From, To netip.AddrPort
	Payload  []byte // what was caught of it; valid during the call
}

// Watch calls see for each UDP datagram over IPv4 that passes the host, from one goroutine, until stop is called, which
// waits for the last call.
func (h *Host) Watch(see func(Packet)) (stop func(), err error) {
	var file *os.File
	err = h.In(func() error {
		everything := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, everything)
		if err != nil {
			return fmt.Errorf("lab: watch %s: %w", h.Name, err)
		}
		file = os.NewFile(uintptr(fd), "packets")
		return nil
	})
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, maxFrame)
		for {
			n, err := file.Read(b)
			if err != nil {
				return
			}
			if p, ok := parse(b[:n]); ok {
				see(p)
			}
		}
	}()
	return func() {
		_ = file.Close()
		<-done
	}, nil
}

const protocolUDP = 17

// parse reads an IPv4 packet with UDP in it.
func parse(b []byte) (Packet, bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != protocolUDP {
		return Packet{}, false
	}
	header := int(b[0]&15) * 4
	if len(b) < header+8 {
		return Packet{}, false
	}
	udp := b[header:]
	return Packet{
		At:      time.Now(),
		From:    netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), binary.BigEndian.Uint16(udp)),
		To:      netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), binary.BigEndian.Uint16(udp[2:])),
		Payload: udp[8:],
	}, true
}
