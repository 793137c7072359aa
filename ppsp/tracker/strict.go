package tracker

import "context"

// verdict is what Table 6 of RFC 7846 says of a CONNECT.
type verdict struct {
	valid    bool
	tracking bool // the final state is TRACKING, else TERMINATE
}

// table6 reads Table 6 of RFC 7846 to the letter: what stands in no row is invalid, and what
// is invalid ends the registration. tracking tells the peer's initial state, START if false.
// All counts for the peer, whatever the swarms, so that it can watch one channel at a time.
func table6(actions []SwarmAction, tracking bool) verdict {
	var joins, leaves [2]int // of leeches, of seeders
	for _, a := range actions {
		mode := 0
		if a.Mode == Seeder {
			mode = 1
		}
		if a.Action == ActionJoin {
			joins[mode]++
		} else {
			leaves[mode]++
		}
	}
	leechJoin, leechLeave, n := joins[0] == 1, leaves[0] == 1, len(actions)
	switch {
	case !tracking && (n == 1 && leechJoin || n == joins[1]):
		return verdict{valid: true, tracking: true}
	case tracking && n == 2 && leechJoin && leechLeave:
		return verdict{valid: true, tracking: true}
	case tracking && (n == 1 && leechLeave || n == leaves[1]):
		return verdict{valid: true}
	}
	return verdict{}
}

// strictly holds a CONNECT to Table 6. The error is one to refuse with. last tells that the
// peer is to be forgotten after the actions: its final state is TERMINATE.
func (s *Server) strictly(ctx context.Context, r *Request) (last bool, err error) {
	now := s.config.Now()
	tracking, err := s.config.Registry.Known(ctx, now, r.PeerID)
	if err != nil {
		return false, err
	}
	v := table6(r.Connect.Actions, tracking)
	if v.valid {
		return !v.tracking, nil
	}
	if err := s.config.Registry.Remove(ctx, now, r.PeerID); err != nil {
		return false, err
	}
	return false, ErrNotMember
}
