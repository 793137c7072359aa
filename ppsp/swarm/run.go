package swarm

import (
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// To a peer that is fast, the chunks of a film go in bulk: in runs. First go the hashes that
// the peer needs for all chunks of a run, in datagrams of their own (RFC 7574, 5.3), then
// trains of datagrams with DATA alone, which are all of one size: that is what the kernel
// takes whole, and what is read from the store at once.
//
//	run       chunks 64 … 127
//	hashes    INTEGRITY × 33 | INTEGRITY × 33 | …          one train
//	chunks    DATA | DATA | DATA | …                       trains of what may go now
//
// The hashes of a run do not count on those of the run before: were these lost, only that
// run waits. To slow peers each chunk takes its own hashes along, see appendChunk.
const (
	runChunks    = 64       // of a run, which is aligned to its length
	runBytes     = 64 << 10 // of it at most
	bulkInterval = 250e3    // ns between two datagrams of a peer that is fast, at most
	trainSpan    = 1e6      // ns of sending that a train may hold
	maxTrain     = 62       // datagrams: as many as fit a UDP datagram of 64 KiB together
	maxTrainSize = 65_000   // bytes
)

// ChunksReader is a Store that reads neighbouring chunks at once.
type ChunksReader interface {
	// AppendChunks appends the chunks of r, up to the first that is not here. The error tells
	// that not even the first is.
	AppendChunks(dst []byte, r chunk.Range) ([]byte, error)
}

// runs tells how many chunks a run of this swarm has, 1 when chunks go one by one.
func (s *Swarm) runLength() uint64 {
	if s.live != nil || s.meta.ChunkSize == ppsp.VariableChunks {
		return 1
	}
	n := uint64(runChunks)
	for n > 1 && n*uint64(s.meta.ChunkSize) > runBytes {
		n /= 2
	}
	return n
}

// dataSize is what a chunk takes in a datagram, and perDatagram how many of them one of a
// size has: several where they are small (RFC 7574, 8.6).
func (s *Swarm) dataSize() int { return 1 + s.specSize + 8 + int(s.meta.ChunkSize) }

func (s *Swarm) perDatagram(size int) int { return max((size-channelBytes)/s.dataSize(), 1) }

// run returns the first chunks of r that may go together: in bulk what lies in one run, else
// one.
func (c *channel) run(r chunk.Range) chunk.Range {
	n := c.s.runSize
	interval := c.control.PacingInterval(c.s.dataSize())
	if n <= 1 || c.draft10 || interval == 0 || interval > bulkInterval {
		return chunk.One(r.Start)
	}
	whole, _ := c.s.have.Covering(r.Start)
	r.End = min(r.End, whole.End, r.Start-r.Start%n+n)
	return r
}

// appendRun adds a train of hashes or of chunks of r.
func (c *channel) appendRun(now int64, b []byte, r chunk.Range, tries int) (out []byte, segment int) {
	if r.Start < c.ahead.Start || r.End > c.ahead.End {
		c.ahead = r
		if b, segment = c.appendAhead(b, r); segment > 0 {
			return b, segment
		}
	}
	return c.appendTrain(now, b, r, tries)
}

// trainRoom returns how many chunks of a train may go now, each in a datagram with so many: what
// congestion control, pacing and the upload limit allow, at least one.
func (c *channel) trainRoom(each int) int {
	s := c.s
	size := s.dataSize()
	n := min((c.control.Window()-c.control.Flight())/size, maxTrainSize/size, maxTrain*each)
	n = min(n, max(int(trainSpan/max(c.control.PacingInterval(size), 1)), each))
	if s.budget.rate > 0 {
		n = min(n, int(s.budget.level)/size)
	}
	if n > each {
		n -= n % each
	}
	return max(n, 1)
}

// appendTrain adds datagrams with the first chunks of r, or one that tries how large they may be.
func (c *channel) appendTrain(now int64, b []byte, r chunk.Range, tries int) (out []byte, segment int) {
	s := c.s
	each := s.perDatagram(c.path.datagram())
	n := c.trainRoom(each)
	probe := c.probeSize(now, min(int(r.Len()), n))
	if probe > 0 {
		each = s.perDatagram(probe)
		n = each
	}
	r.End = min(r.End, r.Start+uint64(n))
	bytes, err := s.readChunks(r)
	if err != nil || len(bytes) == 0 {
		s.have.Remove(chunk.One(r.Start))
		return b, 0
	}
	size := int(s.meta.ChunkSize)
	if each > 1 && len(bytes) > size { // a short last chunk goes in a datagram of its own (RFC 7574, 8.6)
		bytes = bytes[:len(bytes)/size*size]
	}
	segment = channelBytes + each*s.dataSize()
	r.End = r.Start + uint64((len(bytes)+size-1)/size)
	micros := uint64(s.micros(now))
	for i := r.Start; i < r.End; i++ {
		if int(i-r.Start)%each == 0 {
			b = wire.AppendChannel(b, c.remoteID)
		}
		n := min(size, len(bytes))
		b = append(s.format.AppendDataHeader(b, i, micros), bytes[:n]...)
		bytes = bytes[n:]
	}
	c.alone = false
	c.served(now, r, tries, s.dataSize()+channelBytes)
	if probe > 0 && int(r.Len()) == each {
		c.flight.line.at(c.flight.line.len() - 1).probe = probe
		c.path.probing = probe
	}
	return b, segment
}

// readChunks returns the first chunks of r, at least one, in memory that holds until the next
// call: all of them full, but for the film's last.
func (s *Swarm) readChunks(r chunk.Range) (bytes []byte, err error) {
	if s.reader != nil {
		s.scratch, err = s.reader.AppendChunks(s.scratch[:0], r)
		return s.scratch, err
	}
	s.scratch = s.scratch[:0]
	for i := r.Start; i < r.End; i++ {
		had := len(s.scratch)
		b, err := s.cfg.Store.AppendChunk(s.scratch, i)
		if err != nil && i == r.Start {
			return nil, err
		}
		if err != nil {
			break
		}
		if s.scratch = b; len(b)-had < int(s.meta.ChunkSize) {
			break
		}
	}
	return s.scratch, nil
}

// appendAhead adds datagrams with the hashes that the peer lacks to verify the chunks of r, in
// the order in which it comes to need them.
func (c *channel) appendAhead(b []byte, r chunk.Range) (out []byte, segment int) {
	s := c.s
	if s.meta.Integrity != ppsp.IntegrityMerkle {
		return b, 0
	}
	s.bins = s.bins[:0]
	fresh := c.peerHave.Count() == 0
	for peak := range chunk.Peaks(s.tree.Chunks()) {
		if fresh { // until the peer has acknowledged a chunk (RFC 7574, 5.6.2)
			s.bins = append(s.bins, peak)
		}
	}
	for peak := range chunk.Peaks(s.tree.Chunks()) {
		if peak.Range().Overlaps(r) {
			s.bins = c.appendUnion(s.bins, peak, r, fresh)
		}
	}
	message := 1 + s.specSize + s.format.HashSize
	each := (MaxDatagram - channelBytes) / message
	n := 0
	for _, bin := range s.bins {
		hash, ok := s.tree.Hash(bin)
		if !ok {
			continue
		}
		if n%each == 0 {
			b = wire.AppendChannel(b, c.remoteID)
		}
		b = s.format.AppendIntegrity(b, bin.Range(), hash)
		n++
	}
	if n == 0 {
		return b, 0
	}
	return b, channelBytes + each*message
}

// appendUnion appends the uncles of all chunks of r below a node: on the way down, at each
// node the child that is not on the way, or the right one where both are, which the left
// one's chunks need. Of a node under which the peer has a chunk it knows both children
// (RFC 7574, 5.3); unknown says that it has none there.
func (c *channel) appendUnion(dst []chunk.Bin, at chunk.Bin, r chunk.Range, unknown bool) []chunk.Bin {
	if at.Layer() == 0 {
		return dst
	}
	if !unknown {
		had, some := c.peerHave.NextIn(at.Range().Start)
		unknown = !some || had.Start >= at.Range().End
	}
	left, right := at.Left(), at.Right()
	inLeft, inRight := left.Range().Overlaps(r), right.Range().Overlaps(r)
	switch {
	case !unknown:
	case inLeft:
		dst = append(dst, right)
	default:
		dst = append(dst, left)
	}
	if inLeft {
		dst = c.appendUnion(dst, left, r, unknown)
	}
	if inRight {
		dst = c.appendUnion(dst, right, r, unknown)
	}
	return dst
}
