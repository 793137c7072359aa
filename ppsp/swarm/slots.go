package swarm

import "net/netip"

// "Peer A must not let other peers fill all its available connection slots" (RFC 7574, 12.6.1):
// some are kept for those that we open. Those that peers open are for peers that make use of
// them. When all are taken, who comes next and proves its address takes the place of the one
// that is of the least use: it gave us no chunk and took none,
//
//	never, and has been here for dropMute, or comes from where many such come from; or
//	not for dropIdle.
//
// So a crowd that connects and stays mute shuts nobody out, and who has paused is let go only
// when another wants its place.
const (
	dropMute  = 15e9  // ns
	dropIdle  = 120e9 // ns
	crowdHost = 8     // mute channels from one host, beyond which none of them need be old
	maxProbed = 16    // newcomers beyond the slots that may try to prove their addresses at a time
)

// usedAt returns when the peer last gave us a chunk or took one, 0 for never.
func (c *channel) usedAt() int64 { return max(c.gaveAt, c.flight.ackAt) }

// leastUseful returns the channel that makes room for newcomer, nil if all are of use: of those
// from the host that has most mute ones the one that has been of no use for the longest.
func (s *Swarm) leastUseful(now int64, newcomer *channel) *channel {
	if s.mute == nil {
		s.mute = map[netip.Prefix]int{}
	}
	clear(s.mute)
	idle := func(c *channel) bool { return c.incoming && c != newcomer && c.state == stateOpen }
	for _, c := range s.order {
		if idle(c) && c.usedAt() == 0 && !c.remote.Addr().IsLoopback() { // there each port is a program of its own
			s.mute[hostOf(c.remote.Addr())]++
		}
	}
	var worst *channel
	crowd, since := 0, int64(0)
	for _, c := range s.order {
		if !idle(c) {
			continue
		}
		used, beside := c.usedAt(), 0
		switch {
		case used > 0 && now-used < dropIdle:
			continue
		case used == 0:
			beside = s.mute[hostOf(c.remote.Addr())]
			if used = c.openedAt; now-used < dropMute && beside <= crowdHost {
				continue
			}
		}
		if worst == nil || beside > crowd || beside == crowd && used < since {
			worst, crowd, since = c, beside, used
		}
	}
	return worst
}

// roomFor tells whether one more peer may open a channel: there is a slot, or will be should it
// prove its address. A channel whose address is not proven makes room for it if need be.
func (s *Swarm) roomFor(now int64) bool {
	if s.incoming < maxIncoming && len(s.order) < s.most(true) {
		return true
	}
	if len(s.order) < MaxChannels && s.responding() < maxProbed && s.leastUseful(now, nil) != nil {
		return true
	}
	return s.evict()
}

// admit makes room for c, which has proven its address; false if there is none.
func (s *Swarm) admit(now int64, c *channel) bool {
	responding := s.responding() - 1
	if s.incoming-responding <= maxIncoming && len(s.order)-responding <= s.most(true) {
		return true
	}
	worst := s.leastUseful(now, c)
	if worst != nil {
		worst.close("others need its place, and it made no use of it")
	}
	return worst != nil
}

// responding counts the channels whose peers have not proven their addresses.
func (s *Swarm) responding() int {
	n := 0
	for _, c := range s.order {
		if c.state == stateResponding {
			n++
		}
	}
	return n
}

// most is how many channels there may be before one more is opened by us, or by a peer. The
// source of a stream takes in many, since what it offers them is little.
func (s *Swarm) most(incoming bool) int {
	if incoming && s.live != nil && s.live.source == nil {
		return max(liveMostPeers, 2*s.cfg.TargetPeers)
	}
	return MaxChannels
}

// evict makes room for a newcomer by dropping the oldest channel that a peer opened and did
// not prove its address on: its handshake may be forged.
func (s *Swarm) evict() bool {
	for _, c := range s.order {
		if c.state == stateResponding {
			s.drop(c)
			return true
		}
	}
	return false
}
