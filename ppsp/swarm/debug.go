package swarm

import "fmt"

func (s *Swarm) Debug() string {
	l := s.live
	q := uint64(0)
	fl := 0
	for _, c := range s.order {
		q += c.count()
		fl += c.control.Flight()
	}
	out := fmt.Sprintf("edge %d next %d have %d asked %d askable %d queued %d flight %dk", l.edge, l.next, s.have.Count(), s.requested.Count(), l.askable.Count(), q, fl/1024)
	if l.source != nil {
		out += fmt.Sprintf(" fresh %d again %d public -%d", l.offers.fresh.len(), l.offers.again.len(), l.edge-l.offers.public)
	}
	return out
}
func (s *Swarm) DebugPeers() string {
	out := ""
	for _, c := range s.order {
		last, _ := c.peerHave.Last()
		out += fmt.Sprintf("[%s out %d/%d lat %d q %d have %d-%d] ", c.remote.Addr(), c.outstanding.live, c.pipeline, c.latency/1e6, c.quickest/1e6, c.peerHave.Count(), last)
	}
	return out
}
