package sim

import (
	"bytes"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// lie is one of the ways of RFC 7574, 12.6 and 12.7, to be malicious.
type lie uint8

const (
	bogusData    lie = iota // chunks that the source did not publish
	bogusHashes             // the same of hashes and munros
	falseHave               // all chunks offered, none sent
	silence                 // nothing sent that was asked for
	replay                  // munros of long ago in the place of new ones
	pexPoison               // addresses of nobody, unasked
	requestFlood            // everything asked for in each datagram
	lieKinds
)

// liar alters what the engine of its home sends. The engine is the honest one, so it gets
// the stream and is believed.
type liar struct {
	kind   lie
	format wire.Format
	own    wire.Decoder
	m      wire.Message
	turn   uint32
	newest chunk.Range // that was heard of
	old    []byte      // a munro as it stood on the wire: INTEGRITY and SIGNED_INTEGRITY
	oldAt  int64
}

const (
	claimed  = 2000 // chunks that a liar of falseHave claims, behind the newest and before it
	claimFar = 64
	replayed = 20e9 // ns until a liar of replay takes another munro to repeat
	maxLies  = 1400 // bytes that a datagram may grow to
)

// hear notes what may be used.
func (l *liar) hear(_ int64, b []byte) {
	if l.kind != falseHave && l.kind != requestFlood {
		return
	}
	l.own.Reset(b, l.format)
	for ok, err := l.own.Next(&l.m); ok && err == nil; ok, err = l.own.Next(&l.m) {
		if l.m.Type == wire.TypeSignedIntegrity && l.m.Chunks.End > l.newest.End {
			l.newest = l.m.Chunks
		}
	}
}

// lie alters a datagram that is sent; an empty one is not.
func (l *liar) lie(now int64, b []byte) []byte {
	id, _ := wire.Channel(b)
	if id == 0 {
		return b
	}
	l.turn++
	l.own.Reset(b, l.format)
	full := false // nothing comes behind DATA
	for ok, err := l.own.Next(&l.m); ok && err == nil; ok, err = l.own.Next(&l.m) {
		if !l.alter(now, b) {
			return nil
		}
		full = full || l.m.Type == wire.TypeData
	}
	if full {
		return b
	}
	return l.add(b)
}

// alter changes a message in its place; false keeps the datagram from being sent.
func (l *liar) alter(now int64, b []byte) bool {
	m := &l.m
	switch {
	case l.kind == bogusData && m.Type == wire.TypeData:
		m.Payload[0] ^= 1
	case l.kind == bogusHashes && m.Type == wire.TypeIntegrity:
		m.Payload[0] ^= 1
	case l.kind == falseHave || l.kind == silence:
		return m.Type != wire.TypeData
	case l.kind == replay && m.Type == wire.TypeSignedIntegrity:
		l.swap(now, b)
	}
	return true
}

// swap puts the old munro in the place of the one that has just been read, or keeps that.
func (l *liar) swap(now int64, b []byte) {
	spec := l.format.SpecSize()
	hash, signed := 1+spec+l.format.HashSize, 1+spec+8+len(l.m.Payload)
	at := bytes.Index(b, l.m.Payload) + len(l.m.Payload) - signed - hash
	if at < wire.ChannelSize || wire.Type(b[at]) != wire.TypeIntegrity {
		return
	}
	here := b[at : at+hash+signed]
	if l.old == nil || now-l.oldAt > replayed {
		l.old, l.oldAt = append(l.old[:0], here...), now
	}
	copy(here, l.old)
}

// add puts further messages behind those of a datagram.
func (l *liar) add(b []byte) []byte {
	switch l.kind {
	case falseHave:
		if l.turn%8 == 0 && len(b) < maxLies-100 {
			b = l.format.AppendHave(b, chunk.Range{Start: l.newest.End - min(l.newest.End, claimed), End: l.newest.End + claimFar})
		}
	case pexPoison:
		for k := byte(0); len(b) < maxLies-7 && k < 20; k++ {
			b = wire.AppendPexRes(b, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(l.turn), k}), port))
		}
	case requestFlood:
		for l.newest.End > 0 && len(b) < maxLies-20 {
			b = l.format.AppendRequest(b, chunk.Range{Start: l.newest.End - min(l.newest.End, claimed), End: l.newest.End})
		}
	default:
	}
	return b
}
