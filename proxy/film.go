package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

const (
	readAhead  = 8 << 20 // bytes fetched before the place where a screen reads
	urgent     = 256 << 10
	saveEvery  = time.Second
	wantMargin = 64 << 10 // bytes a reader moves before its window follows
	// standstill is for how long a screen waits for what comes next. Then its response is cut off, so
	// that it tells its viewer, or asks again.
	standstill = time.Minute
)

// film is the content of a session that fetches a film: a file that fills, and readers
// that wait for their place in it.
type film struct {
	link     ppsp.Link
	file     *store.File
	log      zerolog.Logger
	swarm    *node.Swarm
	fits     func(length int64) error // makes room for the film, or says why it can't
	stop     func()                   // ends the session
	arrived  signal
	saving   atomic.Bool
	saves    sync.WaitGroup
	savedAt  time.Time // engine's goroutine
	waiting  atomic.Int32
	patience time.Duration // for how long a screen waits for what comes next

	telling sync.Mutex // from looking at the windows until the engine knows: the last to look is the last to tell

	mu      sync.Mutex
	windows []*window
	err     error // why no more will come
}

// window is what one reader waits for, in bytes.
type window struct{ at int64 }

func newFilm(ctx context.Context, s *session) (*film, error) {
	dir := s.gateway.cfg.FilmDir
	space := s.gateway.cfg.FilmSpace
	if err := makeRoom(dir, space, s.channel, s.link.Length, s.gateway.ifUnused); err != nil {
		return nil, err
	}
	file, err := store.OpenFile(ctx, filepath.Join(dir, s.channel), s.link.Metadata)
	if err != nil {
		return nil, err
	}
	if notice := file.Notice(); notice != nil {
		s.log.Warn().Err(notice).Msg("film is fetched anew")
	}
	touch(dir, s.channel, time.Now())
	if n := s.link.Length; n > 0 {
		if err := file.SetSize(n); err != nil {
			s.log.Warn().Err(err).Msg("the link tells another length than the film has")
		}
	}
	return &film{link: s.link, file: file, log: s.log, patience: standstill, fits: func(length int64) error {
		return makeRoom(dir, space, s.channel, length, s.gateway.ifUnused)
	}, stop: s.stop}, nil
}

func (f *film) config() swarm.Config {
	return swarm.Config{Meta: f.link.Metadata, Store: f.file, Tree: f.file.Tree(), Have: f.file.Have()}
}

func (f *film) attach(ctx context.Context, s *node.Swarm) {
	f.swarm = s
	f.saves.Go(func() { f.scrub(ctx) })
}

// scrub hashes what an earlier session left and no screen has asked for yet.
func (f *film) scrub(ctx context.Context) {
	if err := f.file.Check(ctx, store.ScrubRate, f.surrender); err != nil {
		if ctx.Err() == nil {
			f.log.Warn().Err(err).Msg("what was fetched of the film before could not be checked")
		}
		return
	}
	_ = f.swarm.Do(f.save) // a film that was complete gets its name; fails only when the session is over
}

// event wakes readers and keeps the sidecar current.
func (f *film) event(e swarm.Event) {
	switch e.Kind {
	case swarm.EventSize:
		if f.link.Length == 0 {
			f.admit(int64(e.Chunks.End) * int64(f.link.ChunkSize))
		}
		f.arrived.change()
	case swarm.EventChunks, swarm.EventComplete:
		f.arrived.change()
		if e.Kind == swarm.EventComplete || time.Since(f.savedAt) > saveEvery {
			f.save()
		}
	case swarm.EventStoreFailed:
		f.fail(errors.New(e.Reason))
		f.stop() // who comes next finds a fresh session, and maybe more room
	}
}

// admit looks whether a film whose length was not known before has room.
func (f *film) admit(length int64) {
	f.saves.Go(func() {
		if err := f.fits(length); err != nil {
			f.log.Error().Err(err).Msg("the film is not fetched")
			f.fail(err)
			f.stop()
		}
	})
}

// save writes the sidecar beside the engine's work; it is called on the engine's goroutine.
func (f *film) save() {
	if !f.saving.CompareAndSwap(false, true) {
		return
	}
	f.savedAt = time.Now()
	point := f.file.Checkpoint()
	f.saves.Go(func() {
		defer f.saving.Store(false)
		if err := point.Save(); err != nil && !errors.Is(err, store.ErrClosed) {
			f.log.Warn().Err(err).Msg("what was fetched of the film could not be noted")
		}
	})
}

func (f *film) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	f.arrived.change()
}

func (f *film) close(err error) {
	f.fail(err)
	f.saves.Wait()
	if err := f.file.Close(); err != nil {
		f.log.Warn().Err(err).Msg("film could not be closed cleanly")
	}
}

func (f *film) buffered(time.Time) buffering {
	held := f.file.Held()
	f.mu.Lock()
	defer f.mu.Unlock()
	b := buffering{ready: held > 0, starved: f.waiting.Load() > 0, want: startBuffer}
	for _, w := range f.windows {
		run, ok := f.file.HeldAround(uint64(w.at) / uint64(f.link.ChunkSize))
		size, known := f.file.Size()
		if rate := rateOf(f.link, size); ok && known && rate > 0 {
			end := min(int64(run.End)*int64(f.link.ChunkSize), size)
			b.seconds = max(b.seconds, float64(end-w.at)*8/float64(rate))
		}
	}
	return b
}

// want tells the engine what the readers wait for: first the bytes right ahead of each,
// then more ahead, then all the rest.
func (f *film) want() {
	f.telling.Lock()
	defer f.telling.Unlock()
	f.mu.Lock()
	var near, far []chunk.Range
	for _, w := range f.windows {
		near = append(near, f.span(w.at, urgent))
		far = append(far, f.span(w.at, readAhead))
	}
	watched := len(f.windows) > 0
	f.mu.Unlock()
	_ = f.swarm.Want(append(near, far...), watched) // fails only when the session is over
}

func (f *film) span(at, n int64) chunk.Range {
	size := int64(f.link.ChunkSize)
	return chunk.Range{Start: uint64(at / size), End: uint64((at + n + size - 1) / size)}
}

// size waits until the length of the film is known: the link told it, or the last chunk
// does (RFC 7574, 5.6.2); and until some of it is here: who asks for a film that nobody has is
// to be told so instead of being promised its bytes.
func (f *film) size(ctx context.Context) (int64, error) {
	for {
		changed := f.arrived.wait()
		if n, ok := f.file.Size(); ok && (n == 0 || f.file.Held() > 0) {
			return n, nil
		}
		f.want()
		if err := f.await(ctx, changed, nil); err != nil {
			return 0, err
		}
	}
}

// errStandstill says that a reader has waited for too long.
var errStandstill = errors.New("no peer sends what comes next")

// await waits for a change, the end of ctx or of the session, or the limit.
func (f *film) await(ctx context.Context, changed <-chan struct{}, limit <-chan time.Time) error {
	if err := f.ended(); err != nil {
		return err
	}
	select {
	case <-changed:
		return f.ended()
	case <-limit:
		return errStandstill
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *film) ended() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// OpenFilm returns a film for one screen, once its length is known and a peer has sent some of
// it. Reads wait for the swarm; they end with ctx. The first one to ask starts the session.
func (g *Gateway) OpenFilm(ctx context.Context, id string) (Film, error) {
	s, err := g.acquire(ctx, id, ppsp.Film)
	if err != nil {
		return nil, err
	}
	r, err := openReader(ctx, s)
	if err != nil {
		s.release()
		return nil, fmt.Errorf("open film %s: %w", id, err)
	}
	g.learnLength(id, r.size)
	g.watched(id)
	return r, nil
}

// learnLength notes the length of a film whose link did not tell it.
func (g *Gateway) learnLength(id string, n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.items {
		if g.items[i].ID == id && g.items[i].Length != n {
			g.items[i].Length = n
			g.items[i].Rate = rateOf(g.links[id], n)
			g.changes++
		}
	}
}

// filmReader is one screen's place in a film.
type filmReader struct {
	film    *film
	session *session
	ctx     context.Context //nolint:containedctx // a reader lives as long as the request that it serves
	size    int64
	pos     int64
	window  *window
	once    sync.Once
}

func openReader(ctx context.Context, s *session) (*filmReader, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	f, ok := s.content.(*film)
	if !ok {
		return nil, ErrNotFound
	}
	r := &filmReader{film: f, session: s, ctx: ctx, window: &window{}}
	f.mu.Lock()
	f.windows = append(f.windows, r.window)
	f.mu.Unlock()
	var err error
	if r.size, err = f.size(ctx); err != nil {
		r.leave()
		return nil, err
	}
	return r, nil
}

// Size returns the length in bytes.
func (r *filmReader) Size() int64 { return r.size }

// Seek moves the place of the next Read.
func (r *filmReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return r.pos, errors.New("seek before the beginning of the film")
	}
	r.pos = offset
	return offset, nil
}

// Read waits for the bytes at the current place, a minute at most.
func (r *filmReader) Read(p []byte) (int, error) {
	if r.pos >= r.size {
		return 0, io.EOF
	}
	r.move()
	var limit <-chan time.Time // once it waits
	defer func() {
		if limit != nil {
			r.film.waiting.Add(-1)
		}
	}()
	for {
		changed := r.film.arrived.wait()
		n, err := r.film.file.ReadAt(p, r.pos)
		if n > 0 {
			r.pos += int64(n)
			return n, nil
		}
		if !errors.Is(err, store.ErrNotHeld) {
			return 0, err
		}
		if limit == nil {
			limit = time.After(r.film.patience)
			r.film.waiting.Add(1)
			r.film.want()
		}
		r.film.surrender()
		if err := r.film.await(r.ctx, changed, limit); err != nil {
			if errors.Is(err, errStandstill) {
				r.film.log.Warn().Int64("at", r.pos).Dur("waited", r.film.patience).Msg(err.Error() + ": a screen is cut off")
			}
			return 0, err
		}
	}
}

// surrender tells the engine of chunks that turned out to be damaged on the disk.
func (f *film) surrender() {
	lost := f.file.TakeLost()
	if lost.Count() > 0 {
		f.log.Warn().Uint64("chunks", lost.Count()).Msg("chunks on the disk were damaged and are fetched again")
		_ = f.swarm.Lost(lost) // fails only when the session is over
	}
}

// move lets the window follow the place of reading.
func (r *filmReader) move() {
	f := r.film
	f.mu.Lock()
	moved := r.pos - r.window.at
	far := moved < 0 || moved > wantMargin
	if far {
		r.window.at = r.pos
	}
	f.mu.Unlock()
	if far {
		f.want()
	}
}

// leave takes the reader's window back.
func (r *filmReader) leave() {
	f := r.film
	f.mu.Lock()
	f.windows = slices.DeleteFunc(f.windows, func(w *window) bool { return w == r.window })
	f.mu.Unlock()
	f.want()
}

// Close ends the reading; calls after the first do nothing.
func (r *filmReader) Close() error {
	r.once.Do(func() {
		r.leave()
		r.session.release()
	})
	return nil
}
