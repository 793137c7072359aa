package proxy

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// pollPatience is how long a player that fetches segments counts as a viewer behind its last
	// request; it asks once in each segment, which lasts 10 s at most.
	pollPatience = 15 * time.Second
	// maxPolling bounds such players of one session; more are served, and not counted.
	maxPolling = 256
)

// Segments lists what a channel has in segments, for players that fetch one after the other
// (RFC 8216). It waits for the first; the first one to ask starts the session. client names the
// player, which counts as one viewer while it keeps asking.
func (g *Gateway) Segments(ctx context.Context, id, client string) (mpegts.Playlist, error) {
	s, err := g.acquire(ctx, id, ppsp.Live)
	if err != nil {
		return mpegts.Playlist{}, err
	}
	defer s.release()
	if err := s.open(ctx); err != nil {
		return mpegts.Playlist{}, err
	}
	c, ok := s.content.(*channel)
	if !ok {
		return mpegts.Playlist{}, ErrNotFound
	}
	list, err := c.bus.Playlist(ctx, time.Now)
	if errors.Is(err, io.EOF) {
		err = s.ending()
	}
	if err == nil && s.poll(client, time.Now()) {
		g.watched(id)
	}
	return list, err
}

// Segment returns a segment of a channel by its number, ErrNotFound when the gateway has it not,
// or not any more.
func (g *Gateway) Segment(id, client string, number uint64) (io.ReadSeeker, error) {
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	c := s.channelContent()
	if c == nil {
		return nil, ErrNotFound
	}
	s.poll(client, time.Now())
	r, err := c.bus.OpenSegment(number)
	if err != nil {
		return nil, ErrNotFound
	}
	return r, nil
}

// channelContent is the content of a channel that is open, nil for all else.
func (s *session) channelContent() *channel {
	if s == nil {
		return nil
	}
	select {
	case <-s.opened:
	default:
		return nil
	}
	c, _ := s.content.(*channel)
	return c
}

// poll notes that a player asks, and tells whether it is a new one.
func (s *session) poll(client string, now time.Time) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.polling[client]
	if !known && len(s.polling) >= maxPolling {
		return false
	}
	if s.polling == nil {
		s.polling = map[string]time.Time{}
	}
	s.polling[client] = now
	s.shown.Viewers = s.watching()
	return !known
}

// dropPolling forgets players that have stopped asking. The caller holds mu.
func (s *session) dropPolling(now time.Time) {
	for client, at := range s.polling {
		if now.Sub(at) > pollPatience {
			delete(s.polling, client)
			if at.After(s.idleFrom) {
				s.idleFrom = at
			}
		}
	}
	s.shown.Viewers = s.watching()
}

// watching is how many viewers there are. The caller holds mu.
func (s *session) watching() int { return s.viewers + len(s.polling) }
