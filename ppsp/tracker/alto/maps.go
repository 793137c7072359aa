// Package alto reads what network operators say of the costs between networks (RFC 7285), so that
// a tracker names peers first that are cheap to reach (RFC 7574, 3.10.1; RFC 7846, 4.1.1):
//
//	network map   which networks belong together, as a PID     (11.2.1)
//	cost map      what it costs from one PID to another        (11.2.3)
//	directory     where the two are                            (9.2)
//
// A Source gets them from files or by HTTP, and again from time to time; Maps answer how well a
// peer at one address serves one at another.
package alto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Bounds of maps.
const (
	MaxMap      = 64 << 20 // bytes of one
	MaxPIDs     = 2048
	MaxPrefixes = 1 << 20
)

// Maps are a network map and a cost map that belong together. They don't change.
type Maps struct {
	pids  *tracker.Places // with 1 and up for the number of an autonomous system
	n     int
	score []uint8 // n rows of what each serves: to, from
}

type versionTag struct {
	ID  string `json:"resource-id"`
	Tag string `json:"tag"`
}

type networkMap struct {
	Meta struct {
		Tag versionTag `json:"vtag"`
	} `json:"meta"`
	Map map[string]struct { // others than these two are ignored (11.2.1.7)
		IPv4 []string `json:"ipv4"`
		IPv6 []string `json:"ipv6"`
	} `json:"network-map"`
}

type costMap struct {
	Meta struct {
		Depends []versionTag `json:"dependent-vtags"`
		Type    struct {
			Mode   string `json:"cost-mode"`
			Metric string `json:"cost-metric"`
		} `json:"cost-type"`
	} `json:"meta"`
	Map map[string]map[string]float64 `json:"cost-map"`
}

// Parse reads a network map and a cost map. They have to be of the same version.
func Parse(network, costs []byte) (*Maps, error) {
	var n networkMap
	var c costMap
	if err := decode(network, &n); err != nil || len(n.Map) == 0 {
		return nil, fmt.Errorf("the network map is none (RFC 7285, 11.2.1): %w", orEmpty(err))
	}
	if err := decode(costs, &c); err != nil || len(c.Map) == 0 {
		return nil, fmt.Errorf("the cost map is none (RFC 7285, 11.2.3): %w", orEmpty(err))
	}
	if mode := c.Meta.Type.Mode; mode != "numerical" && mode != "ordinal" {
		return nil, fmt.Errorf("the cost map's cost-mode is %.20q, want numerical or ordinal", mode)
	}
	// RFC 7285, 11.2.3.4: a cost map names the version of the network map that it is about.
	if len(c.Meta.Depends) > 0 && !slices.Contains(c.Meta.Depends, n.Meta.Tag) {
		return nil, fmt.Errorf("the cost map is for another version of the network map than %.40q", n.Meta.Tag.Tag)
	}
	names := make([]string, 0, len(n.Map))
	for name := range n.Map {
		names = append(names, name)
	}
	if len(names) > MaxPIDs {
		return nil, fmt.Errorf("the network map has %d PIDs, more than %d", len(names), MaxPIDs)
	}
	slices.Sort(names)
	m := &Maps{n: len(names)}
	var err error
	if m.pids, err = table(names, &n); err != nil {
		return nil, err
	}
	m.rate(names, c.Map)
	return m, nil
}

func decode(b []byte, v any) error {
	if len(b) > MaxMap {
		return fmt.Errorf("it has more than %d bytes", MaxMap)
	}
	return json.Unmarshal(b, v)
}

func orEmpty(err error) error {
	if err == nil {
		return errors.New("it is empty")
	}
	return err
}

// table is which PID an address is in: "the longest prefix" (11.2.2) counts.
func table(names []string, n *networkMap) (*tracker.Places, error) {
	var text bytes.Buffer
	count := 0
	for i, name := range names {
		for _, p := range slices.Concat(n.Map[name].IPv4, n.Map[name].IPv6) {
			prefix, err := netip.ParsePrefix(p)
			if err != nil {
				return nil, fmt.Errorf("the network map's PID %.64q has the prefix %.50q, which is none", name, p)
			}
			if count++; count > MaxPrefixes {
				return nil, fmt.Errorf("the network map has more than %d prefixes", MaxPrefixes)
			}
			fmt.Fprintf(&text, "%s,%d\n", prefix.Masked(), i+1)
		}
	}
	if count == 0 {
		return nil, errors.New("the network map has no IP prefixes")
	}
	return tracker.ReadPlaces(strings.NewReader(text.String()))
}

// rate turns costs into scores: the cheapest way to a PID has tracker.MaxScore, the dearest 0, and
// so has one of which nothing is said. Costs of all that is comparable are those to one PID, since
// whoever asks is there.
func (m *Maps) rate(names []string, costs map[string]map[string]float64) {
	m.score = make([]uint8, m.n*m.n)
	for to, toName := range names {
		least, most := math.Inf(1), math.Inf(-1)
		for _, from := range costs {
			if c, ok := from[toName]; ok {
				least, most = min(least, c), max(most, c)
			}
		}
		if !(least < most) || math.IsInf(most-least, 0) {
			continue
		}
		for from, fromName := range names {
			if c, ok := costs[fromName][toName]; ok {
				m.score[to*m.n+from] = uint8(math.Round(tracker.MaxScore * (most - c) / (most - least)))
			}
		}
	}
}

// Score tells how well a peer at from serves one at to, 0 to tracker.MaxScore. Nil Maps know
// nothing.
func (m *Maps) Score(from, to netip.Addr) int {
	if m == nil {
		return 0
	}
	a, b := int(m.pids.ASN(from)), int(m.pids.ASN(to))
	if a == 0 || b == 0 {
		return 0
	}
	return int(m.score[(b-1)*m.n+a-1])
}
