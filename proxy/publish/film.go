// Package publish is the publisher: it makes swarms of films and live streams and is their
// first peer. The gateway shows swarms, this package fills them.
package publish

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// FilmConfig says what film is published and how.
type FilmConfig struct {
	Path     string        // the file; it must not change while it is published
	Metadata ppsp.Metadata // the SwarmID is filled in; zero for ppsp.StaticDefaults
	Title    string        // empty for the file's name
	Group    string        // empty for none
	Trackers []string      // URLs
	Contacts []string      // host:port, put into the link for receivers without tracker
	StateDir string        // folder that keeps hash trees, empty for none

	Profile swarm.Profile // form of the protocol that is spoken

	Node       *node.Node
	Tracking   membership.Trackers
	Authority  *member.Authority   // of membership certificates, which peers pass on; nil for none
	TrackerKey member.AuthorityKey // of the trackers that give out membership certificates instead; zero for none
	Closed     bool                // only its members take part
	Progress   func(done, total int64)
	Logger     zerolog.Logger
}

// Film is a published film. Make it by OpenFilm.
type Film struct {
	link   ppsp.Link
	file   *store.File
	member *membership.Member
	chunks uint64
	check  time.Duration // changeCheck but in tests
	log    zerolog.Logger
}

// changeCheck is how often a published file is looked at for changes.
const changeCheck = 5 * time.Second

// OpenFilm hashes the file, unless a tree of it is kept, and joins its swarm. Run serves it.
func OpenFilm(ctx context.Context, c FilmConfig) (*Film, error) {
	if c.Metadata == (ppsp.Metadata{}) {
		c.Metadata = ppsp.StaticDefaults("")
	}
	file, meta, err := store.Seed(ctx, c.Path, store.SeedConfig{Metadata: c.Metadata, StateDir: c.StateDir, Progress: c.Progress})
	if err != nil {
		return nil, err
	}
	f := &Film{file: file, chunks: file.Tree().Chunks(), check: changeCheck, log: c.Logger}
	f.link = ppsp.NewLink(meta)
	f.link.Title, f.link.Group = c.Title, c.Group
	if f.link.Title == "" {
		f.link.Title = strings.TrimSuffix(filepath.Base(c.Path), filepath.Ext(c.Path))
	}
	f.link.Length, _ = file.Size()
	f.link.Duration = Duration(c.Path)
	f.link.MediaType = MediaType(c.Path)
	f.link.Trackers, f.link.Peers = c.Trackers, c.Contacts
	credential, err := enroll(&f.link, c.Authority, c.TrackerKey, c.Closed)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("publish %s: %w", c.Path, err), file.Close())
	}
	if err := f.link.Validate(); err != nil {
		return nil, errors.Join(fmt.Errorf("publish %s: %w", c.Path, err), file.Close())
	}
	f.member, err = membership.Join(membership.Config{
		Node: c.Node, Link: f.link, Seed: true, Given: true, Trackers: c.Tracking, Credential: credential, Logger: c.Logger,
		Swarm:  swarm.Config{Meta: meta, Store: file, Tree: file.Tree(), Have: file.Have(), Profile: c.Profile},
		Events: peerLog(c.Logger, meta.SwarmID),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("publish %s: %w", c.Path, err), file.Close())
	}
	return f, nil
}

// Link returns the link of the film.
func (f *Film) Link() ppsp.Link { return f.link }

// Chunks returns how many chunks the film has.
func (f *Film) Chunks() uint64 { return f.chunks }

// Member returns the publisher's part in the swarm.
func (f *Film) Member() *membership.Member { return f.member }

// Run serves the film until ctx ends, or until the file is no longer what was hashed: then
// the error says so.
func (f *Film) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := make(chan error, 1)
	go func() { // ends with ctx, which ends with Run
		defer cancel()
		changed <- f.watch(ctx)
	}()
	scrubbed := make(chan struct{})
	go func() { // likewise
		defer close(scrubbed)
		f.scrub(ctx)
	}()
	err := f.member.Run(ctx)
	cancel()
	<-scrubbed
	return errors.Join(err, <-changed, f.file.Close())
}

// scrub hashes what was hashed in an earlier run and no peer has asked for yet.
func (f *Film) scrub(ctx context.Context) {
	damaged := func() {
		lost := f.file.TakeLost()
		if lost.Count() == 0 || f.file.Unchanged() != nil { // watch tells that
			return
		}
		f.log.Error().Uint64("chunks", lost.Count()).Str("file", f.file.Path()).
			Msg("part of the film is damaged on the disk and is not served: put the file back from a copy")
		_ = f.member.Swarm().Lost(lost) // fails only when all is over
	}
	if err := f.file.Check(ctx, store.ScrubRate, damaged); err != nil && ctx.Err() == nil && f.file.Unchanged() == nil {
		f.log.Warn().Err(err).Msg("the film could not be checked")
	}
}

// watch returns an error as soon as the file has changed, nil when ctx ends.
func (f *Film) watch(ctx context.Context) error {
	tick := time.NewTicker(f.check)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := f.file.Unchanged(); err != nil {
			return fmt.Errorf("swarm %s: it is published no longer, for %s has changed: publish the file again, it gets a new link",
				f.link.SwarmID.Short(), f.file.Path())
		}
	}
}

// MediaType returns the media type by the name's ending, as players know it; the system's
// table is not asked, for it may call a transport stream a translation file.
func MediaType(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".mp4", ".m4v":
		return "video/mp4"
	case ".ts", ".m2ts", ".mts":
		return "video/mp2t"
	case ".mkv":
		return "video/x-matroska"
	case ".webm":
		return "video/webm"
	case ".avi":
		return "video/x-msvideo"
	case ".mov":
		return "video/quicktime"
	case ".mpg", ".mpeg":
		return "video/mpeg"
	case ".mp3":
		return "audio/mpeg"
	case ".flac":
		return "audio/flac"
	}
	if t, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(name))); err == nil {
		return t
	}
	return "application/octet-stream"
}

// mismatchEvery bounds how often a peer with other metadata is logged: strangers can cause it.
const mismatchEvery = time.Minute

// peerLog returns what logs what an operator would want to read of a swarm's peers. It is
// called on one goroutine.
func peerLog(log zerolog.Logger, id ppsp.SwarmID) func(swarm.Event) {
	var last time.Time
	return func(e swarm.Event) {
		if e.Kind == swarm.EventMismatch && time.Since(last) > mismatchEvery {
			last = time.Now()
			log.Warn().Str("swarm", id.Short()).Stringer("peer", e.Peer).Str("reason", e.Reason).
				Msg("a peer has another link to this swarm and gets no answer: give it the link that stands here")
		}
		logPeers(log, e)
	}
}

func logPeers(log zerolog.Logger, e swarm.Event) {
	switch e.Kind {
	case swarm.EventPeerUp:
		log.Debug().Stringer("peer", e.Peer).Msg("peer connected")
	case swarm.EventPeerDown:
		log.Debug().Stringer("peer", e.Peer).Str("reason", e.Reason).Msg("peer gone")
	case swarm.EventBan:
		log.Warn().Stringer("peer", e.Peer).Str("reason", e.Reason).Msg("peer shut out")
	}
}
