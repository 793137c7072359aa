package nat

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// Groups of messages about the network (rtnetlink(7)), which package syscall does not name.
const (
	groupAddress4 = 0x10
	groupRoute4   = 0x40
	groupAddress6 = 0x100
	groupRoute6   = 0x400
)

// followSystem has the kernel tell of the machine's addresses and default routes: the channel has a value after one
// changed, or was confirmed. The caller has to end it, which waits for its goroutine.
func followSystem() (changed <-chan struct{}, end func(), err error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	groups := uint32(groupAddress4 | groupRoute4 | groupAddress6 | groupRoute6)
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: groups}); err != nil {
		_ = syscall.Close(fd) // nothing was asked of it
		return nil, nil, fmt.Errorf("listen to the kernel's routes: %w", err)
	}
	socket, c := os.NewFile(uintptr(fd), "netlink"), make(chan struct{}, 1)
	var reading sync.WaitGroup
	reading.Go(func() { readMoves(socket, c) })
	return c, func() {
		_ = socket.Close() // ends the reading
		reading.Wait()
	}, nil
}

// readMoves reads the kernel's messages until they end.
func readMoves(socket io.Reader, changed chan<- struct{}) {
	for buf := make([]byte, 32<<10); ; {
		n, err := socket.Read(buf)
		// Where the kernel has more to tell than there is room for, something has changed surely.
		lost := errors.Is(err, syscall.ENOBUFS)
		if err != nil && !lost {
			return
		}
		if !lost && !aboutHosts(buf[:n]) {
			continue
		}
		select {
		case changed <- struct{}{}:
		default: // one is pending
		}
	}
}

// aboutHosts tells whether one of the kernel's messages is of an address or of a default route. Other routes come and
// go, as those of each neighbour of IPv6, and mean nothing here.
func aboutHosts(b []byte) bool {
	list, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false
	}
	for _, m := range list {
		switch m.Header.Type {
		case syscall.RTM_NEWADDR, syscall.RTM_DELADDR:
			return true
		case syscall.RTM_NEWROUTE, syscall.RTM_DELROUTE:
			if len(m.Data) >= syscall.SizeofRtMsg && m.Data[1] == 0 { // the length of the destination's prefix
				return true
			}
		}
	}
	return false
}
