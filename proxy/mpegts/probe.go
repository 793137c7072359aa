package mpegts

// probe follows the first programme of a stream, packet by packet: its tables, its clock, and
// where frames of its reference stream begin. The reference is the first video stream, else
// the first audio stream. All memory is fixed.
type probe struct {
	pat, pmt  table
	programme uint16
	pmtPID    uint16 // 0 while unknown
	pcrPID    uint16
	streams   [maxStreams]Stream
	count     int
	ref       int // index into streams, -1 for none

	patCounter, pmtCounter uint8 // of the newest packet of each table

	frame  frameScan
	inside bool // a frame is being scanned
}

// finding is what one packet told.
type finding struct {
	table   bool // it belongs to PAT or PMT
	changed bool // the programme has changed with it; earlier frames are not to be joined
	starts  bool // a PES packet of any of the programme's streams begins
	frame   bool // a frame (audio: a PES packet) of the reference begins
	header  pesHeader
	earlier verdict // about the frame before, when that was open until now
	verdict verdict // about the newest frame, once, with the packet that decides
}

// packet looks at the next packet of the stream.
func (s *probe) packet(p Packet) (f finding) {
	if p.Damaged() {
		return f
	}
	switch pid := p.PID(); {
	case pid == 0:
		f.table = true
		s.patCounter = p.Counter()
		s.pat.feed(p, func(section []byte) { f.changed = s.newPAT(section) || f.changed })
	case pid == s.pmtPID && pid != 0:
		f.table = true
		s.pmtCounter = p.Counter()
		s.pmt.feed(p, func(section []byte) { f.changed = s.newPMT(section) || f.changed })
	case p.UnitStart():
		s.unit(p, pid, &f)
	case s.inside && pid == s.streams[s.ref].PID:
		f.verdict = s.frame.more(p.Payload())
		s.inside = f.verdict == undecided
	}
	return f
}

func (s *probe) newPAT(section []byte) (changed bool) {
	if !s.pat.accept(section, tablePAT) {
		return false
	}
	programme, pid, ok := parsePAT(s.pat.bytes())
	if !ok || programme == s.programme && pid == s.pmtPID {
		return false
	}
	s.programme, s.pmtPID = programme, pid
	s.pmt.forget()
	s.noStreams()
	return true
}

func (s *probe) newPMT(section []byte) (changed bool) {
	// One PID may carry the tables of several programmes.
	if len(section) < 12 || pmtProgramme(section) != s.programme || !s.pmt.accept(section, tablePMT) {
		return false
	}
	before := s.reference()
	s.pcrPID, s.count = parsePMT(s.pmt.bytes(), s.streams[:])
	s.ref = s.first(Video)
	if s.ref < 0 {
		s.ref = s.first(Audio)
	}
	if s.reference() == before {
		return false
	}
	s.inside = false
	return true
}

func (s *probe) noStreams() { s.count, s.ref, s.inside, s.pcrPID = 0, -1, false, NullPID }

// ready says that the tables are known.
func (s *probe) ready() bool { return s.count > 0 }

func (s *probe) reference() Stream {
	if s.count == 0 || s.ref < 0 {
		return Stream{}
	}
	return s.streams[s.ref]
}

// carries tells whether a PID is a stream of the programme, and of what kind.
func (s *probe) carries(pid uint16) (kind StreamKind, ok bool) {
	for i := range s.count {
		if s.streams[i].PID == pid {
			return s.streams[i].Kind, true
		}
	}
	return Other, false
}

// first is the index of the first stream of a kind, -1 for none.
func (s *probe) first(kind StreamKind) int {
	for i := range s.count {
		if s.streams[i].Kind == kind {
			return i
		}
	}
	return -1
}

// codec names the first stream of a kind.
func (s *probe) codec(kind StreamKind) string {
	if i := s.first(kind); i >= 0 {
		return s.streams[i].Codec
	}
	return ""
}

// unit takes a packet in which something begins that is no table.
func (s *probe) unit(p Packet, pid uint16, f *finding) {
	i := 0
	for i < s.count && s.streams[i].PID != pid {
		i++
	}
	if i == s.count || s.streams[i].Kind == Other {
		return
	}
	payload := p.Payload()
	f.header, f.starts = parsePES(payload)
	if i != s.ref {
		return
	}
	if s.inside {
		f.earlier = s.frame.end()
		s.inside = false
	}
	if !f.starts && payload == nil { // scrambled: the flag is all there is
		f.starts = p.HasPayload()
	}
	if !f.starts {
		return
	}
	f.frame = true
	if s.streams[i].Kind == Audio {
		f.verdict = clean
		return
	}
	f.verdict = s.frame.begin(s.streams[i].Codec, p, payload, f.header)
	s.inside = f.verdict == undecided
}
