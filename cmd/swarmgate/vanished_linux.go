package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// vanishedAfter is for how long a client may take nothing before its connection ends and what it
// watched is given back. The system ends that of a screen that has only paused as well: so it is as
// long as a film may be paused.
const vanishedAfter = 10 * time.Minute

// giveUpOnVanished sets TCP_USER_TIMEOUT (tcp(7), RFC 5482), which connections inherit. Where the
// system has it not, the limits of the handlers hold alone.
func giveUpOnVanished(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanishedAfter/time.Millisecond))
	})
}
