package tracker

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// RFC 7846, 3.2.4: "The IPv4 address is encoded as specified by the "IPv4address" rule in
// Section 3.2.2 of [RFC3986]. The IPv6 address is encoded as specified in Section 4 of
// [RFC5952]."
func TestAddressText(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:80":                `"address_type":"ipv4","address":"192.0.2.1"`,
		"[2001:DB8:0:0:1:0:0:1]:80":   `"address_type":"ipv6","address":"2001:db8::1:0:0:1"`,
		"[::ffff:192.0.2.1]:80":       `"address_type":"ipv4","address":"192.0.2.1"`,
		"[2001:db8:0:1:1:1:1:1]:80":   `"address_type":"ipv6","address":"2001:db8:0:1:1:1:1:1"`,
		"[fe80::1%eth0]:80":           `"address_type":"ipv6","address":"fe80::1"`,
		"[2001:db8:AAAA::0000:1]:80":  `"address_type":"ipv6","address":"2001:db8:aaaa::1"`,
		"[0:0:0:0:0:0:0:1]:80":        `"address_type":"ipv6","address":"::1"`,
		"[2001:db8:0:0:0:ffff::1]:80": `"address_type":"ipv6","address":"2001:db8::ffff:0:1"`,
	} {
		b, err := json.Marshal(Address{AddrPort: netip.MustParseAddrPort(in), Priority: -3})
		want := `{"ip_address":{` + want + `},"port":80,"priority":-3,"type":"HOST"}`
		if err != nil || string(b) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", in, err, b, want)
		}
	}
}

func TestAddressUsable(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1:80": true, "10.0.0.1:1": true, "127.0.0.1:65535": true, "169.254.1.1:5": true,
		"[2001:db8::1]:80": true, "[::1]:80": true, "[fd00::1]:80": true,
		"192.0.2.1:0": false, "0.0.0.0:80": false, "[::]:80": false, "224.0.0.1:80": false, "[ff02::1]:80": false,
		"255.255.255.255:80": false, "[fe80::1]:80": false, "[fe80::1%eth0]:80": false,
	} {
		if got := address(text, Host, 0).Usable(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if (Address{}).Usable() {
		t.Error("the zero address is usable")
	}
}

func TestBestKeepsTheHighestPrioritiesOnce(t *testing.T) {
	var in []Address
	for i := range int64(2 * MaxAddresses) {
		in = append(in, address(fmt.Sprintf("192.0.2.1:%d", i+1), Host, i))
	}
	in = append(in, address("192.0.2.1:1", Reflexive, 1000), address("0.0.0.0:1", Host, 2000))
	got := best(in)
	if len(got) != MaxAddresses || got[0] != in[2*MaxAddresses] || got[1].Priority != 2*MaxAddresses-1 {
		t.Errorf("got %v", got)
	}
	ports := make(map[uint16]bool)
	for _, a := range got {
		if ports[a.Port()] {
			t.Errorf("port %d twice", a.Port())
		}
		ports[a.Port()] = true
	}
}

func TestBestIsStableAndLeavesItsInputAlone(t *testing.T) {
	in := []Address{address("10.0.0.1:1", Host, 1), address("10.0.0.2:1", Host, 2), address("10.0.0.3:1", Host, 1)}
	before := slices.Clone(in)
	got := best(in)
	if want := []Address{in[1], in[0], in[2]}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if !reflect.DeepEqual(in, before) {
		t.Error("best changed its input")
	}
}

func TestErrorCodes(t *testing.T) {
	// RFC 7846, Table 9.
	for code, want := range map[ErrorCode]string{
		0: "00 No Error", 1: "01 Bad Request", 2: "02 Unsupported Version Number", 3: "03 Forbidden Action",
		4: "04 Internal Server Error", 5: "05 Service Unavailable", 6: "06 Authentication Required",
	} {
		if got := code.String(); got != strings.ToLower(want) {
			t.Errorf("%d: %s, want %s", code, got, want)
		}
		if status := code.HTTPStatus(); (status == 200) != (code == 0) {
			t.Errorf("%d goes with HTTP status %d", code, status)
		}
	}
	if got := ErrorCode(7).String(); got != "07 unknown error" {
		t.Errorf("7: %s", got)
	}
	if status := ErrorCode(7).HTTPStatus(); status != 500 {
		t.Errorf("7 goes with HTTP status %d", status)
	}
}
