package sim

import (
	"encoding/binary"

	"github.com/swarmgate/swarmgate/ppsp/livesig"
)

// memo remembers whether signatures were right: all hosts check the same ones, and each
// check takes as long as a dozen chunks. Another byte anywhere is another signature.
type memo struct {
	key   *livesig.PublicKey
	known map[string]bool
	asked []byte
}

const maxMemo = 1 << 14 // signatures; when they are so many all are forgotten

// Verify answers as the key would.
func (m *memo) Verify(spec []byte, ntp uint64, hash, signature []byte) bool {
	m.asked = append(m.asked[:0], spec...)
	m.asked = binary.BigEndian.AppendUint64(m.asked, ntp)
	m.asked = append(m.asked, hash...)
	m.asked = append(m.asked, signature...) // all have fixed lengths
	right, ok := m.known[string(m.asked)]
	if !ok {
		if m.known == nil || len(m.known) >= maxMemo {
			m.known = map[string]bool{}
		}
		right = m.key.Verify(spec, ntp, hash, signature)
		m.known[string(m.asked)] = right
	}
	return right
}
