//go:build unix && !solaris && !aix

package state

import (
	"errors"
	"os"
	"syscall"
)

// release closes the file behind bbolt's back. Its memory map, which nobody can undo then,
// would keep the lock.
func release(file *os.File) error {
	return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
}

// syncFolder makes the names in dir durable, where the file system can do that.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
