package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// maxSubtitle bounds a file of subtitles in bytes; those of a long film have 200 kB.
	maxSubtitle = 4 << 20
	// maxSubtitles bounds the languages of one film.
	maxSubtitles = 32
	// subtitleSuffix is that of SubRip, which every television set knows.
	subtitleSuffix = ".srt"
)

// besideFilms is what lies in the folder of films beside the films themselves.
type besideFilms struct {
	read      time.Time // the folder's time when it was read
	subtitles map[string][]Subtitle
}

// subtitleName is the form of a subtitle's file: the film's ID, and a language where there are
// several.
var subtitleName = regexp.MustCompile(`^([0-9a-f]{20})(?:\.([a-z]{2,3}))?` + regexp.QuoteMeta(subtitleSuffix) + `$`)

// lookBeside takes notice of subtitles that were put beside films, or taken away. It is for
// New and then for Run's goroutine.
func (g *Gateway) lookBeside() {
	if g.cfg.FilmDir == "" {
		return
	}
	info, err := os.Stat(g.cfg.FilmDir)
	if err != nil || info.ModTime().Equal(g.beside.read) {
		return
	}
	found, err := subtitlesIn(g.cfg.FilmDir)
	if err != nil {
		return // the next look will tell
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.beside.read = info.ModTime()
	if maps.EqualFunc(found, g.beside.subtitles, slices.Equal[[]Subtitle]) {
		return
	}
	g.beside.subtitles = found
	for i := range g.items {
		g.items[i].Subtitles = found[g.items[i].ID]
	}
	g.changes++
	g.notify.tick()
}

func subtitlesIn(dir string) (map[string][]Subtitle, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[string][]Subtitle{}
	for _, e := range entries {
		if name := subtitleName.FindStringSubmatch(e.Name()); name != nil && e.Type().IsRegular() && len(found[name[1]]) < maxSubtitles {
			found[name[1]] = append(found[name[1]], Subtitle{Language: name[2]})
		}
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b Subtitle) int { return cmp.Compare(a.Language, b.Language) })
	}
	return found, nil
}

// Subtitle returns a subtitle of a film as a file of SubRip in UTF-8, whose file has at most 4 MiB. The error is
// ErrNotFound if there is none.
func (g *Gateway) Subtitle(id, language string) ([]byte, error) {
	item, ok := g.Item(id)
	if !ok || !slices.Contains(item.Subtitles, Subtitle{language}) {
		return nil, ErrNotFound
	}
	f, err := os.Open(filepath.Join(g.cfg.FilmDir, subtitleFile(id, language)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open subtitles: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSubtitle+1))
	if err == nil && len(b) > maxSubtitle {
		err = fmt.Errorf("%s is larger than %d MiB, which no subtitles are", filepath.Base(f.Name()), maxSubtitle>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read subtitles: %w", err)
	}
	return subtitleText(b), nil
}

func subtitleFile(id, language string) string {
	return strings.TrimSuffix(id+"."+language, ".") + subtitleSuffix
}
