package tracker

// check holds a request to RFC 7846, 3 and to the bounds of this package.
func (r *Request) check() *Error {
	if err := checkID("peer_id", r.PeerID, MaxPeerID); err != nil {
		return err
	}
	switch r.Type {
	case TypeConnect:
		if r.Connect == nil {
			return badRequest("a CONNECT has no connect member")
		}
		return r.Connect.check()
	case TypeFind:
		if r.Find == nil {
			return badRequest("a FIND has no find member")
		}
		if err := r.Find.PeerNum.check(); err != nil {
			return err
		}
		return checkID("swarm_id", r.Find.SwarmID, MaxSwarmIDText)
	case TypeStatReport:
		return r.StatReport.check()
	}
	return badRequest("request_type %.20q is unknown", r.Type)
}

func (c *Connect) check() *Error {
	if n := len(c.Actions); n == 0 || n > MaxActions {
		return badRequest("there are %d swarm actions, want 1 to %d", n, MaxActions)
	}
	for _, a := range c.Actions {
		if err := checkID("swarm_id", a.SwarmID, MaxSwarmIDText); err != nil {
			return err
		}
		if a.Action != ActionJoin && a.Action != ActionLeave {
			return badRequest("action %.20q is unknown", a.Action)
		}
		// RFC 7846, 4.1.1: LEAVE "regardless of the peer mode".
		if a.Mode != Seeder && a.Mode != Leech && a.Action == ActionJoin {
			return badRequest("peer_mode %.20q is unknown", a.Mode)
		}
	}
	for _, a := range c.Addresses {
		if err := a.check(); err != nil {
			return err
		}
	}
	return c.PeerNum.check()
}

// Bounds of the free texts of an address in bytes.
const (
	maxASN      = 32
	maxProtocol = 32
)

func (a *Address) check() *Error {
	switch {
	case !a.IsValid():
		return badRequest("a peer_addr names no IP address and port")
	case a.Type != "" && a.Type != Host && a.Type != Reflexive && a.Type != Proxy:
		return badRequest("address type %.20q is unknown", a.Type)
	case a.Connection != "" && a.Connection != "wireless" && a.Connection != "wired":
		return badRequest("connection %.20q is unknown", a.Connection)
	case len(a.ASN) > maxASN || len(a.Protocol) > maxProtocol:
		return badRequest("asn or peer_protocol is longer than %d bytes", maxASN)
	}
	return nil
}

// check accepts nil: the element is optional.
func (p *PeerNum) check() *Error {
	switch {
	case p == nil:
		return nil
	case p.PeerCount < 0 || p.ConcurrentLinks < 0 || p.OnlineTime < 0 || p.UploadBandwidth < 0:
		return badRequest("peer_num holds a negative number")
	}
	switch p.AbilityNAT {
	case "", "NO_NAT", "STUN", "TURN":
		return nil
	}
	return badRequest("ability_nat %.20q is unknown", p.AbilityNAT)
}

// check accepts nil: RFC 7846, 4.1.3: "If no Statistics Group is included, the STAT_REPORT
// is used as a "keep-alive" message".
func (s *StatReport) check() *Error {
	if s == nil {
		return nil
	}
	if len(s.Stats) > MaxStats {
		return badRequest("there are %d statistics, more than %d", len(s.Stats), MaxStats)
	}
	if !s.known() {
		return nil // statistics of a later extension
	}
	for _, st := range s.Stats {
		if err := checkID("swarm_id", st.SwarmID, MaxSwarmIDText); err != nil {
			return err
		}
		if st.UploadedBytes < 0 || st.DownloadedBytes < 0 || st.AvailableBandwidth < 0 || st.ConcurrentLinks < 0 || st.ChunksLate < 0 {
			return badRequest("a statistic is negative")
		}
		if _, ok := countHeld(st.ChunksHeld); !ok {
			return badRequest("chunks_held %.20q is no list of ranges, or has more than %d bytes", st.ChunksHeld, MaxHeld)
		}
	}
	return nil
}

// known tells whether the statistics are of the defined type.
func (s *StatReport) known() bool {
	return s != nil && (s.Type == StreamStatsType || s.Type == "")
}
