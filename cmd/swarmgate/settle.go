package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/store"
)

// scrub looks at what an earlier run left, beside the fetching, so that what is damaged comes
// again in good time.
func (d *download) scrub(ctx context.Context) {
	damaged := func() { _ = d.surrender() } // fails only when all is over
	if err := d.file.Check(ctx, store.ScrubRate, damaged); err != nil && ctx.Err() == nil {
		d.log.Warn().Err(err).Msg("what was fetched before could not be checked")
	}
}

// surrender tells the engine of chunks that turned out to be damaged on the disk.
func (d *download) surrender() error {
	lost := d.file.TakeLost()
	if lost.Count() == 0 {
		return nil
	}
	d.log.Warn().Uint64("chunks", lost.Count()).Msg("chunks on the disk were damaged and are fetched again")
	if err := d.member.Swarm().Lost(lost); err != nil && !errors.Is(err, node.ErrEnded) {
		return err
	}
	return nil
}

// settle hashes what an earlier run left and gives the film its name; false when chunks have
// to be fetched again before.
func (d *download) settle(ctx context.Context) (whole bool, err error) {
	if n := d.file.Unchecked(); n > 0 && !d.whole {
		length, _ := d.file.Size()
		d.out.say("Checking %s that were here before.", size(min(int64(n)*int64(d.link.ChunkSize), length)))
	}
	if err := d.file.Check(ctx, 0, nil); err != nil {
		if ctx.Err() != nil {
			return false, errors.New("stopped before the film was checked; the same command goes on from here")
		}
		return false, err
	}
	var point *store.Checkpoint
	if err := d.member.Swarm().Do(func() { point = d.file.Checkpoint() }); err != nil {
		return false, err
	}
	if err := point.Save(); err != nil {
		return false, err
	}
	if err := d.surrender(); err != nil {
		return false, err
	}
	return d.file.Complete(), nil
}

// finish tells what was fetched, after reading the file once more from the disk.
func (g *getCommand) finish(ctx context.Context, c console, d *download, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	var to io.Writer = sum
	stdout := &watched{to: c.out}
	if g.Output == "-" && !g.JSON {
		to = io.MultiWriter(sum, stdout)
	}
	n, err := io.Copy(to, while{ctx, f})
	if stdout.err != nil {
		return fmt.Errorf("write to standard output: %w; -o FILE writes the film into a file", bare(stdout.err))
	}
	if err != nil {
		return fmt.Errorf("read %s again: %w", path, bare(err))
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	seconds := time.Since(d.began).Seconds()
	d.out.event("done", map[string]any{"bytes": n, "seconds": seconds, "sha256": digest})
	if d.whole {
		d.out.say("Complete already, and checked: %s, SHA-256 %s", size(n), digest)
		return nil
	}
	d.out.say("%s in %.1f s, SHA-256 %s", size(n), seconds, digest)
	if side := path + store.SidecarSuffix; g.Output != "-" && exists(side) {
		d.out.say("Beside it, %s holds the hash tree by which it is served again; it may be deleted.", side)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// watched is a writer that remembers what went wrong with it.
type watched struct {
	to  io.Writer
	err error
}

// Write writes on.
func (w *watched) Write(p []byte) (n int, err error) {
	n, err = w.to.Write(p)
	w.err = errors.Join(w.err, err)
	return n, err
}

// while is a reader that ends with a context.
type while struct {
	ctx context.Context //nolint:containedctx // it lives as long as the copying that it serves
	io.Reader
}

func (w while) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Reader.Read(p)
}
