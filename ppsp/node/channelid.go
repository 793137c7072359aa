package node

import (
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"sync"
)

// channelIDs is the space of channel IDs that all swarms of a socket share. IDs come from
// a cryptographic generator, since knowing one is what proves a peer's address (RFC 7574,
// 8.3 and 12.1; RFC 4960, 5.1.3).
type channelIDs struct {
	mu     sync.RWMutex
	random *rand.Rand
	owners map[uint32]*Swarm
}

func newChannelIDs() (*channelIDs, error) {
	var seed [32]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return &channelIDs{random: rand.New(rand.NewChaCha8(seed)), owners: map[uint32]*Swarm{}}, nil
}

// fork returns a random source of its own for one engine.
func (c *channelIDs) fork() *rand.Rand {
	c.mu.Lock()
	defer c.mu.Unlock()
	return rand.New(rand.NewPCG(c.random.Uint64(), c.random.Uint64()))
}

func (c *channelIDs) owner(id uint32) *Swarm {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.owners[id]
}

func (c *channelIDs) closeAll(s *Swarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, o := range c.owners {
		if o == s {
			delete(c.owners, id)
		}
	}
}

// swarmIDs is one swarm's view of the shared space: the engine's swarm.ChannelIDs.
type swarmIDs struct {
	*channelIDs
	swarm *Swarm
}

// firstChannelByte is the least first byte of our channel IDs: neither STUN nor DTLS uses it.
const firstChannelByte = 64

// Open draws an unused ID.
func (c *swarmIDs) Open() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		id := c.random.Uint32()
		if id>>24 >= firstChannelByte && c.owners[id] == nil {
			c.owners[id] = c.swarm
			return id
		}
	}
}

// Close frees an ID.
func (c *swarmIDs) Close(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owners[id] == c.swarm {
		delete(c.owners, id)
	}
}
