package wire

import (
	"bytes"
	"math"
	"net/netip"
	"testing"
)

var (
	peer4 = netip.MustParseAddrPort("192.0.2.7:6778")
	peer6 = netip.MustParseAddrPort("[2001:db8::7]:6778")
)

// "A PEX_RESv4 (0x05) message consists of an IPv4 address in big-endian format followed by
// a UDP port number in big-endian format. A PEX_RESv6 (0x0c) message contains a 128-bit
// IPv6 address instead of an IPv4 one." (RFC 7574, 8.13)
func TestPexRes(t *testing.T) {
	tests := []struct {
		peer netip.AddrPort
		typ  Type
		want string
	}{
		{peer4, TypePexResV4, "05 c0000207 1a7a"},
		{peer6, TypePexResV6, "0c 20010db8000000000000000000000007 1a7a"},
		{netip.MustParseAddrPort("0.0.0.0:0"), TypePexResV4, "05 00000000 0000"},
		{netip.MustParseAddrPort("[::]:65535"), TypePexResV6, "0c 00000000000000000000000000000000 ffff"},
	}
	for _, tt := range tests {
		wantBytes(t, tt.peer.String(), AppendPexRes(nil, tt.peer), tt.want)
		if m := decodeOne(t, Format{}, tt.want); m.Type != tt.typ || m.Peer != tt.peer {
			t.Errorf("%s is %v of %v", tt.want, m.Type, m.Peer)
		}
		wantRefused(t, Format{}, tt.want[:len(tt.want)-2], "ends before")
	}
}

func TestPexResMappedAddress(t *testing.T) {
	mapped := netip.AddrPortFrom(netip.AddrFrom16(peer4.Addr().As16()), peer4.Port())
	wantBytes(t, "IPv4-mapped", AppendPexRes(nil, mapped), "05 c0000207 1a7a")
	if m := decodeOne(t, Format{}, "0c 00000000000000000000ffffc0000207 1a7a"); m.Peer != peer4 {
		t.Errorf("an IPv4-mapped address is %v, want %v", m.Peer, peer4)
	}
	zoned := netip.MustParseAddrPort("[fe80::1%eth0]:9")
	wantBytes(t, "with a zone", AppendPexRes(nil, zoned), "0c fe800000000000000000000000000001 0009")
	wantBytes(t, "no address", AppendPexRes([]byte{7}, netip.AddrPort{}), "07")
}

// "A PEX_REScert (0x0d) message consists of a 16-bit integer in big-endian specifying the
// size of the membership certificate that follows" (RFC 7574, 8.13)
func TestPexCert(t *testing.T) {
	wantBytes(t, "AppendPexCert", AppendPexCert(nil, []byte("DER")), "0d 0003 444552")
	if m := decodeOne(t, Format{}, "0d 0003 444552"); m.Type != TypePexResCert || string(m.Payload) != "DER" {
		t.Errorf("decoded %v with %q", m.Type, m.Payload)
	}
	wantRefused(t, Format{}, "0d 00", "ends before")
	wantRefused(t, Format{}, "0d 0004 444552", "ends before")
	wantRefused(t, Format{}, "0d ffff 444552", "ends before")
	wantRefused(t, Format{}, "0d 0000", "empty")
	wantBytes(t, "no certificate", AppendPexCert([]byte{7}, nil), "07")
	wantBytes(t, "too long", AppendPexCert([]byte{7}, make([]byte, math.MaxUint16+1)), "07")
	longest := AppendPexCert(make([]byte, 4), bytes.Repeat([]byte{5}, math.MaxUint16))
	if all, err := decode(longest, Format{}); err != nil || len(all) != 1 || len(all[0].Payload) != math.MaxUint16 {
		t.Errorf("the longest certificate: %d messages, %v", len(all), err)
	}
}

// "Both CHOKE and UNCHOKE messages (types 0x0a and 0x0b, respectively) carry no payload."
// "A PEX_REQ (0x06) message has no payload." (RFC 7574, 8.12 and 8.13)
func TestMessagesWithoutPayload(t *testing.T) {
	b := AppendPexReq(AppendUnchoke(AppendChoke(AppendChannel(nil, 1))))
	wantBytes(t, "CHOKE UNCHOKE PEX_REQ", b, "00000001 0a 0b 06")
	all, err := decode(b, Format{})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d messages, %v", len(all), err)
	}
	for i, typ := range []Type{TypeChoke, TypeUnchoke, TypePexReq} {
		if all[i].Type != typ {
			t.Errorf("message %d is %v, want %v", i, all[i].Type, typ)
		}
	}
}
