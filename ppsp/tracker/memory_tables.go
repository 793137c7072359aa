package tracker

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"
)

// peer returns the number of a peer, 0 if it is unknown.
func (r *Memory) peer(id string) uint32 {
	var buffer [MaxPeerID + 1]byte
	packed := appendID(buffer[:0], id)
	return r.byID.find(maphash.Bytes(r.seed, packed), func(n uint32) bool {
		return bytes.Equal(blob(r.blobs.get(r.peers.at(n).blob)).packedID(), packed)
	})
}

func (r *Memory) hashOf(n uint32) uint64 {
	return maphash.Bytes(r.seed, blob(r.blobs.get(r.peers.at(n).blob)).packedID())
}

// register takes a new peer in.
func (r *Memory) register(now time.Time, m Member) uint32 {
	p := r.peers.new()
	t := r.peers.at(p)
	t.joined = r.tickOf(now)
	r.write(p, m.ID, m.Source, best(m.Addresses))
	r.byID.add(p, r.hashOf)
	r.count(m.Source.Addr(), 1)
	r.append(p)
	return p
}

// restate takes the addresses of m, or whence it calls now if it never stated any.
func (r *Memory) restate(p uint32, m Member) {
	old := blob(r.blobs.get(r.peers.at(p).blob))
	from := old.source()
	source := m.Source
	if !source.Addr().IsValid() {
		source = Address{AddrPort: netip.AddrPortFrom(from, 0)}
	}
	usable := best(m.Addresses)
	if len(usable) == 0 && (r.peers.at(p).traits&stated != 0 || !m.Source.Usable()) {
		if source.Addr() == from {
			return
		}
		usable = old.addresses(nil)
	}
	if source.Addr() != from {
		r.count(from, -1)
		r.count(source.Addr(), 1)
	}
	r.blobs.free(r.peers.at(p).blob)
	r.write(p, m.ID, source, usable)
}

// write keeps what is known of a peer by words. Without an address stated the source is one.
func (r *Memory) write(p uint32, id string, source Address, usable []Address) {
	t := r.peers.at(p)
	t.traits &^= stated | listed | hidden | super | edge
	if slices.ContainsFunc(usable, func(a Address) bool { return a.Connection != "" }) {
		t.traits &^= onWire // else what it reported holds
	}
	if len(usable) > 0 {
		t.traits |= stated
	} else if source.Usable() {
		usable = []Address{source}
	}
	t.traits |= traitsOf(usable, source.Addr()) | r.config.Marks.of(id, source.Addr())
	t.region = regionOf(r.seed, source.Addr())
	t.asn = r.config.Places.network(source.Addr(), usable)
	var buffer [512]byte
	t.blob = r.blobs.put(appendBlob(buffer[:0], id, source.Addr(), usable))
}

// touch notes a sign of life.
func (r *Memory) touch(p uint32, now time.Time) {
	r.peers.at(p).seen = r.tickOf(now)
	if r.newest != p {
		r.unlink(p)
		r.append(p)
	}
}

// append makes p the newest.
func (r *Memory) append(p uint32) {
	t := r.peers.at(p)
	t.older, t.newer = r.newest, 0
	if r.newest != 0 {
		r.peers.at(r.newest).newer = p
	} else {
		r.oldest = p
	}
	r.newest = p
}

func (r *Memory) unlink(p uint32) {
	t := r.peers.at(p)
	if t.older != 0 {
		r.peers.at(t.older).newer = t.newer
	} else {
		r.oldest = t.newer
	}
	if t.newer != 0 {
		r.peers.at(t.newer).older = t.older
	} else {
		r.newest = t.older
	}
}

// expireAtOnce bounds the peers that one request forgets. It lets in one at most, so that this
// keeps up, and many that fall silent together hold nobody up.
const expireAtOnce = 64

// expire forgets peers that are silent, and tells whether there are more of them: these are
// neither known nor listed any longer.
func (r *Memory) expire(now time.Time) (more bool) {
	t := r.tickOf(now)
	for range expireAtOnce {
		if r.oldest == 0 || !r.silent(r.peers.at(r.oldest), t) {
			return false
		}
		r.remove(r.oldest)
	}
	return r.oldest != 0 && r.silent(r.peers.at(r.oldest), t)
}

// silent tells whether the track timer of a peer has run out.
func (r *Memory) silent(m *member, now tick) bool {
	limit := tick((r.config.TrackTimeout + time.Second/ticksASecond - 1) / (time.Second / ticksASecond))
	return now >= m.seen && now-m.seen >= limit
}

// known returns the number of a peer, 0 if it is unknown or silent for too long.
func (r *Memory) known(now time.Time, id string) uint32 {
	p := r.peer(id)
	if p != 0 && r.silent(r.peers.at(p), r.tickOf(now)) {
		r.remove(p)
		return 0
	}
	return p
}

// remove forgets the peer and all its memberships.
func (r *Memory) remove(p uint32) {
	r.noteRemove(p)
	t := r.peers.at(p)
	for t.seats != 0 {
		r.stand(t.seats)
	}
	r.count(blob(r.blobs.get(t.blob)).source(), -1)
	r.unlink(p)
	r.byID.remove(p, r.hashOf)
	r.blobs.free(t.blob)
	r.peers.free(p)
}

// neighbours is what counts as one address: a home has one, or an IPv6 prefix.
func neighbours(ip netip.Addr) netip.Prefix {
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // the zero Prefix without an address
	return prefix
}

// neighbourhood is neighbours as a number: each of a million peers may have one of its own.
func neighbourhood(ip netip.Addr) uint64 {
	if ip.Is4() {
		raw := ip.As4()
		return 0xFFFF_FFFF_0000_0000 | uint64(binary.BigEndian.Uint32(raw[:])) // a prefix of no peer
	}
	raw := ip.As16()
	return binary.BigEndian.Uint64(raw[:])
}

// count keeps how many peers call from an address.
func (r *Memory) count(ip netip.Addr, change int32) {
	if !ip.IsValid() || ip.IsLoopback() {
		return
	}
	at := neighbourhood(ip)
	if n := r.sources[at] + change; n > 0 {
		r.sources[at] = n
	} else {
		delete(r.sources, at)
	}
}

// crowded tells whether so many peers call from the address that no further one is let in.
func (r *Memory) crowded(source Address) bool {
	return source.Addr().IsValid() && int(r.sources[neighbourhood(source.Addr())]) >= r.config.MaxPeersOfAnAddress
}
