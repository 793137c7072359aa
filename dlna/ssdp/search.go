package ssdp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	dmsssdp "github.com/anacrolix/dms/ssdp"
)

// maxDatagram bounds a search in bytes; those of known control points have less than 300.
const maxDatagram = 4096

// maxMX is the longest wait that a control point can ask for (UDA 1.1, 1.3.3: "If MX
// specifies a field value greater than 5, the device SHOULD assume that it contained the
// value 5 or less").
const maxMX = 5 * time.Second

// errNotSearch marks the datagrams that are none of our business: announcements of others
// and answers that went astray.
var errNotSearch = errors.New("not a search")

// search is an M-SEARCH of a control point.
type search struct {
	target string        // ST
	wait   time.Duration // MX: the answer must be there by then
}

// parseSearch reads a datagram. Only what UDA 1.1, 1.3.2 demands of a multicast search is
// taken: MAN, MX and ST; the control point's version and user agent don't matter. A search
// that names this machine as HOST, and no group, went to it alone; it needs no MX (1.3.2,
// "Request format for unicast M-SEARCH").
func parseSearch(datagram []byte) (search, error) {
	if !bytes.HasPrefix(datagram, []byte("M-SEARCH ")) || len(datagram) > maxDatagram {
		return search{}, errNotSearch
	}
	// Some control points forget the empty line at the end.
	message := append(bytes.Clone(datagram), "\r\n\r\n"...)
	req, err := dmsssdp.ReadRequest(bufio.NewReaderSize(bytes.NewReader(message), 512))
	if err != nil {
		return search{}, fmt.Errorf("read M-SEARCH: %w", err)
	}
	if man := req.Header.Get("MAN"); strings.Trim(man, `"`) != "ssdp:discover" {
		return search{}, fmt.Errorf("read M-SEARCH: MAN is %q, not \"ssdp:discover\"", man)
	}
	mx, err := strconv.ParseUint(strings.TrimSpace(req.Header.Get("MX")), 10, 31)
	if err != nil && (!toOne(req.Header.Get("HOST")) || req.Header.Get("MX") != "") {
		return search{}, fmt.Errorf("read M-SEARCH: MX: %w", err)
	}
	target := strings.TrimSpace(req.Header.Get("ST"))
	if target == "" {
		return search{}, errors.New("read M-SEARCH: no ST")
	}
	return search{target: target, wait: min(time.Duration(mx)*time.Second, maxMX)}, nil
}

// toOne tells whether a HOST header names a single machine by its address.
func toOne(host string) bool {
	if a, err := netip.ParseAddrPort(host); err == nil {
		return !a.Addr().IsMulticast()
	}
	a, err := netip.ParseAddr(host)
	return err == nil && !a.IsMulticast()
}
