package merkle_test

import (
	"fmt"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// A receiver that knows the root alone takes a chunk from a peer: first the peaks, then the
// uncles it lacks, then the chunk.
func ExampleTree() {
	content := "seven chunks of four bytes…"
	sender, length, err := merkle.Build(ppsp.SHA256, 4, strings.NewReader(content))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(length, "bytes in", sender.Chunks(), "chunks")

	receiver := merkle.NewTree(ppsp.SHA256, sender.Root())
	receiver.SetChunkSize(4)
	var offered merkle.Proof
	for _, peak := range sender.AppendPeaks(nil) {
		offered.Add(peak.Bin, peak.Hash)
	}
	known := func(b chunk.Bin) bool { _, ok := receiver.Hash(b); return ok }
	for _, bin := range sender.AppendUncles(nil, 2, known) {
		hash, _ := sender.Hash(bin)
		offered.Add(bin, hash)
	}
	fmt.Println(receiver.Verify(2, []byte("fake"), &offered))
	fmt.Println(receiver.Verify(2, []byte(content[8:12]), &offered))
	fmt.Println(receiver.Verify(3, []byte(content[12:16]), nil), receiver.Chunks(), receiver.Sized())
	// Output:
	// 29 bytes in 8 chunks
	// chunk does not match the hash tree
	// <nil>
	// <nil> 8 false
}

// A source closes a subtree every four chunks and signs its hash; a receiver that has
// checked the signature verifies chunks against it.
func ExampleLive() {
	source, receiver := merkle.NewLive(ppsp.SHA256), merkle.NewLive(ppsp.SHA256)
	for i := range uint64(4) {
		source.Append(i, []byte{byte(i)})
	}
	munro, ok := source.Munro(chunk.Range{Start: 0, End: 4})
	fmt.Println(len(munro), ok)

	fmt.Println(receiver.Verify(1, []byte{1}, nil))
	bin, _ := source.MunroOf(1)
	if err := receiver.AddMunro(bin, munro); err != nil {
		fmt.Println(err)
	}
	var offered merkle.Proof
	for _, b := range source.AppendUncles(nil, 1, func(chunk.Bin) bool { return false }) {
		hash, _ := source.Hash(b)
		offered.Add(b, hash)
	}
	fmt.Println(receiver.Verify(1, []byte{1}, &offered))
	// Output:
	// 32 true
	// hashes are missing to verify the chunk
	// <nil>
}
