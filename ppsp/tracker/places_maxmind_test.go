package tracker

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mmdb writes a MaxMind DB (format version 2.0) with one record for each network: a binary search
// tree with records of 24 bits, 16 zero bytes, the data, and the metadata behind their marker.
func mmdb(t testing.TB, version int, member string, networks map[string]uint32) []byte {
	t.Helper()
	nodes := [][2]int{{-1, -1}} // child node, -1 for none, below that data
	var data []byte
	for text, asn := range networks {
		prefix := netip.MustParsePrefix(text)
		raw, bits := prefix.Addr().As16(), prefix.Bits()
		if prefix.Addr().Is4() {
			raw = [16]byte{}
			four := prefix.Addr().As4()
			copy(raw[12:], four[:])
			bits += 96
		}
		from := 0
		if version == 4 {
			from = 96
		}
		node := 0
		for i := from; i < bits; i++ {
			side := int(raw[i/8]>>(7-i%8)) & 1
			switch child := nodes[node][side]; {
			case i == bits-1:
				nodes[node][side] = -2 - len(data)
			case child >= 0:
				node = child
			default:
				nodes = append(nodes, [2]int{-1, -1})
				nodes[node][side] = len(nodes) - 1
				node = len(nodes) - 1
			}
		}
		data = append(data, 0xe1) // map of one
		data = append(mmdbText(data, member), 0xc4)
		data = binary.BigEndian.AppendUint32(data, asn)
	}
	var out []byte
	for _, n := range nodes {
		for _, child := range n {
			value := len(nodes) // nothing
			if child >= 0 {
				value = child
			} else if child < -1 {
				value = len(nodes) + 16 + (-2 - child)
			}
			out = append(out, byte(value>>16), byte(value>>8), byte(value))
		}
	}
	out = append(append(out, make([]byte, 16)...), data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	number := func(name string, n int) {
		out = append(mmdbText(out, name), 0xc4)
		out = binary.BigEndian.AppendUint32(out, uint32(n))
	}
	out = append(out, 0xe9)
	number("node_count", len(nodes))
	out = append(mmdbText(out, "record_size"), 0xa1, 24)
	out = append(mmdbText(out, "ip_version"), 0xa1, byte(version))
	out = mmdbText(mmdbText(out, "database_type"), "Test-ASN")
	out = append(mmdbText(out, "languages"), 0x01, 0x04, 0x42, 'e', 'n')
	out = append(mmdbText(out, "binary_format_major_version"), 0xa1, 2)
	out = append(mmdbText(out, "binary_format_minor_version"), 0xa0)
	out = append(mmdbText(out, "build_epoch"), 0x04, 0x02, 0x65, 0, 0, 0)
	out = append(mmdbText(out, "description"), 0xe1)
	return mmdbText(mmdbText(out, "en"), "A database of a test")
}

func mmdbText(b []byte, s string) []byte {
	if len(s) < 29 {
		return append(append(b, 0x40|byte(len(s))), s...)
	}
	return append(append(b, 0x5d, byte(len(s)-29)), s...)
}

func TestMaxMind(t *testing.T) {
	whole := mmdb(t, 6, "autonomous_system_number", map[string]uint32{
		"192.0.2.0/24": 64496, "198.51.100.128/25": 64497, "2001:db8::/32": 64498, "203.0.113.7/32": 4294967295,
	})
	p, err := ReadPlaces(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]uint32{
		"192.0.2.0": 64496, "192.0.2.255": 64496, "192.0.3.0": 0, "198.51.100.127": 0, "198.51.100.128": 64497,
		"::ffff:192.0.2.9": 64496, "2001:db8:ffff::1": 64498, "2001:db9::": 0, "203.0.113.7": 4294967295, "203.0.113.8": 0,
	} {
		if got := p.ASN(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %d, want %d", ip, got, want)
		}
	}
	if p.ASN(netip.Addr{}) != 0 {
		t.Error("nothing is somewhere")
	}
	four, err := ReadPlaces(bytes.NewReader(mmdb(t, 4, "autonomous_system_number", map[string]uint32{"192.0.2.0/24": 64496})))
	if err != nil {
		t.Fatal(err)
	}
	if four.ASN(netip.MustParseAddr("192.0.2.1")) != 64496 || four.ASN(netip.MustParseAddr("2001:db8::1")) != 0 {
		t.Error("a database of IPv4")
	}
	for what, c := range map[string]struct {
		file  []byte
		words string
	}{
		"of another kind": {mmdb(t, 6, "postal_code", map[string]uint32{"192.0.2.0/24": 1}), "take one of autonomous systems"},
		"cut off":         {whole[:len(whole)/2], "neither a table nor a MaxMind DB"},
		"zeros":           {make([]byte, 1000), "neither a table nor a MaxMind DB"},
	} {
		if _, err := ReadPlaces(bytes.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Peers of the asker's network are listed more when the networks come from a database.
func TestMaxMindRanks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "asn.mmdb")
	if err := os.WriteFile(path, mmdb(t, 6, "autonomous_system_number", map[string]uint32{"203.0.112.0/20": 64500, "198.18.0.0/15": 64501}), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	places, err := ReadPlaces(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Registry{
		"memory": newMemory(func(m *MemoryConfig) { m.Places = places }),
		"valkey": func() Registry {
			v, err := OpenValkey(ValkeyConfig{URL: startRedis(t), Places: places})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			return v
		}(),
	} {
		crowd(t, r, 17) // so that each sample is the whole swarm
		for id, source := range map[string]string{"asker": "203.0.113.1:1", "near": "203.0.114.9:1"} {
			if err := r.Join(t.Context(), at(0), "s", Member{ID: id, Mode: Leech, Source: address(source, Reflexive, 0)}); err != nil {
				t.Fatal(err)
			}
		}
		near := 0
		for range 300 {
			for _, id := range find(t, r, 0, "s", "asker", 6) {
				if id == "near" {
					near++
				}
			}
		}
		if near != 300 { // by chance 100
			t.Errorf("%s: listed %d times in 300", name, near)
		}
	}
}

// FuzzMaxMind holds that no file does harm, and that what is taken can be asked.
func FuzzMaxMind(f *testing.F) {
	whole := mmdb(f, 6, "autonomous_system_number", map[string]uint32{"192.0.2.0/24": 64496, "2001:db8::/32": 1})
	f.Add(whole, []byte{192, 0, 2, 1})
	f.Add(mmdb(f, 4, "autonomous_system_number", map[string]uint32{"10.0.0.0/8": 7}), []byte{10, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b, ip []byte) {
		p, err := readMaxMind(bytes.NewReader(b))
		if err != nil {
			return
		}
		a, _ := netip.AddrFromSlice(ip)
		_ = p.ASN(a)
		_ = p.ASN(netip.IPv6Unspecified())
	})
}
