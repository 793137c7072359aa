package tracker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"time"
)

// Kinds of records in a journal: each is its kind, and
//
//	join:   mode and whether its addresses are stated (one byte), length and name of the swarm, blob
//	leave:  length and name of the swarm, packed ID
//	remove: packed ID
const (
	recordJoin   = 'J'
	recordLeave  = 'L'
	recordRemove = 'R'
)

// Bits of a join record.
const (
	joinSeeder = 1 << iota
	joinStated
)

// maxRecord bounds a record, bytes.
const maxRecord = MaxSwarmIDText + arenaMax + 64

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("damaged record")
)

// appendRecord writes length, record and checksum.
func appendRecord(b, record []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(record)))
	b = append(b, record...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(record, castagnoli))
}

// readRecord reads one; io.EOF is for the end, errDamaged for what is no record. Other errors are
// those of the reader: what it could not read may be whole.
func readRecord(r *bufio.Reader) ([]byte, error) {
	n, err := readLength(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n+4)
	if _, err := io.ReadFull(r, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errDamaged
	} else if err != nil {
		return nil, err
	}
	if crc32.Checksum(b[:n], castagnoli) != binary.BigEndian.Uint32(b[n:]) {
		return nil, errDamaged
	}
	return b[:n], nil
}

// readLength reads the length of a record, 1 to maxRecord.
func readLength(r *bufio.Reader) (n int, err error) {
	for shift := 0; shift < 21; shift += 7 {
		c, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && shift > 0:
			return 0, errDamaged
		case err != nil:
			return 0, err
		}
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			if n == 0 || n > maxRecord {
				return 0, errDamaged
			}
			return n, nil
		}
	}
	return 0, errDamaged
}

func (r *Memory) noteJoin(seat uint32) {
	if r.journal != nil {
		r.record = r.appendJoin(r.record[:0], seat)
		r.journal.note(r.record)
	}
}

func (r *Memory) noteLeave(swarmID, peer string) {
	if r.journal != nil {
		b := append(r.record[:0], recordLeave)
		b = append(binary.AppendUvarint(b, uint64(len(swarmID))), swarmID...)
		r.record = appendID(b, peer)
		r.journal.note(r.record)
	}
}

func (r *Memory) noteRemove(p uint32) {
	if r.journal != nil {
		r.record = append(append(r.record[:0], recordRemove), blob(r.blobs.get(r.peers.at(p).blob)).packedID()...)
		r.journal.note(r.record)
	}
}

func (r *Memory) appendJoin(b []byte, seat uint32) []byte {
	s := r.seats.at(seat)
	t := r.peers.at(s.member)
	bits := byte(0)
	if s.seeder {
		bits |= joinSeeder
	}
	if t.traits&stated != 0 {
		bits |= joinStated
	}
	name := r.swarms.at(s.swarm).name
	b = append(b, recordJoin, bits)
	b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
	return append(b, r.blobs.get(t.blob)...)
}

// copyPeers appends join records of compactPeers peers from one number on, and returns where to
// go on, 0 at the end.
func (r *Memory) copyPeers(b []byte, from uint32) ([]byte, uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := min(from+compactPeers, r.peers.used+1)
	for p := from; p < to; p++ {
		if !r.peers.has(p) {
			continue
		}
		for seat := r.peers.at(p).seats; seat != 0; seat = r.seats.at(seat).next {
			r.record = r.appendJoin(r.record[:0], seat)
			b = appendRecord(b, r.record)
		}
	}
	if to > r.peers.used {
		return b, 0
	}
	return b, to
}

// apply carries a record out. One that makes no sense is left out.
func (r *Memory) apply(b []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kind, b := b[0], b[1:]
	if kind == recordRemove {
		if id, ok := idOf(b); ok {
			if p := r.peer(id); p != 0 {
				r.remove(p)
			}
		}
		return
	}
	var bits byte
	if kind == recordJoin && len(b) > 0 {
		bits, b = b[0], b[1:]
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n > MaxSwarmIDText || n > uint64(len(b)-size) {
		return
	}
	swarmID, rest := string(b[size:size+int(n)]), b[size+int(n):]
	switch kind {
	case recordLeave:
		if id, ok := idOf(rest); ok {
			r.leave(swarmID, id)
		}
	case recordJoin:
		m, ok := memberOf(rest)
		if !ok {
			return
		}
		if m.Mode = Leech; bits&joinSeeder != 0 {
			m.Mode = Seeder
		}
		if r.join(now, swarmID, m) == nil && bits&joinStated == 0 {
			r.peers.at(r.peer(m.ID)).traits &^= stated
		}
	}
}

// idOf reads a packed ID.
func idOf(b blob) (id string, ok bool) {
	if len(b) == 0 || b[0] == 0 || b.idEnd() > len(b) {
		return "", false
	}
	return b.id(), true
}

// memberOf reads a blob that passed its checksum, as far as it makes sense.
func memberOf(b blob) (m Member, ok bool) {
	if m.ID, ok = idOf(b); !ok {
		return m, false
	}
	rest := b[b.idEnd():]
	if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
		return m, false
	}
	m.Source.AddrPort = netip.AddrPortFrom(b.source(), 0)
	m.Addresses, ok = addressesOf(rest[1+int(rest[0]):])
	return m, ok
}

// addressesOf reads addresses that may be damaged.
func addressesOf(b blob) (out []Address, ok bool) {
	defer func() {
		if recover() != nil { // a bound that the bytes do not keep to
			out, ok = nil, false
		}
	}()
	for len(b) > 0 && len(out) < MaxAddresses {
		var a Address
		a, b = b.address()
		out = append(out, a)
	}
	return out, len(b) == 0
}
