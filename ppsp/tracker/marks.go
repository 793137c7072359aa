package tracker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Role is what a peer is beyond one of many (RFC 6972, UC-5.1): an extension member of peer_info
// and, for edges, of peer_num (RFC 7846, 7.1).
type Role string

// The roles. An edge is a cache that its operator set up to upload; a super-node is a peer of which
// the tracker's operator knows that it is strong. Others have none.
const (
	Edge      Role = "edge"
	SuperNode Role = "super"
)

// role is the trait's name; of a peer that is both, an edge.
func (t traits) role() Role {
	switch {
	case t&edge != 0:
		return Edge
	case t&super != 0:
		return SuperNode
	}
	return ""
}

// Marks are an operator's table of peers and networks whose peers have a role. It does not
// change and may be used by several goroutines.
type Marks struct {
	peers    map[string]traits
	networks *Places // with traits for the number of an autonomous system; nil for none
}

// MaxMarks bounds the lines of a table.
const MaxMarks = 1 << 20

// ReadMarks reads lines "edge PEER-ID", "super PEER-ID", "edge PREFIX" or "super PREFIX". Empty
// lines, and those that begin with #, are ignored. Prefixes may be nested, the longest counts; a
// peer ID counts more. Who knows a peer ID may use it, so prefixes are safer where peers don't
// prove who they are.
func ReadMarks(r io.Reader) (*Marks, error) {
	m := &Marks{peers: map[string]traits{}}
	var networks Places
	n := 0
	add := func(line string) error {
		if n++; n > MaxMarks {
			return fmt.Errorf("there are more than %d marks", MaxMarks)
		}
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return errors.New(`write as "edge 192.0.2.0/24" or "super" and a peer ID`)
		}
		trait := map[Role]traits{Edge: edge, SuperNode: super}[Role(fields[0])]
		if trait == 0 {
			return fmt.Errorf("%.20q is no role; there are edge and super", fields[0])
		}
		if _, err := ppsp.ParsePeerID(fields[1]); err == nil {
			m.peers[fields[1]] = trait
			return nil
		}
		prefix, err := netip.ParsePrefix(fields[1])
		if a, err1 := netip.ParseAddr(fields[1]); err1 == nil {
			prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%.40q is no peer ID and no network", fields[1])
		}
		first, last := span(prefix)
		networks.ranges = append(networks.ranges, placeRange{first, last, uint32(trait)})
		return nil
	}
	lines := bufio.NewScanner(r)
	for at := 1; lines.Scan(); at++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := add(text); err != nil {
			return nil, fmt.Errorf("line %d: %w", at, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New(`there is no mark in it; write lines as "edge 192.0.2.0/24"`)
	}
	if len(networks.ranges) > 0 {
		networks.flatten()
		m.networks = &networks
	}
	return m, nil
}

// of returns the marks of a peer that calls from an address. Nil Marks mark nobody.
func (m *Marks) of(id string, source netip.Addr) traits {
	if m == nil {
		return 0
	}
	if t, ok := m.peers[id]; ok {
		return t
	}
	return traits(m.networks.ASN(source))
}

// withoutRole forgets what a peer says of its role: who need not prove who he is could draw all
// others to himself by it.
func (r *Request) withoutRole() {
	if r.Connect != nil && r.Connect.PeerNum != nil {
		r.Connect.PeerNum.Role = ""
	}
	if r.Find != nil && r.Find.PeerNum != nil {
		r.Find.PeerNum.Role = ""
	}
}
