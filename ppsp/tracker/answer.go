package tracker

import (
	"context"
	"errors"
	"time"
)

// DefaultPeers is the length of a peer list for which no peer_num was given (RFC 7846,
// 4.1.1, implementation note).
const DefaultPeers = 20

// answer makes the response to a request that is well formed and authorized, and was
// decoded from body.
func (s *Server) answer(ctx context.Context, r *Request, body []byte, from Address) (out *Response) {
	switch r.Type {
	case TypeConnect:
		out = s.connect(ctx, r, body, from)
	case TypeFind:
		out = s.find(ctx, r)
	default:
		out = s.report(ctx, r)
	}
	if out.ErrorCode == NoError {
		s.outage.over(s.config.Logger, s.config.Now())
	}
	return out
}

// connect carries out the swarm actions in the order in which they stand. Table 6 of RFC
// 7846 is read for each swarm by itself, since a peer ID is one in all swarms (RFC 6972,
// PPSP.REQ-1): JOIN is valid in any state, and renews the membership if there is one;
// LEAVE is valid for a member. With Strict the table is read to the letter. RFC 7846,
// 2.3.2 A: only if all actions are invalid is the request refused; otherwise each has its
// own result. body is the message, by which a repetition is known.
func (s *Server) connect(ctx context.Context, r *Request, body []byte, from Address) *Response {
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	now := s.config.Now()
	before, repeated := s.repeats.get(body, now)
	last := false
	if s.config.Strict && !repeated {
		var err error
		if last, err = s.strictly(ctx, r); err != nil {
			return s.refuse(r, err)
		}
	}
	out := s.success(r)
	var refused error
	var done uint32
	for i, a := range r.Connect.Actions {
		peers, err := s.act(ctx, r, a, from)
		if a.Action == ActionLeave && before&(1<<i) != 0 && errors.Is(err, ErrNotMember) {
			err = nil // it was done when this came first
		}
		result := SwarmResult{SwarmID: a.SwarmID, Result: Successful}
		if err != nil {
			refused = worse(refused, err)
			result.Result = Failed
		} else {
			done |= 1 << i
			if len(peers) > 0 {
				result.PeerGroup = &PeerGroup{Peers: peers}
			}
		}
		out.Results = append(out.Results, result)
	}
	if done != 0 && last {
		if err := s.config.Registry.Remove(ctx, now, r.PeerID); err != nil {
			return s.refuse(r, err)
		}
	}
	if done == 0 {
		return s.refuse(r, refused)
	}
	s.repeats.put(body, now, done)
	// RFC 7846, 4.1.1: with STUN "peer_addr SHOULD NOT present in the response".
	if from.Usable() && !statesReflexive(r.Connect.Addresses) {
		out.PeerAddress = &from
	}
	return out
}

// initTimeout is the "init timer" of RFC 7846, 2.3.1: what a CONNECT may take until the peer
// is tracked. Then it is given up, and answered with 04.
const initTimeout = 5 * time.Second

func statesReflexive(addresses []Address) bool {
	for _, a := range addresses {
		if a.Type == Reflexive {
			return true
		}
	}
	return false
}

// act carries out one action and returns the peers of a swarm joined, if they are wanted.
func (s *Server) act(ctx context.Context, r *Request, a SwarmAction, from Address) ([]Peer, error) {
	now := s.config.Now()
	if a.Action == ActionLeave {
		return nil, s.config.Registry.Leave(ctx, now, a.SwarmID, r.PeerID)
	}
	m := Member{ID: r.PeerID, Mode: a.Mode, Addresses: r.Connect.Addresses, Source: from, About: r.Connect.PeerNum}
	if err := s.config.Registry.Join(ctx, now, a.SwarmID, m); err != nil {
		return nil, err
	}
	// RFC 7846, 4.1.1: "If the peer_mode is LEECH (or if a SEEDER includes a peer_num
	// element in the request), the tracker will search and select an appropriate list".
	if a.Mode == Seeder && r.Connect.PeerNum == nil {
		return nil, nil
	}
	return s.config.Registry.Find(ctx, now, a.SwarmID, r.PeerID, r.Connect.PeerNum.count(), r.Connect.PeerNum)
}

func (s *Server) find(ctx context.Context, r *Request) *Response {
	peers, err := s.config.Registry.Find(ctx, s.config.Now(), r.Find.SwarmID, r.PeerID, r.Find.PeerNum.count(), r.Find.PeerNum)
	if err != nil {
		return s.refuse(r, err)
	}
	out := s.success(r)
	// RFC 7846, 4.1.2: "The response MUST include a peer_group element", so an empty one
	// too, although the schema wants an entry in it.
	out.Results = List[SwarmResult]{{SwarmID: r.Find.SwarmID, PeerGroup: &PeerGroup{Peers: peers}}}
	return out
}

func (s *Server) report(ctx context.Context, r *Request) *Response {
	now := s.config.Now()
	if !r.StatReport.known() || len(r.StatReport.Stats) == 0 {
		if err := s.config.Registry.Touch(ctx, now, r.PeerID); err != nil {
			return s.refuse(r, err)
		}
		return s.success(r)
	}
	out := s.success(r)
	var refused error
	done := 0
	for _, stats := range r.StatReport.Stats {
		result := SwarmResult{SwarmID: stats.SwarmID, Result: Successful}
		if err := s.config.Registry.Report(ctx, now, r.PeerID, stats); err != nil {
			refused = worse(refused, err)
			result.Result = Failed
		} else {
			done++
		}
		out.Results = append(out.Results, result)
	}
	if done == 0 {
		return s.refuse(r, refused)
	}
	return out
}

// count returns how many peers are wanted. RFC 7846, 3.2.2: "peer_count should be less
// than 30".
func (p *PeerNum) count() int {
	if p == nil {
		return DefaultPeers
	}
	return int(min(p.PeerCount, MaxPeers))
}

func (s *Server) success(r *Request) *Response {
	return &Response{
		ResponseType: Successful, ErrorCode: NoError, TransactionID: r.TransactionID,
		TrackTimeout: Number((s.config.TrackTimeout + time.Second - 1) / time.Second),
	}
}

// refuse turns what a registry returned into the code to answer with.
func (s *Server) refuse(r *Request, err error) *Response {
	switch {
	case errors.Is(err, ErrNotMember):
		return refusal(r, &Error{Code: ForbiddenAction})
	case errors.Is(err, ErrFull):
		return refusal(r, &Error{Code: ServiceUnavailable})
	}
	if errors.Is(err, ErrUnavailable) {
		s.outage.note(s.config.Logger, s.config.Now(), err)
		return refusal(r, &Error{Code: ServiceUnavailable})
	}
	s.config.Logger.Error().Err(err).Msg("tracker: the registry failed")
	return refusal(r, &Error{Code: InternalServerError})
}

// refusal is a response without peer_addr and swarm_result (RFC 7846, 4.3).
func refusal(r *Request, e *Error) *Response {
	return &Response{ResponseType: Failed, ErrorCode: e.Code, TransactionID: r.TransactionID}
}

// worse returns the error that says more about why nothing was done.
func worse(a, b error) error {
	if a == nil || errors.Is(a, ErrNotMember) {
		return b
	}
	return a
}
