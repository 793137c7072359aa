package localpeers

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Times of announcing, in nanoseconds.
const (
	second = int64(1e9)

	interval  = 120 * second // between announcements, spread by a quarter
	least     = 2 * second   // between two of them, whatever happens
	hurryFor  = 3            // announcements after a change that come sooner, in case one is lost
	hurryBase = second       // the first wait of those; each is thrice the one before
)

// Bounds of what is kept and heeded.
const (
	MaxSwarms  = 64  // that are announced; a node in more leaves out the latest
	maxSources = 256 // whose datagrams are counted apart
	maxMet     = 512 // peers that are remembered as met

	perSource   = 4  // datagrams of one address in a window
	perWindow   = 64 // of all
	window      = 5 * second
	forgetAfter = 3 * interval // a peer that was silent so long is a newcomer
)

// Found is a peer of a swarm of ours on this network.
type Found struct {
	Swarm ppsp.SwarmID
	Addr  netip.AddrPort
}

// Directory knows in which swarms we are, and when to tell it. Not for concurrent use. Time is in
// nanoseconds of any clock that goes forward.
type Directory struct {
	random *rand.Rand
	swarms []ppsp.SwarmID // each once

	next  int64 // when to announce
	last  int64 // when that was done last; before all time at first
	hurry int   // announcements that still come sooner

	windowEnd int64
	heeded    int
	sources   map[netip.Addr]int // datagrams in this window
	met       map[Found]int64    // when heard last
}

// NewDirectory returns an empty one.
func NewDirectory(random *rand.Rand) *Directory {
	return &Directory{random: random, last: -least, sources: map[netip.Addr]int{}, met: map[Found]int64{}}
}

// Join adds a swarm that we are in now; false if there are MaxSwarms already.
func (d *Directory) Join(now int64, id ppsp.SwarmID) bool {
	if slices.Contains(d.swarms, id) {
		return true
	}
	if len(d.swarms) == MaxSwarms {
		return false
	}
	d.swarms = append(d.swarms, id)
	d.changed(now)
	return true
}

// Leave removes a swarm.
func (d *Directory) Leave(id ppsp.SwarmID) {
	d.swarms = slices.DeleteFunc(d.swarms, func(s ppsp.SwarmID) bool { return s == id })
	for f := range d.met {
		if f.Swarm == id {
			delete(d.met, f)
		}
	}
}

// Moved says that our addresses have changed.
func (d *Directory) Moved(now int64) { d.changed(now) }

// changed lets the next announcements come soon.
func (d *Directory) changed(now int64) {
	d.hurry = hurryFor
	d.next = max(now, d.last+least)
}

// Next returns when to announce next; ok is false when there is nothing to announce.
func (d *Directory) Next() (at int64, ok bool) { return d.next, len(d.swarms) > 0 }

// Announced is called when the datagrams of Compose went out, and plans the next time.
func (d *Directory) Announced(now int64) {
	d.last = now
	wait := interval - interval/8 + d.random.Int64N(interval/4)
	if d.hurry > 0 {
		wait = hurryBase
		for range hurryFor - d.hurry {
			wait *= 3
		}
		wait = max(wait, least)
		d.hurry--
	}
	d.next = now + wait
}

// Compose returns the datagrams that announce all our swarms from this address, of the peer at this
// port.
func (d *Directory) Compose(from netip.Addr, port uint16) [][]byte {
	var out [][]byte
	for some := range slices.Chunk(d.swarms, MaxTags) {
		m := Message{Port: port}
		for i := range m.Nonce {
			m.Nonce[i] = byte(d.random.Uint32())
		}
		for _, id := range some {
			m.Tags = append(m.Tags, TagOf(id, m.Nonce, from, port))
		}
		out = append(out, m.Append(nil))
	}
	return out
}

// Hear takes a datagram from an address and returns who is there in which of our swarms, once again each
// time; own tells our own addresses, with their ports. Who is new is answered soon, by our next announcement.
func (d *Directory) Hear(now int64, from netip.Addr, b []byte, own func(netip.AddrPort) bool) (found []Found, err error) {
	from = from.Unmap()
	if len(d.swarms) == 0 || !d.heed(now, from) {
		return nil, nil
	}
	m, err := Parse(b)
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(from, m.Port)
	if own(at) {
		return nil, nil
	}
	for _, id := range d.swarms {
		if !slices.Contains(m.Tags, TagOf(id, m.Nonce, from, m.Port)) {
			continue
		}
		f := Found{id, at}
		if heard, known := d.met[f]; !known || now-heard > forgetAfter {
			d.next = min(d.next, max(now+d.random.Int64N(second/4), d.last+least))
		}
		d.meet(now, f)
		found = append(found, f)
	}
	return found, nil
}

// meet remembers a peer; who was silent longest makes room.
func (d *Directory) meet(now int64, f Found) {
	if _, known := d.met[f]; !known && len(d.met) >= maxMet {
		var stalest Found
		at := int64(0)
		for k, heard := range d.met {
			if stalest.Swarm == "" || heard < at || heard == at && k.Addr.Compare(stalest.Addr) < 0 {
				stalest, at = k, heard
			}
		}
		delete(d.met, stalest)
	}
	d.met[f] = now
}

// heed bounds how many datagrams are looked at, of one address and of all.
func (d *Directory) heed(now int64, from netip.Addr) bool {
	if now >= d.windowEnd {
		d.windowEnd, d.heeded = now+window, 0
		clear(d.sources)
	}
	n := d.sources[from]
	if n >= perSource || d.heeded >= perWindow || n == 0 && len(d.sources) == maxSources {
		return false
	}
	d.sources[from] = n + 1
	d.heeded++
	return true
}
