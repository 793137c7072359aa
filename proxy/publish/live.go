package publish

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// Source is a live input: it calls emit with whole transport stream packets as they fall
// due, until ctx ends or the input does.
type Source interface {
	Run(ctx context.Context, emit func(packets []byte) error) error
}

// Numbers reserves chunk numbers that were never given before under a key, not even by a
// process that was killed (proxy/state implements it).
type Numbers interface {
	ReserveChunks(id ppsp.SwarmID, n uint64) (first uint64, err error)
}

// LiveConfig says what stream is published and how.
type LiveConfig struct {
	Source   Source
	Key      *livesig.PrivateKey
	Numbers  Numbers       // nil when the key is used once only
	Metadata ppsp.Metadata // the SwarmID is filled in; zero for ppsp.LiveDefaults with LiveChunkSize and 64-bit chunk ranges
	Title    string
	Rate     int64 // bits per second, as far as known; sets what is 0 below
	Trackers []string
	Contacts []string // host:port, put into the link for receivers without tracker

	ChunksPerSignature uint64 // a power of two; 0 for about SignatureInterval of the stream
	Window             int64  // bytes kept for peers, 0 for DefaultWindow

	Record string // new file that keeps the stream, empty for none

	Profile swarm.Profile // form of the protocol that is spoken

	Node       *node.Node
	Tracking   membership.Trackers
	Authority  *member.Authority   // of membership certificates, which peers pass on; nil for none
	TrackerKey member.AuthorityKey // of the trackers that give out membership certificates instead; zero for none
	Closed     bool                // only its members take part
	Logger     zerolog.Logger
}

const (
	// LiveChunkSize is 7 whole packets of a transport stream, so that every chunk can be
	// understood alone, and a datagram with one fits an Ethernet frame.
	LiveChunkSize = 7 * 188
	// DefaultWindow is how many bytes of the stream a publisher keeps.
	DefaultWindow = 32 << 20
	// signatureInterval is the part of a stream that one signature covers, milliseconds:
	// longer costs delay, shorter costs processors.
	signatureInterval = 200
	reserveAhead      = 1 << 12 // chunk numbers taken at a time
)

// Live is a published stream. Make it by OpenLive.
type Live struct {
	cfg      LiveConfig
	link     ppsp.Link
	member   *membership.Member
	next     uint64 // chunk
	reserved uint64 // end of the numbers that may be given
	perMunro uint64
	pending  []byte // of the chunk being collected
	record   *os.File
	unkept   error // why the recording is not whole
	finished bool  // the input has ended
}

// OpenLive joins the swarm of the key as its source. Run streams.
func OpenLive(c LiveConfig) (*Live, error) {
	meta := c.Metadata
	if meta == (ppsp.Metadata{}) {
		meta = ppsp.LiveDefaults("")
		meta.ChunkSize = LiveChunkSize
		meta.Addressing = ppsp.ChunkRanges64 // 32 bits last for 130 days at 4 Mbit/s
	}
	meta.SwarmID = c.Key.SwarmID()
	meta.Signature = c.Key.Algorithm()
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	l := &Live{cfg: c, perMunro: c.ChunksPerSignature}
	switch {
	case meta.Integrity != ppsp.IntegrityUnified:
		l.perMunro = 1
	case l.perMunro == 0:
		l.perMunro = perSignature(c.Rate, uint32(largest(meta)))
	}
	if err := l.reserve(); err != nil {
		return nil, err
	}
	l.next = (l.next + l.perMunro - 1) / l.perMunro * l.perMunro
	l.link = ppsp.NewLink(meta)
	l.link.Title, l.link.Rate = c.Title, c.Rate
	l.link.Trackers, l.link.Peers = c.Trackers, c.Contacts
	credential, err := enroll(&l.link, c.Authority, c.TrackerKey, c.Closed)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", c.Title, err)
	}
	if err := l.link.Validate(); err != nil {
		return nil, fmt.Errorf("publish %s: %w", c.Title, err)
	}
	chunks := max(uint64(c.Window)/uint64(largest(meta)), 4*l.perMunro)
	chunks = min(chunks/l.perMunro*l.perMunro, swarm.MaxLiveWindow)
	l.member, err = membership.Join(membership.Config{
		Node: c.Node, Link: l.link, Seed: true, Given: true, Trackers: c.Tracking, Credential: credential, Logger: c.Logger,
		Swarm: swarm.Config{
			Meta: meta, Store: store.NewRing(uint32(largest(meta)), int(chunks)), Window: chunks,
			Key: c.Key, ChunksPerSignature: l.perMunro, FirstChunk: l.next, Profile: c.Profile,
		},
		Events: peerLog(c.Logger, meta.SwarmID),
	})
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", c.Title, err)
	}
	if c.Record != "" {
		if l.record, err = os.OpenFile(c.Record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
			return nil, fmt.Errorf("publish %s: record: %w; name a new file in a folder that can be written", c.Title, err)
		}
	}
	return l, nil
}

// largest is how many bytes a chunk of the stream has at most.
func largest(m ppsp.Metadata) int {
	if m.ChunkSize == ppsp.VariableChunks {
		return LiveChunkSize
	}
	return m.LargestChunk()
}

// perSignature is the power of two that covers about signatureInterval of the stream.
func perSignature(rate int64, chunkSize uint32) uint64 {
	chunks := uint64(max(rate, 0)) / 8 * signatureInterval / 1000 / uint64(chunkSize)
	return min(uint64(1)<<max(bits.Len64(chunks)-1, 1), 64)
}

// reserve takes further chunk numbers.
func (l *Live) reserve() error {
	if l.cfg.Numbers == nil {
		l.reserved = ^uint64(0)
		return nil
	}
	first, err := l.cfg.Numbers.ReserveChunks(l.cfg.Key.SwarmID(), reserveAhead)
	if err != nil {
		return fmt.Errorf("publish %s: reserve chunk numbers: %w", l.cfg.Title, err)
	}
	if l.reserved != 0 && first != l.reserved {
		return fmt.Errorf("publish %s: somebody else publishes with the same key; stop one, or give this one a key of its own", l.cfg.Title)
	}
	if l.reserved == 0 {
		l.next = first
	}
	l.reserved = first + reserveAhead
	return nil
}

// Link returns the link of the stream.
func (l *Live) Link() ppsp.Link { return l.link }

// Member returns the publisher's part in the swarm.
func (l *Live) Member() *membership.Member { return l.member }

// Run streams until ctx ends or the input does.
func (l *Live) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	swarmEnded := make(chan error, 1)
	go func() { swarmEnded <- l.member.Run(ctx) }() // waited for below
	err := l.cfg.Source.Run(ctx, l.emit)
	if err == nil && ctx.Err() == nil {
		err = l.finish(ctx)
		l.finished = err == nil
	}
	if l.record != nil {
		if failed := errors.Join(l.record.Sync(), l.record.Close()); failed != nil && l.unkept == nil {
			l.unkept = failed
		}
	}
	if ctx.Err() != nil || errors.Is(err, node.ErrEnded) {
		err = nil
	}
	cancel()
	return errors.Join(err, <-swarmEnded)
}

// Patience with viewers at the end of the input.
const (
	lastWait  = 5 * time.Second // for those that still lack something
	lastQuiet = 500 * time.Millisecond
	lastLook  = 50 * time.Millisecond
)

// finish sends what is left of the input, whether or not it fills a chunk or a signature, and
// waits until the viewers have it.
func (l *Live) finish(ctx context.Context) error {
	if err := l.number(); err != nil {
		return err
	}
	l.keep(l.pending)
	if err := l.member.Swarm().Finish(l.pending); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lastWait)
	defer cancel()
	look := time.NewTicker(lastLook)
	defer look.Stop()
	for quiet := time.Duration(0); quiet < lastQuiet; quiet += lastLook {
		served, err := l.member.Swarm().Served()
		if err != nil {
			return err
		}
		if !served {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
	return nil
}

// emit cuts packets into chunks: evenly, or, where chunks vary in size, as the input gives them.
func (l *Live) emit(packets []byte) error {
	size, varies := largest(l.link.Metadata), l.link.ChunkSize == ppsp.VariableChunks
	for len(packets) > 0 {
		n := min(size-len(l.pending), len(packets))
		l.pending = append(l.pending, packets[:n]...)
		packets = packets[n:]
		if len(l.pending) < size && !varies {
			return nil
		}
		if err := l.number(); err != nil {
			return err
		}
		l.keep(l.pending)
		if err := l.member.Swarm().Append(l.pending); err != nil {
			return err
		}
		l.next++
		l.pending = l.pending[:0]
	}
	return nil
}

// number sees to it that the next chunk has a number.
func (l *Live) number() error {
	if l.next < l.reserved {
		return nil
	}
	return l.reserve()
}

// keep writes a chunk to the recording. The stream goes on without one that can't be written.
func (l *Live) keep(b []byte) {
	if l.record == nil || l.unkept != nil || len(b) == 0 {
		return
	}
	if _, err := l.record.Write(b); err != nil {
		l.unkept = err
		l.cfg.Logger.Error().Err(err).Str("file", l.cfg.Record).Msg("the recording ends here, and no film will be made of it: make room, and begin another; the live stream goes on")
	}
}

// Recorded tells, after Run, whether the whole stream is kept in LiveConfig.Record.
func (l *Live) Recorded() bool { return l.record != nil && l.unkept == nil && l.finished }
