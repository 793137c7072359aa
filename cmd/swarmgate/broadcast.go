package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/publish"
	"github.com/swarmgate/swarmgate/proxy/state"
)

// broadcast is a live stream that may become a film at its end: "as soon as the broadcast
// ends, the content is available as a video-on-demand download" (RFC 7574, 6.1.2.1).
type broadcast struct {
	*publish.Live
	p       *publishCommand
	dir     string
	peering *peering
	out     *printer
	log     zerolog.Logger
}

// Run streams, and then serves the recording, if there is one, until ctx ends.
func (b *broadcast) Run(ctx context.Context) error {
	if err := b.Live.Run(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if !b.Recorded() {
		b.out.say("The broadcast is over.")
		return nil
	}
	film, err := publish.OpenFilm(ctx, b.film())
	if err != nil {
		return fmt.Errorf("the broadcast is over, and kept in %s: %w", b.p.Record, err)
	}
	tellSwarm(b.out, film.Link(), b.peering)
	b.out.say("The broadcast is over. As a film it goes on:")
	saySwarm(b.out, film.Link())
	return film.Run(ctx)
}

// film is made of the same chunks, by the same hash function: the tree of the stream is its own.
func (b *broadcast) film() publish.FilmConfig {
	live := b.Link()
	meta := ppsp.StaticDefaults("")
	meta.Hash, meta.Addressing = live.Hash, live.Addressing
	if live.ChunkSize != ppsp.VariableChunks { // else it is cut evenly
		meta.ChunkSize = live.ChunkSize
	}
	title := live.Title
	if title == "" {
		title = strings.TrimSuffix(filepath.Base(b.p.Record), filepath.Ext(b.p.Record))
	}
	return publish.FilmConfig{
		Path: b.p.Record, Metadata: meta, Title: title, Trackers: live.Trackers, Contacts: live.Peers, StateDir: b.dir,
		Node: b.peering.node, Tracking: b.peering.trackers, Authority: b.p.authority, TrackerKey: b.p.trackerKey, Closed: b.p.Closed, Profile: swarm.Profile(b.p.Profile), Logger: b.log,
	}
}

// perSecond is how many chunk numbers a second of lost time is worth: more than any stream has.
const perSecond = 1 << 12

// goOn lets the numbers of a key that was used before go on where nobody can have seen any,
// when the state that would know is lost: viewers take lower numbers that were signed later
// for a replay (RFC 7574, 12.6.5).
func goOn(s *state.State, id ppsp.SwarmID, meta ppsp.Metadata, now time.Time) error {
	known, err := s.LiveSwarms()
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.SwarmID == id && k.Next > 0 {
			return nil
		}
	}
	if meta.Addressing == ppsp.Bins32 || meta.Addressing == ppsp.ChunkRanges32 {
		return fmt.Errorf("swarm %s: the key was used before, but the folder of --dir does not tell for which chunks, and 32 bits have no room to leave a gap; name that folder, publish with another --key, or take --addressing chunk64", id.Short())
	}
	return s.SkipChunks(id, uint64(max(now.Unix(), 0))*perSecond)
}

// stayClosed sees to it that a channel that was for members only is not opened by an option
// that was forgotten: who watched it by its key still could, and everyone else, too.
func stayClosed(s *state.State, id ppsp.SwarmID, closed bool, keyFile string) error {
	if closed {
		return s.SetClosed(id)
	}
	known, err := s.LiveSwarms()
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.SwarmID == id && k.Closed {
			return wrongUsage("key %s is of a channel for members only; add --closed, or name another file with --key for an open channel", keyFile)
		}
	}
	return nil
}
