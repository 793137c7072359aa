package ppsp

import (
	"fmt"
	"strings"
	"testing"
)

// The numbers are those of RFC 7574: Table 4 (integrity), Table 5 (hash), Table 6
// (addressing), and of the DNSSEC registry (7.7).
func TestAlgorithmWordsAndNumbers(t *testing.T) {
	for _, c := range []struct {
		value  fmt.Stringer
		number uint8
		word   string
	}{
		{IntegrityNone, 0, "none"},
		{IntegrityMerkle, 1, "merkle"},
		{IntegritySignAll, 2, "signall"},
		{IntegrityUnified, 3, "unified"},
		{SHA1, 0, "sha1"},
		{SHA224, 1, "sha224"},
		{SHA256, 2, "sha256"},
		{SHA384, 3, "sha384"},
		{SHA512, 4, "sha512"},
		{RSASHA1, 5, "rsasha1"},
		{RSASHA256, 8, "rsasha256"},
		{ECDSAP256SHA256, 13, "ecdsap256sha256"},
		{ECDSAP384SHA384, 14, "ecdsap384sha384"},
		{Ed25519, 15, "ed25519"},
		{Bins32, 0, "bin32"},
		{ByteRanges64, 1, "byte64"},
		{ChunkRanges32, 2, "chunk32"},
		{Bins64, 3, "bin64"},
		{ChunkRanges64, 4, "chunk64"},
	} {
		if got := fmt.Sprintf("%d %s", c.value, c.value); got != fmt.Sprintf("%d %s", c.number, c.word) {
			t.Errorf("got %s, want %d %s", got, c.number, c.word)
		}
		back, err := parseAs(c.value, c.word)
		if err != nil || back != c.value {
			t.Errorf("%s read as %v, %v", c.word, back, err)
		}
		if _, err := parseAs(c.value, strings.ToUpper(c.word)); err == nil || !strings.Contains(err.Error(), " "+c.word) {
			t.Errorf("%s in capitals: %v, want an error that lists the words", c.word, err)
		}
	}
	if got := Hash(9).String(); got != "unknown(9)" {
		t.Errorf("unknown hash prints as %s", got)
	}
}

func parseAs(kind fmt.Stringer, word string) (fmt.Stringer, error) {
	switch kind.(type) {
	case Integrity:
		return ParseIntegrity(word)
	case Hash:
		return ParseHash(word)
	case Signature:
		return ParseSignature(word)
	}
	return ParseAddressing(word)
}

func TestHashSizes(t *testing.T) {
	for h, want := range map[Hash]int{SHA1: 20, SHA224: 28, SHA256: 32, SHA384: 48, SHA512: 64} {
		if h.Size() != want || h.New().Size() != want {
			t.Errorf("%v: Size %d, New().Size %d, want %d", h, h.Size(), h.New().Size(), want)
		}
	}
	if unknown := Hash(5); unknown.Size() != 0 || unknown.New() != nil {
		t.Error("an unknown function has a size or a state")
	}
}
