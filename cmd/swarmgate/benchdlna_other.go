//go:build !linux

package main

import (
	"context"
	"syscall"
)

// inNamespace has no namespaces here.
func (b *benchDLNA) inNamespace(context.Context, console) (done bool, err error) {
	b.Inside = "measured on this machine's own network, as this system has no other"
	return false, nil
}

// raiseLoopback is for namespaces alone.
func raiseLoopback() error { return nil }

// rest is for systems that forget pages when they are told.
func rest(string) error { return nil }

// wakeSeldom has no effect here.
func wakeSeldom(string, string, syscall.RawConn) error { return nil }
