package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

const (
	recordWindow = 32 << 20 // bytes of a live stream that are kept for other peers
	// recordPatience is for how long a missing chunk is waited for: a recording is for later.
	recordPatience = 10 * time.Second
)

// recording is a live stream on its way into a file. Only verified chunks get there, in their
// order; what did not come in time is left out.
type recording struct {
	link   ppsp.Link
	ring   *store.Ring
	member *membership.Member
	out    *printer
	log    zerolog.Logger
	runs   backlog

	to    *bufio.Writer
	sum   hash.Hash
	bytes int64

	credential *member.Credential // of closed swarms
	differs    membership.Mismatch
}

// backlog is what the stream played and the disk has not taken yet. It is short however long the
// disk stands still: chunks that follow each other are one run, and only holes begin another.
type backlog struct {
	wake chan struct{} // has a value when there is something

	mu   sync.Mutex
	runs []chunk.Range
}

// maxBacklog bounds the runs that wait for the disk.
const maxBacklog = 1024

// add notes chunks that are next; false when there are too many holes.
func (b *backlog) add(chunks chunk.Range) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch n := len(b.runs); {
	case n > 0 && b.runs[n-1].End == chunks.Start:
		b.runs[n-1].End = chunks.End
	case n == maxBacklog:
		return false
	default:
		b.runs = append(b.runs, chunks)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// take empties it.
func (b *backlog) take() []chunk.Range {
	b.mu.Lock()
	defer b.mu.Unlock()
	runs := b.runs
	b.runs = nil
	return runs
}

// record carries the command out for a live link: until it is told to stop.
func (g *getCommand) record(ctx context.Context, c console, out *printer, link ppsp.Link, credential *member.Credential, log zerolog.Logger) (err error) {
	if g.LimitDown != 0 {
		return wrongUsage("--limit-down is for films: a live channel comes as fast as it is made, so leave it out")
	}
	began := time.Now()
	to := io.Discard
	switch {
	case g.Output != "-":
		f, err := os.OpenFile(g.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write %s: it is there already and was not touched; choose another with -o", g.Output)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w; check the folder and its rights", g.Output, bare(err))
		}
		defer func() { err = errors.Join(err, closeRecord(f)) }()
		g.tellOutput(out)
		to = f
	case !g.JSON:
		to = c.out
	}
	each := link.ChunkSize
	if each == ppsp.VariableChunks {
		each = ppsp.DefaultChunkSize
	}
	chunks := min(max(recordWindow/int64(each), 64), swarm.MaxLiveWindow)
	r := &recording{
		link: link, ring: store.NewRing(link.ChunkSize, int(chunks)), out: out, log: log,
		runs: backlog{wake: make(chan struct{}, 1)}, to: bufio.NewWriter(to), sum: sha256.New(), credential: credential,
	}
	if err := r.run(ctx, g, uint64(chunks)); err != nil {
		return err
	}
	if err := r.to.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", g.Output, bare(err))
	}
	seconds := time.Since(began).Seconds()
	digest := hex.EncodeToString(r.sum.Sum(nil))
	out.event("done", map[string]any{"bytes": r.bytes, "seconds": seconds, "sha256": digest})
	out.say("%s in %.1f s, SHA-256 %s", size(r.bytes), seconds, digest)
	return nil
}

// closeRecord closes a recording; one that got nothing is not left behind.
func closeRecord(f *os.File) error {
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = os.Remove(f.Name())
	}
	return errors.Join(err, f.Close())
}

// run joins the swarm and writes what is played until ctx or --duration ends.
func (r *recording) run(ctx context.Context, g *getCommand, window uint64) error {
	return g.visit(ctx, membership.Config{
		Link: r.link, Credential: r.credential, Logger: r.log, Events: r.event,
		Swarm: swarm.Config{Meta: r.link.Metadata, Store: r.ring, Window: window, Profile: swarm.Profile(g.Profile), Patience: int64(recordPatience)},
	}, r.out, func(ctx context.Context, m *membership.Member) error {
		r.member = m
		return r.follow(ctx, g)
	})
}

// follow writes what comes, until it is enough.
func (r *recording) follow(ctx context.Context, g *getCommand) error {
	began := time.Now()
	var limit, enough <-chan time.Time
	if g.Timeout > 0 {
		limit = time.After(time.Duration(g.Timeout))
	}
	if g.Duration > 0 {
		enough = time.After(time.Duration(g.Duration))
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	bar := newBar(began)
	for {
		select {
		case <-ctx.Done():
			return r.rest()
		case <-enough:
			if err := r.rest(); err != nil || r.bytes > 0 {
				return err
			}
			return fmt.Errorf("swarm %s: nothing came within %s; %s", r.link.SwarmID.Short(), g.Duration, r.why(g))
		case <-limit:
			if r.bytes == 0 {
				return fmt.Errorf("swarm %s: nothing came within %s; %s", r.link.SwarmID.Short(), g.Timeout, r.why(g))
			}
		case <-r.runs.wake:
			if err := r.rest(); err != nil {
				return fmt.Errorf("write %s: %w", g.Output, bare(err))
			}
		case <-tick.C:
			r.progress(bar)
			if r.bytes == 0 && r.differs.Hopeless(time.Now()) {
				return fmt.Errorf("swarm %s: nothing came; %s", r.link.SwarmID.Short(), r.why(g))
			}
		}
	}
}

// why says what the recording waits for.
func (r *recording) why(g *getCommand) string {
	if words := r.differs.Why(); words != "" {
		return words
	}
	return g.why(r.link, r.member)
}

// rest writes what has come already.
func (r *recording) rest() error {
	for _, run := range r.runs.take() {
		if err := r.write(run); err != nil {
			return err
		}
	}
	return nil
}

// write appends chunks that are next.
func (r *recording) write(run chunk.Range) error {
	var b []byte
	lost := 0
	defer func() {
		if lost > 0 {
			r.log.Warn().Uint64("from", run.Start).Uint64("to", run.End-1).Int("lost", lost).Msg("the disk is too slow: chunks were lost")
		}
	}()
	for i := run.Start; i < run.End; i++ {
		var err error
		if b, err = r.ring.AppendChunk(b[:0], i); err != nil {
			lost++
			continue
		}
		_, _ = r.sum.Write(b)
		r.bytes += int64(len(b))
		if _, err := r.to.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (r *recording) progress(bar *bar) {
	stats, err := r.member.Swarm().Stats()
	if err != nil {
		return
	}
	bps, peers := bar.rate(time.Now(), stats.Counters.ChunkBytesReceived), connected(stats)
	r.out.event("progress", map[string]any{"bytes": r.bytes, "length": 0, "rate": bps, "peers": peers})
	r.out.keep(fmt.Sprintf("%s, %s, %s", size(r.bytes), rate(bps), counted(peers, "peer")), false)
}

// event is called on the engine's goroutine.
func (r *recording) event(e swarm.Event) {
	r.differs.Note(e)
	switch e.Kind {
	case swarm.EventPlay:
		if !r.runs.add(e.Chunks) {
			r.log.Warn().Uint64("from", e.Chunks.Start).Uint64("to", e.Chunks.End-1).Msg("the disk is too slow: chunks were lost")
		}
	case swarm.EventSkip:
		r.log.Warn().Uint64("from", e.Chunks.Start).Uint64("to", e.Chunks.End-1).Msg("these did not come in time")
	case swarm.EventBan:
		r.log.Warn().Stringer("peer", e.Peer).Str("reason", e.Reason).Msg("peer shut out")
	}
}
