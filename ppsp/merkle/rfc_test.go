package merkle

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
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

// RFC 7574, 5.2 and Figure 3: 7 chunks; "for chunk C4, the uncles are nodes 13 and 3 and the
// sibling is 10", and node 14 is an empty hash.
func TestUnclesOfFigure3(t *testing.T) {
	content := strings.Repeat("chunk", 7*20)
	tree, _, err := Build(ppsp.SHA256, 100, strings.NewReader(content))
	if err != nil || tree.Chunks() != 7 {
		t.Fatalf("%d chunks, error %v", tree.Chunks(), err)
	}
	node := func(b chunk.Bin) []byte {
		hash, ok := tree.Hash(b)
		if !ok {
			t.Fatalf("node %d is not there", b)
		}
		return hash
	}
	h := NewHasher(ppsp.SHA256)
	empty := make([]byte, 32)
	thirteen := h.AppendParent(nil, node(12), empty)
	nine := h.AppendParent(nil, h.AppendLeaf(nil, []byte(content[400:500])), node(10))
	eleven := h.AppendParent(nil, nine, thirteen)
	if root := h.AppendParent(nil, node(3), eleven); !bytes.Equal(root, tree.Root()) || !bytes.Equal(nine, node(9)) {
		t.Errorf("C4 with 10, 13 and 3 leads to %x, the root is %x", root, tree.Root())
	}
	// A receiver makes 13 of the peak 12, and knows 3, which is a peak too: it is sent 10 alone.
	if sent := tree.AppendUncles(nil, 4, func(chunk.Bin) bool { return false }); len(sent) != 1 || sent[0] != 10 {
		t.Errorf("sent are the nodes %d, want 10", sent)
	}
}
