package tracker

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Places tells which autonomous system an address belongs to, from a table of an operator. It
// does not change and may be used by several goroutines.
type Places struct {
	ranges []placeRange      // sorted, IPv4 as mapped addresses
	db     *maxminddb.Reader // instead of ranges
}

type placeRange struct {
	first, last netip.Addr
	asn         uint32
}

// MaxPlaces bounds the lines of a table; the whole Internet has about 1.2 million prefixes.
const MaxPlaces = 4 << 20

// ReadPlaces reads a table of lines "PREFIX,ASN" such as 192.0.2.0/24,64496 or
// "FIRST,LAST,ASN"; what follows on a line is ignored, and so are empty lines, those that begin
// with #, and a first line of titles. Prefixes may be nested, the longest counts. It may as well
// be a MaxMind DB of autonomous systems.
func ReadPlaces(r io.Reader) (*Places, error) {
	p := &Places{}
	in := bufio.NewReader(r)
	if head, _ := in.Peek(1024); isMaxMind(head) {
		return readMaxMind(in)
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		entry, err := parsePlace(text)
		if err != nil {
			if n == 1 && titles(text) {
				continue
			}
			return nil, fmt.Errorf(`line %d: %w; write as "192.0.2.0/24,64496"`, n, err)
		}
		if len(p.ranges) == MaxPlaces {
			return nil, fmt.Errorf("line %d: there are more than %d networks", n, MaxPlaces)
		}
		p.ranges = append(p.ranges, entry)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p.ranges) == 0 {
		return nil, errors.New(`there is no network in it; write lines as "192.0.2.0/24,64496"`)
	}
	p.flatten()
	return p, nil
}

// titles tells whether a line can be one of titles: its first field is a word, not meant to be an
// address.
func titles(line string) bool {
	first, _, _ := strings.Cut(strings.Trim(line, `" `), ",")
	return first != "" && unicode.IsLetter(rune(first[0])) && !strings.ContainsAny(first, ".:/")
}

func parsePlace(text string) (e placeRange, err error) {
	fields := strings.Split(text, ",")
	for i := range fields {
		fields[i] = strings.Trim(strings.TrimSpace(fields[i]), `"`)
	}
	if len(fields) < 2 {
		return e, errors.New("there are too few fields")
	}
	number := fields[1]
	if prefix, err := netip.ParsePrefix(fields[0]); err == nil {
		e.first, e.last = span(prefix)
	} else {
		first, err1 := netip.ParseAddr(fields[0])
		last, err2 := netip.ParseAddr(fields[1])
		if err1 != nil || err2 != nil || len(fields) < 3 || first.BitLen() != last.BitLen() || last.Less(first) {
			return e, fmt.Errorf("%.40q is no network", fields[0])
		}
		e.first, e.last, number = wide(first), wide(last), fields[2]
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(number), "AS"), 10, 32)
	if err != nil {
		return e, fmt.Errorf("%.20q is no number of an autonomous system", number)
	}
	e.asn = uint32(n)
	return e, nil
}

// wide returns the address in 16 bytes, so that one order holds for all.
func wide(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.WithZone("").As16()) }

// span returns the first and the last address of a prefix.
func span(p netip.Prefix) (first, last netip.Addr) {
	first = wide(p.Masked().Addr())
	raw := first.As16()
	for bit := 128 - p.Addr().BitLen() + p.Bits(); bit < 128; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	return first, netip.AddrFrom16(raw)
}

// flatten makes the ranges disjoint: a range ends where one begins that lies in it, and goes on
// behind that.
func (p *Places) flatten() {
	slices.SortFunc(p.ranges, func(a, b placeRange) int {
		return cmp.Or(a.first.Compare(b.first), b.last.Compare(a.last))
	})
	var out, open []placeRange // open ones lie in each other
	closeUntil := func(at netip.Addr) {
		for n := len(open); n > 0 && open[n-1].last.Less(at); n = len(open) {
			out = append(out, open[n-1])
			next := open[n-1].last.Next()
			open = open[:n-1]
			for n := len(open); n > 0; n = len(open) {
				if open[n-1].first = next; !open[n-1].last.Less(next) {
					break
				}
				open = open[:n-1] // it ends there, too
			}
		}
	}
	for _, r := range p.ranges {
		closeUntil(r.first)
		if n := len(open); n > 0 {
			outer := &open[n-1]
			r.last = least(r.last, outer.last)
			if outer.first.Less(r.first) {
				out = append(out, placeRange{outer.first, r.first.Prev(), outer.asn})
			}
		}
		open = append(open, r)
	}
	for n := len(open); n > 0; n = len(open) {
		top := open[n-1]
		closeUntil(top.last.Next())
		if len(open) == n { // the last address that there is
			out = append(out, top)
			break
		}
	}
	p.ranges = slices.Clip(slices.DeleteFunc(out, func(r placeRange) bool { return r.last.Less(r.first) }))
}

func least(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return a
	}
	return b
}

// ASN returns the autonomous system of the address, 0 for unknown. A nil Places knows none.
func (p *Places) ASN(ip netip.Addr) uint32 {
	if p == nil || !ip.IsValid() {
		return 0
	}
	if p.db != nil {
		return p.inMaxMind(ip)
	}
	ip = wide(ip)
	i, _ := slices.BinarySearchFunc(p.ranges, ip, func(r placeRange, ip netip.Addr) int { return r.last.Compare(ip) })
	if i < len(p.ranges) && !ip.Less(p.ranges[i].first) {
		return p.ranges[i].asn
	}
	return 0
}

// network returns the autonomous system of whence a peer calls, else the one that it states.
func (p *Places) network(source netip.Addr, addresses []Address) uint32 {
	if n := p.ASN(source); n != 0 {
		return n
	}
	for _, a := range addresses {
		if n, err := strconv.ParseUint(a.ASN, 10, 32); err == nil && n != 0 {
			return uint32(n)
		}
	}
	return 0
}
