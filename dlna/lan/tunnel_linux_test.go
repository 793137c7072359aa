package lan

import "testing"

func TestKind(t *testing.T) {
	for info, want := range map[string]string{
		"":                              "",
		"\x0e\x00\x01\x00wireguard\x00": "wireguard",
		"\x08\x00\x02\x00abcd\x08\x00\x01\x00tun\x00": "tun",
		"\xff\xff\x01\x00tun\x00":                     "", // longer than there is
		"\x02\x00\x01\x00tun\x00":                     "", // shorter than its own header
		"\x08\x00":                                    "",
	} {
		if got := kind([]byte(info)); got != want {
			t.Errorf("kind(%q) = %q, want %q", info, got, want)
		}
	}
	for kind, want := range map[string]bool{"wireguard": true, "tun": true, "veth": false, "bridge": false, "vlan": false, "macvlan": false, "": false} {
		if isTunnel(kind) != want {
			t.Errorf("isTunnel(%q) = %v", kind, !want)
		}
	}
}

// Loopback is no tunnel, and the kernel answers at all.
func TestTunnelsOfThisMachine(t *testing.T) {
	found := tunnels()
	if found == nil {
		t.Fatal("the kernel does not tell")
	}
	if found[1] {
		t.Error("loopback is taken for a tunnel")
	}
}

func FuzzKind(f *testing.F) {
	f.Add([]byte("\x08\x00\x02\x00abcd\x08\x00\x01\x00tun\x00"))
	f.Add([]byte("\x05\x00\x02\x00a"))
	f.Fuzz(func(t *testing.T, info []byte) {
		if k := kind(info); len(k) > len(info) {
			t.Fatalf("%q out of %q", k, info)
		}
	})
}
