//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// toolTime is what ip(8), nft(8) and their like have to end in; on a busy machine they take a while.
const toolTime = 20 * time.Second

// Host is a machine of a laboratory: a network namespace without a name. It lasts as long as this process keeps it open
// or something runs in it. Its methods may be called by any goroutine until Lab.Close.
type Host struct {
	// Name is what errors call it, such as "a" or "a's router".
	Name string

	space *os.File
}

// newHost makes a host that has loopback alone.
func newHost(name string) (*Host, error) {
	h := &Host{Name: name}
	err := apart(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w; run as root or allow user namespaces", err)
		}
		h.space, err = os.Open(ownSpace)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", name, err)
	}
	for _, path := range []string{"net/ipv6/conf/default/accept_dad", "net/ipv6/conf/all/accept_dad", "net/ipv6/conf/default/accept_ra"} {
		if err := h.Set(path, "0"); err != nil {
			return nil, err
		}
	}
	// Switches only switch: routers see what is routed.
	for _, path := range []string{"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"} {
		if err := h.Set(path, "0"); err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without that
			return nil, err
		}
	}
	return h, h.IP("link set lo up multicast on")
}

const ownSpace = "/proc/thread-self/ns/net"

// apart runs f on a thread that is nobody else's meanwhile: f may change the network namespace that the thread is in.
// The thread goes on to live, since what it has started would die with it (PR_SET_PDEATHSIG).
func apart(f func() error) error {
	runtime.LockOSThread()
	own, err := os.Open(ownSpace)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("lab: %w", err)
	}
	defer own.Close()
	err = f()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("lab: leave a host: %w", back)) // the thread stays locked: nobody may use it
	}
	runtime.UnlockOSThread()
	return err
}

// Path is where the host's namespace can be opened by this process and by those that it starts.
func (h *Host) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.space.Fd()) }

// In runs f on a thread that is on the host: the sockets that f opens are the host's, wherever they are used later. f
// must start no programs that outlast it, and no goroutine that opens sockets.
func (h *Host) In(f func() error) error {
	return apart(func() error {
		if err := unix.Setns(int(h.space.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("lab: enter %s: %w", h.Name, err)
		}
		return f()
	})
}

// Words puts before a command what makes it run on the host.
func (h *Host) Words(command ...string) []string {
	return append([]string{"nsenter", "--net=" + h.Path(), "--"}, command...)
}

// Run runs a tool on the host to its end and returns its standard output. What it wrote to standard error is in the
// error.
func (h *Host) Run(input string, command ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	words := h.Words(command...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	var complaint bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("lab: %s: %s: %w: %s", h.Name, strings.Join(command, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}

// IP runs lines of ip(8) on the host.
func (h *Host) IP(lines ...string) error {
	_, err := h.Run(strings.Join(lines, "\n")+"\n", "ip", "-batch", "-")
	return err
}

// Set sets a value below /proc/sys.
func (h *Host) Set(path, value string) error {
	return h.In(func() error {
		if err := os.WriteFile(filepath.Join("/proc/sys", path), []byte(value), 0); err != nil {
			return fmt.Errorf("lab: %s: %w", h.Name, err)
		}
		return nil
	})
}

func (h *Host) close() error { return h.space.Close() }

// daemon is a program that runs on a host until it is stopped. It ends with this process, however that ends.
type daemon struct {
	cmd    *exec.Cmd
	out    *os.File // what it wrote
	exited chan struct{}
}

// start starts a daemon; out is the file for what it writes.
func (h *Host) start(out string, command ...string) (*daemon, error) {
	file, err := os.Create(out)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	words := h.Words(command...)
	d := &daemon{cmd: exec.Command(words[0], words[1:]...), out: file, exited: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = file, file
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	go func() {
		_ = d.cmd.Wait()
		close(d.exited)
	}()
	return d, nil
}

// said is the end of what the daemon wrote.
func (d *daemon) said() string {
	b, err := os.ReadFile(d.out.Name())
	if err != nil {
		return err.Error()
	}
	const most = 2000
	return string(b[max(0, len(b)-most):])
}

// patience is how long a daemon has to end when it is asked to.
const patience = 2 * time.Second

// stop ends the daemon, by force where it does not listen.
func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-d.exited:
	case <-timer.C:
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
	_ = d.out.Close()
}
