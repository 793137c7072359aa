package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// ErrNotHeld says that the store has no verified bytes for the asked chunk: it was never
// written, was forgotten (RFC 7574, 6.2), or turned out to be damaged.
var ErrNotHeld = errors.New("chunk is not held")

// ErrForgotten refuses a chunk older than the window of a Ring.
var ErrForgotten = errors.New("chunk is older than the window")

// ErrExists refuses to put a film where other content lies.
var ErrExists = errors.New("file exists with other content")

// ErrChanged says that a file is no longer the one that was hashed.
var ErrChanged = errors.New("file has changed since it was hashed")

// ErrInUse says that another process works on the same file.
var ErrInUse = errors.New("file is in use by another process")

// ErrClosed is returned by the methods of a closed File.
var ErrClosed = errors.New("file is closed")

// remedy adds to err the operation, the file, and what to do where that can be told.
func remedy(op, path string, err error) error {
	var hint string
	switch {
	case errors.Is(err, syscall.ENOSPC):
		hint = "free space on that disk; what was fetched is kept and goes on from there"
	case errors.Is(err, syscall.EDQUOT):
		hint = "the disk quota is used up; what was fetched is kept and goes on from there"
	case errors.Is(err, syscall.EFBIG):
		hint = "the file system or a limit refuses a file this large; choose another folder"
	case errors.Is(err, syscall.EROFS):
		hint = "the folder is on a read-only file system; choose another one"
	case errors.Is(err, fs.ErrPermission):
		hint = "give this user the right to write there or choose another folder"
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the path; the folder has to exist"
	default:
		return fmt.Errorf("%s %s: %w", op, path, bare(err))
	}
	return fmt.Errorf("%s %s: %w: %s", op, path, bare(err), hint)
}

// unreadable is remedy for a file that is only read.
func unreadable(op, path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s %s: %w: this user may not read the file; give him the right, or publish as another", op, path, bare(err))
	}
	return remedy(op, path, err)
}

// bare takes the operation and path out of a *fs.PathError, since remedy names them.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
