package tracker

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
)

// asker is who wants a list, as far as it matters to whom it gets.
type asker struct {
	member  uint32
	source  netip.Addr
	asn     uint32
	region  uint32
	ability ability
	now     tick
	chooses bool // it said something of itself, or networks are known: not all are alike to it
}

func (r *Memory) asker(seat uint32, now tick) asker {
	p := r.seats.at(seat).member
	t := r.peers.at(p)
	return asker{
		member: p, source: blob(r.blobs.get(t.blob)).source(), asn: t.asn, region: t.region, ability: t.ability, now: now,
		chooses: t.ability != unknownNAT || t.upload != 0 || r.config.Places != nil,
	}
}

// What a candidate gets for each of its qualities. Being near counts most: it spares the
// networks between, and is faster as a rule. Then comes whether a connection will come about.
const (
	fitNeighbour  = 12 // the same home, or the same /24 or /48
	fitSameASN    = 8
	fitReachable  = 6 // has no NAT in front of it
	fitTraversal  = 3 // both have NATs, but both can punch through them
	fitWired      = 1
	fitMains      = 1
	fitUploadMost = 6 // one for each doubling from 1 Mbit/s on
	fitOnline     = 1 // for ten minutes, and again for an hour
	fitIdle       = 1 // has less than ten links
	fitHoldsMost  = 4 // one for each fourfold of chunks from 256 on
	fitEdge       = 10
	fitSuper      = 8
)

// MaxScore is the most that costs of networks count: as much as the same home.
const MaxScore = fitNeighbour

// fitness tells how much better than any other a member is for the asker; 0 for one of whom
// nothing is known. RFC 7846, 4.1.1: "the tracker may take peer status and network location
// information into consideration".
func fitness(s *seat, t *member, asker *asker) (fit int) {
	fit = t.traits.fitness()
	if !asker.chooses {
		return fit
	}
	switch {
	case asker.region != 0 && asker.region == t.region:
		fit += fitNeighbour
	case asker.asn != 0 && asker.asn == t.asn:
		fit += fitSameASN
	}
	switch {
	case t.ability == noNAT:
		fit += fitReachable
	case t.ability == throughSTUN && asker.ability == throughSTUN:
		fit += fitTraversal
	}
	if t.traits&onWire != 0 {
		fit += fitWired
	}
	switch {
	case t.traits&mains != 0:
		fit += fitMains
	case t.traits&battery != 0:
		fit -= fitMains
	}
	fit += min(bits.Len32(t.upload/1000), fitUploadMost)
	for _, least := range []tick{600 * ticksASecond, 3600 * ticksASecond} {
		if asker.now-t.joined >= least {
			fit += fitOnline
		}
	}
	if s.told && s.links < 10 {
		fit += fitIdle
	}
	return fit + min(bits.Len32(s.held/256)/2, fitHoldsMost)
}

// fitness is what roles count, to everybody.
func (t traits) fitness() int {
	switch t.role() {
	case Edge:
		return fitEdge
	case SuperNode:
		return fitSuper
	}
	return 0
}

// regionOf names the /24 or /48 of a public address by a number, and any other address by one of
// its own; 0 is for no address. Two regions have the same number once in four thousand million.
func regionOf(seed maphash.Seed, ip netip.Addr) uint32 {
	if !ip.IsValid() || ip.IsLoopback() {
		return 0
	}
	if public(ip) {
		size := 24
		if ip.Is6() {
			size = 48
		}
		if p, err := ip.Prefix(size); err == nil {
			ip = p.Addr()
		}
	}
	raw := ip.As16()
	return uint32(maphash.Bytes(seed, raw[:])) | 1
}
