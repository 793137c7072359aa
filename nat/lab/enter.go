//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// entered is set in the environment of a process that Enter started.
const entered = "SWARMGATE_LAB_ENTERED"

// Enter makes laboratories possible without root: unless this process is root, it runs the program again, as root of a
// user namespace and a network of its own that has loopback alone, and returns the exit status to end with. done is false
// where there is nothing to do. Call it first thing in TestMain.
func Enter() (status int, done bool, err error) {
	if os.Getenv(entered) != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up", "multicast", "on").CombinedOutput(); err != nil {
			return 1, true, fmt.Errorf("lab: not root in the user namespace: %w: %s", err, out)
		}
		return 0, false, nil
	}
	if os.Geteuid() == 0 {
		return 0, false, nil
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), entered+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, // a thread can go back to a namespace of its own only
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), true, nil
	}
	if err != nil {
		return 1, true, fmt.Errorf("lab: network namespaces need root, or a kernel that lets users have their own (kernel.unprivileged_userns_clone, AppArmor): %w", err)
	}
	return 0, true, nil
}
