package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ScrubRate is a rate for Check that leaves a home's disk and processor to others, bytes per
// second: 20 GB take 40 minutes.
const ScrubRate = 8 << 20

// scrubStep is how many bytes Check hashes between two rests.
const scrubStep = 1 << 20

// Check hashes the chunks that were found on disk at the start and not used since, until all
// are settled or ctx ends; at most rate bytes per second, 0 for no limit. Chunks that turn out
// damaged are no longer held: damaged, unless nil, is then called, and may ask TakeLost. Any
// goroutine may call Check, beside all else. A film that was complete but for that gets its
// name with the next Checkpoint.
func (f *File) Check(ctx context.Context, rate int64, damaged func()) error {
	step := max(scrubStep/uint64(f.meta.ChunkSize), 1)
	for {
		f.mu.Lock()
		next, some := f.claims.NextIn(0)
		f.mu.Unlock()
		if !some {
			return ctx.Err()
		}
		next.End = min(next.End, next.Start+step)
		if err := f.checkAll(ctx, next); err != nil {
			return err
		}
		f.mu.Lock()
		lost := f.lost.Count() > 0
		f.mu.Unlock()
		if lost && damaged != nil {
			damaged()
		}
		if rate > 0 {
			if err := rest(ctx, time.Duration(int64(next.Len())*int64(f.meta.ChunkSize)*int64(time.Second)/rate)); err != nil {
				return err
			}
		}
	}
}

// rest waits for a while, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Verified hashes what is due of the n bytes from off on, and returns how many of them, from
// off on, lie in the file and have been verified since the start: so many may be handed on
// straight from the file (Reopen). Zero comes with the reason, as of ReadAt.
func (f *File) Verified(off, n int64) (int64, error) {
	size, known := f.Size()
	if known {
		n = min(n, size-off)
	}
	if off < 0 || n <= 0 {
		return 0, nil
	}
	good, err := f.reach(off, off+n)
	if good == 0 {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return 0, err
	}
	if err := f.flushOverLocked(off, off+good); err != nil {
		return 0, err
	}
	return good, f.unchangedLocked()
}

// Reopen opens the content file once more, to be read and closed by the caller. What is not
// Verified of it may be anything.
func (f *File) Reopen() (*os.File, error) {
	f.mu.Lock()
	file, path, err := f.content, f.pathLocked(), f.usable()
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	again, err := os.Open(path)
	if missing(err) && path != f.name { // the film is just being given its name
		again, err = os.Open(f.name)
	}
	if err != nil {
		return nil, remedy("open", path, err)
	}
	mine, err := file.Stat()
	if err == nil {
		var other os.FileInfo
		if other, err = again.Stat(); err == nil && !os.SameFile(mine, other) {
			err = fmt.Errorf("open %s: %w", path, ErrChanged)
		}
	}
	if err != nil {
		return nil, errors.Join(err, again.Close())
	}
	return again, nil
}
