package node

import (
	"iter"
	"net/netip"
	"slices"
)

// A train is datagrams of the same two ends, one behind the other in one piece of memory:
// each has segment bytes, only the last may have fewer. A datagram alone is a train too.
//
// Trains are what the kernel takes and gives whole where it can (UDP_SEGMENT and UDP_GRO of
// Linux): a train then costs little more than a datagram.
type train struct {
	peer    netip.AddrPort
	bytes   []byte
	segment int
	slot    *slot // memory of bytes that can be given away whole, nil for none
}

// slot is memory for one train.
type slot [trainBytes]byte

// count returns how many datagrams there are.
func (t *train) count() int { return max((len(t.bytes)+t.segment-1)/max(t.segment, 1), 1) }

// datagrams yields them one by one.
func (t *train) datagrams() iter.Seq[[]byte] { return slices.Chunk(t.bytes, max(t.segment, 1)) }

// batch is what one system call moves.
type batch struct {
	trains []train
	bytes  []byte // memory of those without a slot
}

func (b *batch) reset() {
	clear(b.trains)
	b.bytes, b.trains = b.bytes[:0], b.trains[:0]
}

// slots are those not in use. Any goroutine may take one and give it back.
type slots chan *slot

func (s slots) take() *slot {
	select {
	case m := <-s:
		return m
	default:
		return new(slot)
	}
}

func (s slots) give(m *slot) {
	select {
	case s <- m:
	default: // there are enough
	}
}

// socket moves batches. One goroutine receives, others send.
type socket interface {
	// receive waits for datagrams and fills b with what has come; peers' IPv4 addresses
	// are told as such. A slot that was taken out of b since the last call is replaced.
	receive(b *batch) error
	// newSender returns what one goroutine sends with.
	newSender() sender
	// state tells which help of the kernel is in use.
	state() Offload
}

// sender sends batches. A datagram that the kernel refuses is lost, as on the way it could
// be; refused is told of it.
type sender interface {
	send(b *batch, refused func(to netip.AddrPort, err error))
}

// Offload tells which help of the kernel is in use.
type Offload struct {
	Batches  bool // several datagrams to a system call
	Segments bool // trains are cut by the kernel (UDP_SEGMENT)
	Joins    bool // trains are joined by the kernel (UDP_GRO)
}

// Bounds of batches.
const (
	batchTrains = 64        // a system call
	trainBytes  = 64 << 10  // the largest train, and the largest datagram
	batchBytes  = 256 << 10 // when so many bytes wait they are sent
	maxSegments = 64        // UDP_MAX_SEGMENTS of Linux until 6.8
	spareSlots  = 64        // that are kept
)
