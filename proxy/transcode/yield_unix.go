//go:build unix

package transcode

import "golang.org/x/sys/unix"

// niceness leaves the machine to others first.
const niceness = 10

// yield has a process leave the machine to others first.
func yield(pid int) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, pid, niceness) // it would only be less polite
}
