package swarm

import (
	"bytes"
	"slices"
)

const (
	maxUnproven   = 16 // chunks of one peer that wait for their hashes, or a run that goes in bulk
	maxProofTries = 3  // looks at each of them: a look costs the chunk's hash
)

// unproven keeps chunks that came before the hashes that prove them: where a datagram had
// no room for both the hashes go first (RFC 7574, 5.3), and the two may change places on the way.
type unproven struct {
	list  []held
	grown bool  // hashes came since the last look
	again *held // being looked at again
}

// held is a chunk with what its acknowledgement needs.
type held struct {
	chunk, delay uint64
	bytes        []byte
	tries        int
}

// hold keeps a copy of chunk i; of so many the oldest makes room.
func (u *unproven) hold(i, delay uint64, b []byte, most int) {
	if u.again != nil {
		if u.again.tries < maxProofTries {
			u.list = append(u.list, *u.again)
		}
		return
	}
	u.list = slices.DeleteFunc(u.list, func(h held) bool { return h.chunk == i })
	for len(u.list) >= most {
		u.list = slices.Delete(u.list, 0, 1)
	}
	u.list = append(u.list, held{chunk: i, delay: delay, bytes: bytes.Clone(b)})
}

// prove looks again at the chunks that wait, after hashes have come.
func (c *channel) prove(now int64) {
	if !c.unproven.grown {
		return
	}
	c.unproven.grown = false
	list := c.unproven.list
	c.unproven.list = nil
	for k := range list {
		if c.state != stateOpen {
			break
		}
		h := &list[k]
		h.tries++
		c.unproven.again = h
		c.take(now, h.chunk, h.delay, h.bytes)
	}
	c.unproven.again = nil
}
