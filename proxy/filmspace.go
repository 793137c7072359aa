package proxy

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/store"
)

// ifUnused carries out do unless item id is in use, and keeps anyone from beginning to use it
// meanwhile.
func (g *Gateway) ifUnused(id string, do func() error) (done bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, used := g.sessions[id]; used {
		return false, nil
	}
	return true, do()
}

// stored is a film in the folder, with its sidecar.
type stored struct {
	id    string
	bytes int64
	mtime int64
}

// makeRoom removes the films that were watched longest ago until the film id of length
// bytes fits into the space beside the others, 0 for no limit. Films in use stay, and so
// does every file that is not named as ours are.
func makeRoom(dir string, space int64, id string, length int64, ifUnused func(id string, do func() error) (bool, error)) error {
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
	films = slices.DeleteFunc(films, func(f stored) bool { return f.id == id })
	total := length
	for _, f := range films {
		total += f.bytes
	}
	for _, f := range films {
		if total <= space {
			return nil
		}
		removed, err := ifUnused(f.id, func() error { return f.remove(dir) })
		if err != nil {
			return fmt.Errorf("make room for a film: %w", err)
		}
		if removed {
			total -= f.bytes
		}
	}
	return nil
}

// remove deletes the film and what belongs to it.
func (f *stored) remove(dir string) error {
	for _, suffix := range []string{"", store.PartSuffix, store.SidecarSuffix, store.FreshSuffix} {
		if err := os.Remove(filepath.Join(dir, f.id+suffix)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// touch notes that a film is being watched now.
func touch(dir, id string, now time.Time) {
	// A film that has no sidecar yet is new enough.
	_ = os.Chtimes(filepath.Join(dir, id+store.SidecarSuffix), now, now)
}

// ours is the form of the names that sessions give to films: ItemID and a suffix.
var ours = regexp.MustCompile(`^([0-9a-f]{20})(` + regexp.QuoteMeta(store.PartSuffix) + `|` + regexp.QuoteMeta(store.SidecarSuffix) + `|` + regexp.QuoteMeta(store.FreshSuffix) + `)?$`)

// storedFilms lists the films in dir, oldest first.
func storedFilms(dir string) ([]stored, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of films: %w", err)
	}
	byID := map[string]*stored{}
	for _, e := range entries {
		name := ours.FindStringSubmatch(e.Name())
		info, err := e.Info()
		if name == nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		f := byID[name[1]]
		if f == nil {
			f = &stored{id: name[1]}
			byID[name[1]] = f
		}
		f.bytes += info.Size()
		f.mtime = max(f.mtime, info.ModTime().UnixNano())
	}
	films := make([]stored, 0, len(byID))
	for _, f := range byID {
		films = append(films, *f)
	}
	slices.SortFunc(films, func(a, b stored) int {
		return cmp.Or(cmp.Compare(a.mtime, b.mtime), strings.Compare(a.id, b.id))
	})
	return films, nil
}
