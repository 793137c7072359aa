package main

import (
	"fmt"
	"io"
	"os"
)

// readBy reads the file that a flag names by a function for its contents. why says what needs
// the flag.
func readBy[T any](flag, path, why string, read func(io.Reader) (T, error)) (out T, err error) {
	if path == "" {
		return out, wrongUsage("%s needs %s FILE", why, flag)
	}
	f, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("%s %s: %w", flag, path, bare(err))
	}
	defer f.Close()
	if out, err = read(f); err != nil {
		return out, fmt.Errorf("%s %s: %w", flag, path, err)
	}
	return out, nil
}
