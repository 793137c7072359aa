package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// found tells whether there is what PATH names.
func (p *publishCommand) found() error {
	if p.Path == "-" {
		return nil
	}
	_, err := os.Stat(p.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("publish %s: there is no such file or folder; check the path, or give - for standard input", p.Path)
	case err != nil:
		return fmt.Errorf("publish %s: %w; check the path and its rights", p.Path, bare(err))
	}
	return nil
}

// films lists what is published: the file, or the media files of the folder and those below.
// Folders that may not be read are passed over, and told.
func films(path string, log zerolog.Logger) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w; check the path and its rights", path, bare(err))
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	list := filmList{root: path, log: log}
	if err := filepath.WalkDir(path, list.visit); err != nil {
		return nil, fmt.Errorf("publish %s: %w", path, bare(err))
	}
	if len(list.found) == 0 {
		return nil, fmt.Errorf("publish %s: there is no film in the folder, nor below it; name one that has files ending in .mp4, .mkv, .ts, .webm or the like", path)
	}
	slices.Sort(list.found)
	return list.found, nil
}

// folderOf returns the group of a film that is published with its folder: the folders below that, in
// which it lies, as "Series / Season 1"; empty where it lies in the folder itself, is published alone, or
// the folders have names that don't fit into a link.
func folderOf(root, film string) string {
	below, err := filepath.Rel(root, filepath.Dir(film))
	if err != nil || !filepath.IsLocal(below) || below == "." {
		return ""
	}
	group := strings.ReplaceAll(filepath.ToSlash(below), "/", " / ")
	if len(group) > ppsp.MaxLinkText || !utf8.ValidString(group) || strings.ContainsFunc(group, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return group
}

// filmList gathers the films of a folder.
type filmList struct {
	root  string
	log   zerolog.Logger
	found []string
}

// visit is called for each thing in the folder.
func (l *filmList) visit(name string, d fs.DirEntry, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission) && name != l.root:
		l.log.Warn().Str("folder", name).Msg("this folder may not be read, so its films are not published")
		return nil
	case errors.Is(err, fs.ErrNotExist) && name != l.root: // it went away meanwhile
		return nil
	case err != nil:
		return err
	case strings.HasPrefix(d.Name(), ".") && d.IsDir() && name != l.root:
		return fs.SkipDir
	case !d.Type().IsRegular() || !strings.HasPrefix(publish.MediaType(name), "video/"):
		return nil
	case len(l.found) == maxFilms:
		return fmt.Errorf("the folder has more than %d films; publish its parts", maxFilms)
	}
	l.found = append(l.found, name)
	return nil
}
