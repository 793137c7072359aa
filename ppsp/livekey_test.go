package ppsp

import (
	"slices"
	"strings"
	"testing"
)

// TestLiveKeySizes: "an algorithm byte and a public key in DNSKEY form" has one length for
// each algorithm but RSA, which tells its own (RFC 6605, 4; RFC 8080, 3; RFC 3110, 2).
func TestLiveKeySizes(t *testing.T) {
	rsa := func(head string, exponent, modulus int) string { return head + strings.Repeat("k", exponent+modulus) }
	for name, c := range map[string]struct {
		algorithm Signature
		good      []string
		bad       []string
	}{
		"P-256":   {ECDSAP256SHA256, []string{rsa("", 0, 64)}, []string{"", "\x12", rsa("", 0, 63), rsa("", 0, 65), rsa("", 0, 96)}},
		"P-384":   {ECDSAP384SHA384, []string{rsa("", 0, 96)}, []string{rsa("", 0, 95), rsa("", 0, 64)}},
		"Ed25519": {Ed25519, []string{rsa("", 0, 32)}, []string{rsa("", 0, 31), rsa("", 0, 33)}},
		"RSA": {
			RSASHA256,
			[]string{rsa("\x01", 1, 128), rsa("\x03", 3, 256), rsa("\x04", 4, 512), rsa("\x00\x00\x03", 3, 256)},
			[]string{
				"", "\x00", "\x00\x00", "\x03", "\x03ab", rsa("\x03", 3, 127), rsa("\x03", 3, 513), rsa("\x05", 5, 256),
				rsa("\x00\x00\x00", 0, 256), rsa("\x00\xff\xff", 3, 256), rsa("\xff", 3, 64),
			},
		},
		"RSA with SHA-1": {RSASHA1, []string{rsa("\x03", 3, 256)}, []string{rsa("\x03", 3, 100)}},
	} {
		for _, key := range slices.Concat(c.good, c.bad) {
			id := SwarmID([]byte{byte(c.algorithm)}) + SwarmID(key)
			err := LiveDefaults(id).Validate()
			_, parsed := ParseLink("ppsp:live/" + id.String())
			if good := slices.Contains(c.good, key); (err == nil) != good || (parsed == nil) != good {
				t.Errorf("%s, key of %d bytes: %v, as a link %v; want it taken: %t", name, len(key), err, parsed, good)
			}
		}
	}
}
