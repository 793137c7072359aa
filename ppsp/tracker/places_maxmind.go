package tracker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxMaxMind bounds a database, bytes; those of autonomous systems have about ten million.
const maxMaxMind = 256 << 20

// isMaxMind tells by its first bytes whether a file is a database rather than a table: it begins
// with the numbers of a tree, and no text has such bytes.
func isMaxMind(head []byte) bool { return bytes.IndexByte(head, 0) >= 0 }

// system is what a database of autonomous systems has of a network.
type system struct {
	Number uint32 `maxminddb:"autonomous_system_number"`
}

// maxLooked is after how many networks without a number a database is of another kind. Not all of
// it is checked: the tree of a damaged one may be a circle without an end, while each question ends
// with the bits of an address.
const maxLooked = 1 << 12

// readMaxMind reads a MaxMind DB of autonomous systems.
func readMaxMind(r io.Reader) (*Places, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxMaxMind+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxMaxMind {
		return nil, fmt.Errorf("it has more than %d MB", maxMaxMind>>20)
	}
	db, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, fmt.Errorf("it is neither a table nor a MaxMind DB: %w", err)
	}
	looked := 0
	for network := range db.Networks(maxminddb.IncludeNetworksWithoutData()) {
		var s system
		if err := network.Decode(&s); err != nil {
			return nil, fmt.Errorf("this MaxMind DB is damaged, or of another kind: %w; take one of autonomous systems (ASN)", err)
		}
		if s.Number != 0 {
			return &Places{db: db}, nil
		}
		if looked++; looked == maxLooked {
			break
		}
	}
	return nil, errors.New("this MaxMind DB names no autonomous system; take one of autonomous systems (ASN)")
}

// inMaxMind returns the autonomous system of the address, 0 for unknown.
func (p *Places) inMaxMind(ip netip.Addr) uint32 {
	var s system
	if ip = ip.Unmap().WithZone(""); ip.Is6() && p.db.Metadata.IPVersion == 4 {
		return 0
	}
	if p.db.Lookup(ip).Decode(&s) != nil {
		return 0
	}
	return s.Number
}
