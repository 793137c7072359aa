package livesig_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
)

// A source signs the hash over chunks 0 to 31; a receiver needs the swarm ID alone.
func Example() {
	source, err := livesig.Generate(ppsp.ECDSAP256SHA256, bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		fmt.Println(err)
		return
	}
	munro := sha256.Sum256([]byte("stands for the subtree"))
	spec := []byte{0, 0, 0, 0, 0, 0, 0, 31} // chunks 0 to 31 on the wire
	ntp := livesig.NTP(time.Date(2026, 6, 1, 20, 15, 0, 0, time.UTC))
	signature, err := source.Sign(spec, ntp, munro[:])
	if err != nil {
		fmt.Println(err)
		return
	}

	receiver, err := livesig.ParsePublicKey(source.SwarmID())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receiver.Algorithm(), receiver.SignatureSize() == len(signature))
	fmt.Println(receiver.Verify(spec, ntp, munro[:], signature), livesig.Time(ntp))
	spec[7] = 63
	fmt.Println(receiver.Verify(spec, ntp, munro[:], signature))
	// Output:
	// ecdsap256sha256 true
	// true 2026-06-01 20:15:00 +0000 UTC
	// false
}
