package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// files is the content of dist by path, with slashes.
type files map[string][]byte

// add keeps content under assets/ and returns its name there.
func (f files) add(name string, content []byte) string {
	name = "assets/" + hashed(name, content)
	f[name] = content
	return name
}

// write makes dist hold exactly these files.
func (f files) write(dist string) error {
	if err := os.RemoveAll(dist); err != nil {
		return err
	}
	for name, content := range f {
		path := filepath.Join(dist, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare tells every file of dist that is missing, left over or different.
func (f files) compare(dist string) error {
	have, err := read(dist)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if content, ok := have[name]; !ok {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		} else if !bytes.Equal(unpacked(name, content), unpacked(name, f[name])) {
			errs = append(errs, fmt.Errorf("%s differs from what the sources give", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := f[name]; !ok {
			errs = append(errs, fmt.Errorf("%s comes from no source", name))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%s is not current: build the page and commit it\n%w", dist, errors.Join(errs...))
	}
	return nil
}

// unpacked is what is in a compressed file, which another Go may compress otherwise; others are as they are.
func unpacked(name string, content []byte) []byte {
	if !strings.HasSuffix(name, ".gz") {
		return content
	}
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return plain
}

// read returns the files below dist; none when the folder is missing.
func read(dist string) (files, error) {
	have := files{}
	err := filepath.WalkDir(dist, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dist {
			return fs.SkipAll
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dist, path)
		if err != nil {
			return err
		}
		have[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	return have, err
}
