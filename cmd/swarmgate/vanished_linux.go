package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// vanishedAfter is for how long a client acknowledges nothing before its connection ends and
// what it watched is given back. One that has only paused acknowledges that it has no room.
const vanishedAfter = 30 * time.Second

// giveUpOnVanished sets TCP_USER_TIMEOUT (tcp(7), RFC 5482), which connections inherit. Where the
// system has it not, the limits of the handlers hold alone.
func giveUpOnVanished(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanishedAfter/time.Millisecond))
	})
}
