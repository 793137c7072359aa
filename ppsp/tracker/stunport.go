package tracker

import (
	"net"
	"net/http"
	"strconv"
)

// STUNPortHeader is a header of a tracker's answers, also of those that refuse: the UDP port at which the tracker's host
// answers STUN. RFC 7846 leaves open how peers come to know a STUN server (4.1.1: "If no STUN is used"); a header changes
// nothing of its messages.
const STUNPortHeader = "Stun-Port"

// nameSTUN adds the header to an answer.
func (s *Server) nameSTUN(h http.Header) {
	if s.config.STUNPort != 0 {
		h[STUNPortHeader] = s.stunPort
	}
}

// stunServer is the STUN server that an answer names, HOST:PORT; empty for none. It is always on the tracker's host: a
// tracker has no business sending us elsewhere.
func (c *Client) stunServer(h http.Header) string {
	port, err := strconv.ParseUint(h.Get(STUNPortHeader), 10, 16)
	if err != nil || port == 0 || c.reach.url == nil {
		return ""
	}
	return net.JoinHostPort(c.reach.url.Hostname(), strconv.FormatUint(port, 10))
}
