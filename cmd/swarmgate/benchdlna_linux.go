package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inNamespace carries the command out in a process of its own, whose network is loopback
// alone; false where that takes more rights than there are.
func (b *benchDLNA) inNamespace(ctx context.Context, c console) (done bool, err error) {
	if os.Geteuid() != 0 {
		b.Inside = "measured on this machine's own network; run it as root to have one for it"
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return true, err
	}
	args := []string{
		"bench", "dlna", "--inside", ownNetwork, "--items", fmt.Sprint(b.Items), "--film", fmt.Sprint(int64(b.Film)), "--reads", fmt.Sprint(b.Reads),
	}
	if b.Dir != "" {
		args = append(args, "--dir", b.Dir)
	}
	if b.Alone {
		args = append(args, "--alone")
	}
	if b.JSON {
		args = append(args, "--json")
	}
	child := exec.CommandContext(ctx, self, args...)
	child.Stdout, child.Stderr = c.out, c.err
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 5 * time.Second
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	if err := child.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) {
			b.Inside = "measured on this machine's own network, as this system gives no other"
			return false, nil
		}
		return true, err
	}
	if err := child.Wait(); err != nil {
		return true, fmt.Errorf("measure in a network namespace: %w", err)
	}
	return true, nil
}

// seldom is how many bytes have to be there before a player that is woken seldom is: a quarter of a second of a film
// of 8 Mbit/s.
const seldom = 256 << 10

// wakeSeldom is a control function of a dialer.
func wakeSeldom(_, _ string, conn syscall.RawConn) error {
	var err error
	if e := conn.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, seldom) }); e != nil {
		return e
	}
	return err
}

// raiseLoopback lets multicast flow on loopback of a network namespace of our own.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("raise loopback: %w", err)
	}
	return nil
}

// rest writes the large files of a folder to the disk, and has the system forget their pages: a
// film that was fetched lies there in pages as small as its chunks, one that is read again in
// larger ones.
func rest(folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || info.Size() < restSize {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// restSize is from which size on a file is taken for a film, in bytes.
const restSize = 1 << 20
