package merkle

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// The example of RFC 7574, 8.16 says "Swarm Identifier: A 32-byte root hash (47a0...b03b)" and
// "Merkle Tree Hash Function: SHA-256". What it draws is neither: 20 bytes, which are the SHA-1
// root of the content with a line end behind it, as its figure of DATA has it.
func TestRootOfTheExample(t *testing.T) {
	for _, tt := range []struct {
		hash    ppsp.Hash
		content string
		root    string
	}{
		{ppsp.SHA1, "Hello world!\n", "47a013e660d408619d894b20806b1d5086aab03b"},
		{ppsp.SHA1, "Hello world!", "d3486ae9136e7856bc42212385ea797094475802"},
		{ppsp.SHA256, "Hello world!\n", "0ba904eae8773b70c75333db4de2f3ac45a8ad4ddba1b242f0b3cfc199391dd8"},
		{ppsp.SHA256, "Hello world!", "c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a"},
	} {
		tree, _, err := Build(tt.hash, 1024, strings.NewReader(tt.content))
		if err != nil || hex.EncodeToString(tree.Root()) != tt.root {
			t.Errorf("%s of %q: root %x, error %v; want %s", tt.hash, tt.content, tree.Root(), err, tt.root)
		}
	}
}
