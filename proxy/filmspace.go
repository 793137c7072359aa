package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp/store"
)

// inUse returns the item IDs whose files must stay.
func (g *Gateway) inUse() map[string]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	used := map[string]bool{}
	for id := range g.sessions {
		used[id] = true
	}
	return used
}

// stored is a film in the folder, with its sidecar.
type stored struct {
	id    string
	bytes int64
	mtime int64
}

// makeRoom removes the films that were watched longest ago until another of length bytes
// fits into the space, 0 for no limit. Films in use stay.
func makeRoom(dir string, space, length int64, used map[string]bool) error {
	if space <= 0 {
		return nil
	}
	if length > space {
		return fmt.Errorf("the film has %d MB, but films may take %d MB; raise buffer.films in the configuration", length>>20, space>>20)
	}
	films, err := storedFilms(dir)
	if err != nil {
		return err
	}
	total := length
	for _, f := range films {
		total += f.bytes
	}
	for _, f := range films {
		if total <= space {
			return nil
		}
		if used[f.id] {
			continue
		}
		for _, suffix := range []string{"", store.PartSuffix, store.SidecarSuffix} {
			if err := os.Remove(filepath.Join(dir, f.id+suffix)); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("make room for a film: %w", err)
			}
		}
		total -= f.bytes
	}
	return nil
}

// storedFilms lists the films in dir, oldest first.
func storedFilms(dir string) ([]stored, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of films: %w", err)
	}
	byID := map[string]*stored{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		id := strings.TrimSuffix(strings.TrimSuffix(e.Name(), store.SidecarSuffix), store.PartSuffix)
		f := byID[id]
		if f == nil {
			f = &stored{id: id}
			byID[id] = f
		}
		f.bytes += info.Size()
		f.mtime = max(f.mtime, info.ModTime().UnixNano())
	}
	films := make([]stored, 0, len(byID))
	for _, f := range byID {
		films = append(films, *f)
	}
	slices.SortFunc(films, func(a, b stored) int {
		if a.mtime != b.mtime {
			return int(min(max(a.mtime-b.mtime, -1), 1))
		}
		return strings.Compare(a.id, b.id)
	})
	return films, nil
}
