package mpegts

import (
	"errors"
	"io"
	"time"
)

// FilmKeyframe is a place in a transport stream of fixed length at which playing can begin.
type FilmKeyframe struct {
	Offset int64  // bytes before the tables that stand in front of the keyframe
	Frame  int64  // bytes before the keyframe itself
	PTS    uint64 // its time stamp, 90 kHz in 33 bits
}

// Since returns how much later than another keyframe this one is shown, the shorter way
// round the 33 bits.
func (k FilmKeyframe) Since(o FilmKeyframe) time.Duration {
	return ptsDuration(elapsed(o.PTS, k.PTS, ptsModulus))
}

// ErrNoKeyframe says that a part of a stream has no keyframe with tables before it.
var ErrNoKeyframe = errors.New("no keyframe with tables before it")

// filmStep is how much of a film is looked at at once, in bytes.
const filmStep = 32 << 10

// NextKeyframe reads a stream that is at the offset from, up to limit bytes of it, and
// returns the first keyframe with PAT and PMT before it. It reads little more than up to
// there. Only streams of bare packets of 188 bytes are understood: others can't be cut at will.
func NextKeyframe(r io.Reader, from, limit int64) (FilmKeyframe, error) {
	s := &filmScan{at: from, tables: -1}
	s.probe.noStreams()
	b := make([]byte, filmStep)
	for limit > 0 && !s.found {
		n, err := r.Read(b[:min(limit, filmStep)])
		limit -= int64(n)
		s.framer.Feed(b[:n], s.packet)
		switch {
		case s.found:
		case s.framer.Stride() > PacketSize:
			return FilmKeyframe{}, ErrNoKeyframe
		case errors.Is(err, io.EOF):
			s.judge(s.probe.frame.end())
			limit = 0
		case err != nil:
			return FilmKeyframe{}, err
		}
	}
	if !s.found {
		return FilmKeyframe{}, ErrNoKeyframe
	}
	return s.key, nil
}

// filmScan looks for a keyframe.
type filmScan struct {
	framer Framer
	probe  probe
	at     int64 // of the next packet
	pat    int64 // of the newest PAT
	tables int64 // of the newest PAT that a PMT followed, -1 before the first

	open  bool
	frame FilmKeyframe // that is being judged
	key   FilmKeyframe
	found bool
}

func (s *filmScan) packet(p Packet) {
	if s.found {
		return
	}
	// The framer tells what it passed over and not where; with strides of 188 the sum is enough.
	passed := int64(s.framer.Passed())
	at := s.at + passed
	s.at += PacketSize
	f := s.probe.packet(p)
	switch {
	case f.table && p.PID() == 0 && p.UnitStart():
		s.pat = at
	case f.table && p.UnitStart() && s.probe.ready():
		s.tables = s.pat
	}
	if f.changed {
		s.open = false
	}
	s.judge(f.earlier)
	if f.frame {
		s.frame = FilmKeyframe{Offset: s.tables, Frame: at, PTS: f.header.pts}
		s.open = f.header.hasPTS && s.tables >= 0
	}
	s.judge(f.verdict)
}

// judge closes the open frame by what its beginning told.
func (s *filmScan) judge(v verdict) {
	if v == undecided || !s.open || s.found {
		return
	}
	s.open = false
	if v != plain {
		s.found, s.key = true, s.frame
	}
}
