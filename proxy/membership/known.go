package membership

import (
	"context"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Known keeps addresses of peers that worked, by swarm, over restarts. It bounds and ages what it keeps.
type Known interface {
	// Peers returns those of the swarm, the latest first.
	Peers(id ppsp.SwarmID) ([]netip.AddrPort, error)
	// KeepPeers notes that these worked just now.
	KeepPeers(id ppsp.SwarmID, addrs []netip.AddrPort) error
}

// When known peers are noted: soon, since a node can be killed at any moment, and then now and again.
const (
	firstNote = 3 * time.Second
	noteEvery = time.Minute
	// The same peers are noted more seldom: flash wears out.
	noteAgain = 6 * time.Hour
	// triedAgain is after what time known peers are named to the engine again while it has none.
	triedAgain = 15 * time.Second
)

// remember names the peers of earlier runs to the engine, beside what the trackers name, and keeps
// those that work.
func (m *Member) remember(ctx context.Context) {
	known, err := m.cfg.Trackers.Known.Peers(m.cfg.Link.SwarmID)
	if err != nil {
		m.cfg.Logger.Warn().Err(err).Msg("the peers of earlier runs are not known")
	}
	m.meet(known)
	tick := time.NewTicker(firstNote)
	defer tick.Stop()
	tried := time.Now()
	var noted time.Time
	var before map[netip.AddrPort]bool
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if m.peers.Load() == 0 && now.Sub(tried) > triedAgain {
				tried = now
				m.meet(known)
			}
			if !noted.IsZero() && now.Sub(noted) < noteEvery {
				continue
			}
			working := m.working()
			if len(working) == 0 || now.Sub(noted) < noteAgain && allIn(before, working) {
				continue
			}
			noted, before = now, setOf(working)
			if err := m.cfg.Trackers.Known.KeepPeers(m.cfg.Link.SwarmID, working); err != nil {
				level := zerolog.WarnLevel
				if failed {
					level = zerolog.DebugLevel // it was said
				}
				m.cfg.Logger.WithLevel(level).Err(err).Msg("the peers of this swarm can't be kept for the next start; tried again in a minute")
				failed, before = true, nil
				continue
			}
			failed = false
			m.cfg.Logger.Debug().Int("peers", len(working)).Msg("these peers are kept for the next start")
		}
	}
}

func setOf(addrs []netip.AddrPort) map[netip.AddrPort]bool {
	set := make(map[netip.AddrPort]bool, len(addrs))
	for _, a := range addrs {
		set[a] = true
	}
	return set
}

func allIn(set map[netip.AddrPort]bool, addrs []netip.AddrPort) bool {
	for _, a := range addrs {
		if !set[a] {
			return false
		}
	}
	return true
}

// working returns the addresses of those who are connected, first of those who have something.
func (m *Member) working() []netip.AddrPort {
	st, err := m.swarm.Stats()
	if err != nil {
		return nil
	}
	var addrs, empty []netip.AddrPort
	for _, p := range st.Peers {
		switch {
		case !p.Established:
		case p.Chunks > 0:
			addrs = append(addrs, p.Addr)
		default:
			empty = append(empty, p.Addr)
		}
	}
	return append(addrs, empty...)
}
