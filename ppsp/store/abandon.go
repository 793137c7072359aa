package store

import (
	"errors"
	"os"
)

// Abandon is Close for a receiver that gives up. If it got not one chunk, nothing is left
// behind: the files that were made for the film, and hold nothing of it, are removed.
func (f *File) Abandon() error {
	f.mu.Lock()
	held := f.heldLocked()
	nothing := held.Count() == 0 && !f.readOnly && f.content != nil && f.pathLocked() != f.name
	f.mu.Unlock()
	if !nothing {
		return f.Close()
	}
	// While the lock is held, and the content first: without its sidecar it would be taken
	// for someone else's.
	err := os.Remove(f.name + PartSuffix)
	if err == nil && f.sidecar != "" {
		err = os.Remove(f.sidecar)
	}
	return errors.Join(f.Close(), err)
}
