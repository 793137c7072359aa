//go:build linux || darwin || freebsd

package doctor

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this user may write there.
func freeSpace(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return uint64(max(int64(s.Bavail), 0)) * uint64(s.Bsize), true
}
