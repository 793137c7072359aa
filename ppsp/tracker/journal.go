package tracker

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Journal keeps a Memory on disk, so that a tracker that was restarted, or killed at whatever
// moment, has forgotten nobody: each change is handed to the system before it is answered. It
// does not wait for the disk itself, so that after a power failure the latest seconds may be
// missing; those peers are told to join again, as after any loss.
//
// A folder holds generations of two files: peers-N.snapshot has who was there when generation N
// began, peers-N.journal what has changed since. A snapshot takes its name when it is whole.
// Statistics are not kept; they come with the next report. One process at a time may use a folder: see ErrInUse.
type Journal struct {
	dir    string
	memory *Memory
	logger zerolog.Logger

	held *os.File // locked

	compacting sync.Mutex
	base       int64 // bytes of the latest snapshot

	// The Memory's mutex guards what follows.
	generation int
	file       *os.File
	size       int64
	buffer     []byte
	broken     error // the file takes no more
	lost       error // changes are in no file, until a snapshot has them
	owed       bool  // the latest snapshot failed
}

// Bounds of journals.
const (
	leastJournal    = 4 << 20 // bytes, before a new generation is worth it
	compactInterval = 10 * time.Second
	compactPeers    = 256 // that are copied while others wait
)

// OpenJournal fills the registry with what the folder has, whose peers then have a whole track
// timer to be heard of again, and keeps every later change there. Close ends it.
func OpenJournal(dir string, r *Memory, now time.Time, logger zerolog.Logger) (*Journal, error) {
	held, err := os.OpenFile(filepath.Join(dir, "peers.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(held); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	j := &Journal{dir: dir, memory: r, logger: logger, held: held}
	if err = j.load(now); err == nil {
		err = j.compact()
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// ErrInUse means that another process keeps its peers in the folder.
var ErrInUse = errors.New("another tracker uses the folder")

func (j *Journal) path(generation int, kind string) string {
	return filepath.Join(j.dir, fmt.Sprintf("peers-%06d.%s", generation, kind))
}

// generations returns those of which there is such a file, in order.
func (j *Journal) generations(kind string) (out []int, err error) {
	names, err := filepath.Glob(filepath.Join(j.dir, "peers-*."+kind))
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "peers-%d.", &n); err == nil && j.path(n, kind) == name {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, err
}

// load replays the latest snapshot and all journals from it on.
func (j *Journal) load(now time.Time) error {
	snapshots, err := j.generations("snapshot")
	if err != nil {
		return err
	}
	journals, err := j.generations("journal")
	if err != nil {
		return err
	}
	if n := len(snapshots); n > 0 {
		j.generation = snapshots[n-1]
		if err := j.replay(j.path(j.generation, "snapshot"), now); err != nil {
			return err
		}
	}
	for _, n := range journals {
		if n < j.generation {
			continue
		}
		if err := j.replay(j.path(n, "journal"), now); err != nil {
			return err
		}
	}
	if n := len(journals); n > 0 {
		j.generation = max(j.generation, journals[n-1])
	}
	return nil
}

// replay carries out what a file has, up to its end or to what is damaged: the last record may
// have been cut off.
func (j *Journal) replay(path string, now time.Time) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	for {
		b, err := readRecord(in)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errDamaged):
			j.logger.Warn().Str("file", path).Msg("tracker: the end of its journal is damaged; peers of the latest moments have to join again")
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", path, err)
		}
		j.memory.apply(b, now)
	}
}

// note writes a record. The Memory's mutex is held.
func (j *Journal) note(b []byte) {
	if j == nil || j.file == nil || j.broken != nil {
		return
	}
	j.buffer = appendRecord(j.buffer[:0], b)
	n, err := j.file.Write(j.buffer)
	j.size += int64(n)
	if err != nil {
		j.broken = err
		j.logger.Error().Err(err).Msg("tracker: can't write its journal; peers have to join again after a restart until it can")
	}
}

// Run begins new generations when they are worth it, until ctx ends; then it returns nil.
func (j *Journal) Run(ctx context.Context) error {
	ticker := time.NewTicker(compactInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		j.memory.mu.Lock()
		due := j.size > max(leastJournal, 2*j.base) || j.broken != nil || j.lost != nil || j.owed
		j.memory.mu.Unlock()
		if !due {
			continue
		}
		if err := j.compact(); err != nil {
			j.logger.Error().Err(err).Msg("tracker: can't write its snapshot; is the disk full?")
		}
	}
}

// compact begins a new generation.
func (j *Journal) compact() (err error) {
	j.compacting.Lock()
	defer j.compacting.Unlock()
	if j.file == nil || j.broken != nil || !j.owed { // else this journal is as good as a new one
		if err := j.begin(j.generation + 1); err != nil {
			return err
		}
	}
	generation := j.generation
	err = j.snapshot(generation)
	j.memory.mu.Lock()
	if j.owed = err != nil; err == nil {
		j.lost = nil
	}
	j.memory.mu.Unlock()
	if err != nil {
		return err
	}
	for _, kind := range []string{"snapshot", "journal"} {
		all, _ := j.generations(kind)
		for _, n := range all {
			if n < generation {
				err = errors.Join(err, os.Remove(j.path(n, kind)))
			}
		}
	}
	return err
}

// begin goes on with the journal of a generation.
func (j *Journal) begin(generation int) error {
	file, err := os.OpenFile(j.path(generation, "journal"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	j.memory.mu.Lock()
	old := j.file
	j.lost = cmp.Or(j.lost, j.broken)
	j.file, j.generation, j.size, j.broken = file, generation, 0, nil
	j.memory.journal = j
	j.memory.mu.Unlock()
	if old != nil {
		_ = old.Close() // what was written is with the system, and what was not is in j.lost
	}
	return nil
}

// snapshot writes who is there, a few at a time: what changes meanwhile is in the new journal,
// which is replayed behind it, and what is in both does no harm.
func (j *Journal) snapshot(generation int) (err error) {
	f, err := os.CreateTemp(j.dir, ".snapshot-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(f, 1<<16)
	var buffer []byte
	var size int64
	for next := uint32(1); next != 0 && err == nil; {
		buffer, next = j.memory.copyPeers(buffer[:0], next)
		_, err = out.Write(buffer)
		size += int64(len(buffer))
	}
	if err = errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), j.path(generation, "snapshot")); err != nil {
		return err
	}
	j.base = size
	if err := syncFolder(j.dir); err != nil { // it is whole, but a power failure may take it back
		return fmt.Errorf("folder %s: %w", j.dir, err)
	}
	return nil
}

// syncFolder has the disk keep the names of files, where the system can.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrInvalid) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Close ends the journal; what changes from now on is not kept.
func (j *Journal) Close() error {
	j.compacting.Lock()
	defer j.compacting.Unlock()
	j.memory.mu.Lock()
	defer j.memory.mu.Unlock()
	j.memory.journal = nil
	err := j.held.Close()
	if errors.Is(err, fs.ErrClosed) { // for the second time
		return nil
	}
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	return cmp.Or(err, j.broken, j.lost)
}
