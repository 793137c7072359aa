package node

import (
	"testing"
)

func newIDs(t *testing.T) *channelIDs {
	t.Helper()
	ids, err := newChannelIDs()
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// A channel ID is never 0, which stands for a channel that is not there yet (RFC 7574,
// 3.11), and never begins like STUN (0 to 3) or DTLS (20 to 63; RFC 7983, 7).
func TestChannelIDsLookLikeNothingElse(t *testing.T) {
	ids := &swarmIDs{newIDs(t), new(Swarm)}
	seen := map[uint32]bool{}
	for range 20000 {
		id := ids.Open()
		if first := id >> 24; id == 0 || first < 64 {
			t.Fatalf("channel ID %08x begins with %d, want 64 or more", id, first)
		}
		if seen[id] {
			t.Fatalf("channel ID %08x was given twice", id)
		}
		seen[id] = true
	}
}

// "Channel IDs … MUST be random" (RFC 7574, 12.1): two nodes share none.
func TestChannelIDsDifferFromNodeToNode(t *testing.T) {
	a, b := &swarmIDs{newIDs(t), new(Swarm)}, &swarmIDs{newIDs(t), new(Swarm)}
	seen := map[uint32]bool{}
	for range 100 {
		seen[a.Open()] = true
	}
	for range 100 {
		if seen[b.Open()] {
			t.Fatal("two nodes gave the same channel ID")
		}
	}
}

func TestChannelIDsLeadToTheirSwarm(t *testing.T) {
	all := newIDs(t)
	first, second := new(Swarm), new(Swarm)
	a, b := &swarmIDs{all, first}, &swarmIDs{all, second}
	mine, theirs := a.Open(), b.Open()
	if all.owner(mine) != first || all.owner(theirs) != second {
		t.Fatal("a channel ID leads to another swarm")
	}
	b.Close(mine)
	if all.owner(mine) != first {
		t.Error("a swarm freed a channel ID of another")
	}
	a.Close(mine)
	a.Close(mine)
	if all.owner(mine) != nil {
		t.Error("a freed channel ID still leads to its swarm")
	}
	again, last := b.Open(), b.Open()
	all.closeAll(second)
	if all.owner(theirs) != nil || all.owner(again) != nil || all.owner(last) != nil {
		t.Error("the IDs of a swarm that ended are still in use")
	}
	if len(all.owners) != 0 {
		t.Errorf("%d channel IDs are left", len(all.owners))
	}
}

func TestRandomSourcesOfSwarmsDiffer(t *testing.T) {
	all := newIDs(t)
	if a, b := all.fork(), all.fork(); a.Uint64() == b.Uint64() {
		t.Error("two swarms draw the same numbers")
	}
}
