package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// returnProgram takes the pages of the program that lie in memory out of this process. Nearly
// all of them are for the start alone, and the system can then use their place as it likes; the
// few that are needed again come back one by one, mostly without the disk. A process without
// /proc keeps them.
func returnProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer file.Close()
	var start, end uintptr
	var mine, changed bool
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 2 && !strings.HasSuffix(fields[0], ":"):
			n, _ := fmt.Sscanf(fields[0], "%x-%x", &start, &end)
			readOnly := fields[1] == "r-xp" || fields[1] == "r--p"
			mine, changed = n == 2 && readOnly && fields[len(fields)-1] == self, false
		case !mine || len(fields) < 2:
		case fields[0] == "Anonymous:" || fields[0] == "Swap:":
			// A loader wrote here before it made the pages read-only: the file has something else.
			changed = changed || fields[1] != "0"
		case fields[0] == "VmFlags:" && !changed: // the last line of a mapping
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED)
		}
	}
}
