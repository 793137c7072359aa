//go:build !linux

package node

import "net"

// newSocket returns the best that the system has; helped allows the kernel's help with trains.
func newSocket(conn *net.UDPConn, _ bool, _ slots) (socket, error) { return plainSocket{conn}, nil }
