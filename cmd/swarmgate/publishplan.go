package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// publishPlan is what flags and paths come to, known before anything is made or opened.
type publishPlan struct {
	meta  ppsp.Metadata
	films []string // files, none of a live stream
}

// streams tells whether a live stream is published.
func (p *publishCommand) streams() bool { return p.Live || p.Path == "-" }

// plan checks flags and paths.
func (p *publishCommand) plan(log zerolog.Logger) (publishPlan, error) {
	if err := p.found(); err != nil {
		return publishPlan{}, err
	}
	if p.streams() {
		meta, err := p.planLive()
		if err == nil && meta.Integrity == ppsp.IntegrityNone {
			log.Warn().Msg("without integrity protection any peer can alter the stream: publish so in a closed network only")
		}
		return publishPlan{meta: meta}, err
	}
	meta, err := p.film()
	if err == nil {
		err = p.filmOnly()
	}
	if err == nil {
		meta, err = p.suit(meta)
	}
	if err != nil {
		return publishPlan{}, err
	}
	paths, err := films(p.Path, log)
	if err != nil {
		return publishPlan{}, err
	}
	if len(paths) > 1 && p.Title != "" {
		return publishPlan{}, wrongUsage("--title is for one film, and %s has %d, which are called after their files; leave it out", p.Path, len(paths))
	}
	return publishPlan{meta, paths}, unwatched(paths, log)
}

// unwatched refuses a single path that is no file, or an empty one, and points out one that is no film: from a folder
// none of these is taken.
func unwatched(paths []string, log zerolog.Logger) error {
	if len(paths) != 1 {
		return nil
	}
	path := paths[0]
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("publish %s: %w; check the path and its rights", path, bare(err))
	case !info.Mode().IsRegular(): // to open a pipe would wait for who writes to it
		return wrongUsage("publish %s: it is no file, so no film; for a stream add --live", path)
	case info.Size() == 0:
		return fmt.Errorf("publish %s: the file is empty, and there is nothing to share; name one that holds a film", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("publish %s: %w; check the path and its rights", path, bare(err))
	}
	_ = f.Close() // it was only tried
	if kind := publish.MediaType(path); !strings.HasPrefix(kind, "video/") && !strings.HasPrefix(kind, "audio/") {
		log.Warn().Str("file", path).Str("type", kind).Msg("by its name this is neither picture nor sound: get fetches it, but no screen will play it")
	}
	return nil
}

// planLive checks the flags of a live stream.
func (p *publishCommand) planLive() (ppsp.Metadata, error) {
	algorithm := ppsp.ECDSAP256SHA256
	var err error
	if p.Signature != "" {
		if algorithm, err = ppsp.ParseSignature(p.Signature); err != nil {
			return ppsp.Metadata{}, usageError{fmt.Errorf("--signature: %w", err)}
		}
	}
	meta, err := p.live(publish.LiveChunkSize)
	if err == nil {
		meta.Signature = algorithm
		meta, err = p.suit(meta)
	}
	if err != nil {
		return ppsp.Metadata{}, err
	}
	if n := p.ChunksPerSignature; n != 0 && (n < 2 || n > swarm.MaxMunro || n&(n-1) != 0) {
		return ppsp.Metadata{}, wrongUsage("--chunks-per-signature %d: take a power of two from 2 to %d", n, swarm.MaxMunro)
	} else if n != 0 && meta.Integrity != ppsp.IntegrityUnified {
		return ppsp.Metadata{}, wrongUsage("--chunks-per-signature %d: integrity method %s knows no such number; leave it out, or take --integrity unified", n, meta.Integrity)
	}
	return meta, p.readableStream()
}

// readableStream looks at the recording that is published live. A pipe is left alone: who
// writes to it would notice.
func (p *publishCommand) readableStream() error {
	if info, err := os.Stat(p.Path); p.Path == "-" || err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil
	}
	f, err := openStream(p.Path)
	if err != nil {
		return err
	}
	return f.Close()
}

// suit takes as defaults what the profile can do, and refuses what it can not.
func (p *publishCommand) suit(meta ppsp.Metadata) (ppsp.Metadata, error) {
	if swarm.Profile(p.Profile) != swarm.ProfileDraft10 {
		return meta, nil
	}
	if p.Hash == "" {
		meta.Hash = ppsp.SHA1
	}
	if p.Addressing == "" {
		meta.Addressing = ppsp.ChunkRanges32
	}
	if err := swarm.Draft10Fits(meta); err != nil {
		return meta, wrongUsage("--profile draft10: %w", err)
	}
	return meta, nil
}

// filmOnly refuses what a film has no use for.
func (p *publishCommand) filmOnly() error {
	for _, f := range []struct {
		flag string
		set  bool
	}{
		{"--signature", p.Signature != ""},
		{"--chunks-per-signature", p.ChunksPerSignature != 0},
		{"--key", p.Key != ""},
		{"--rate", p.Rate != 0},
		{"--record", p.Record != ""},
	} {
		if f.set {
			return wrongUsage("%s is for live streams, and a film has no use for it; leave it out, or add --live", f.flag)
		}
	}
	return nil
}

// openStream opens the recording that is published live.
func openStream(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w; check the path, or give - for standard input", path, bare(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, wrongUsage("publish %s: it is a folder; name one transport stream, or - for standard input", path)
	}
	return f, nil
}
