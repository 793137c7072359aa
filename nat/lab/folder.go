//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// folderName begins the names of folders for the daemons' files; the process that they belong to follows.
const folderName = "swarmgate-lab-"

// folder makes a folder for the daemons' files, which is all that a process that is killed leaves behind; it removes
// those of processes that are gone.
func folder() (string, error) {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), folderName+"*"))
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	for _, path := range old {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), folderName), "-")
		if pid, err := strconv.Atoi(owner); err == nil && pid > 0 && unix.Kill(pid, 0) == unix.ESRCH {
			_ = os.RemoveAll(path) // another one may have come first
		}
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folderName, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	return dir, nil
}
