package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// creator opens a file for writing, emptied; os.Create but in tests of a full disk.
type creator func(path string) (output, error)

type output interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
}

func createFile(path string) (output, error) { return os.Create(path) }

// writeAtomic replaces the file at path by one with content b. Whenever the power fails,
// either the old or the new one is there, whole.
func writeAtomic(create creator, path string, b []byte) error {
	temp := path + ".tmp"
	out, err := create(temp)
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	if err == nil {
		err = out.Sync()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the error that counts is err
		return err
	}
	return syncFolder(path)
}

// syncFolder makes the names in the folder of path durable. File systems that can't are
// left to do it in their time.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// moveNew renames from to to, which must not exist (ErrExists).
func moveNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		err = os.Remove(from)
	} else if !errors.Is(err, fs.ErrExist) {
		// No hard links here (FAT, some network shares): look, then rename.
		if _, missing := os.Lstat(to); errors.Is(missing, fs.ErrNotExist) {
			err = os.Rename(from, to)
		} else {
			err = fs.ErrExist
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	return syncFolder(to)
}
