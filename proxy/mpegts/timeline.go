package mpegts

const (
	// How far, in ticks of 90 kHz, a stamp may lie before the last of its kind, where nothing went
	// wrong: a clock, a DTS, and a PTS alone, as frames come in another order than they are shown.
	backPCR = ptsRate / 10
	backDTS = ptsRate / 4
	backPTS = ptsRate
	// besideStep is the same for the first stamp of another programme, beside the newest of the last.
	besideStep = 3 * ptsRate
	// joinStep is the way from the last stamp before a clock that was set anew to the first after it.
	joinStep = ptsRate / 25
	// noClock marks a stamp that was never seen.
	noClock = -1
)

// timeline makes the clock of a programme go on where a publisher's begins anew: after a restart
// its time stamps start again, and a screen would show nothing until they reach the old ones. All
// stamps behind such a jump are moved by one offset, so that sound and picture stay together, and
// the clock with them. A stream whose clock never jumps passes unchanged.
type timeline struct {
	offset uint64 // added to every stamp, in ticks of 90 kHz mod 2^33
	newest int64  // the furthest stamp handed out, noClock before the first
	pcr    int64  // the last of the clock
	placed bool   // a stamp of this programme was seen: others that are new lie where they lie
	stamps [maxStreams]stamp
	count  int
	copied [PacketSize]byte
}

// stamp is the last decoding time of a PID.
type stamp struct {
	pid uint16
	at  int64
}

func newTimeline() timeline { return timeline{newest: noClock, pcr: noClock} }

// join returns the packet with its stamps on the line: p itself or a copy that is valid until
// the next call. Only the programme that s follows is looked at, and of it what is not seen or
// heard, such as subtitles, is moved with the rest and followed by nothing: it comes when it likes.
func (l *timeline) join(p Packet, s *probe) Packet {
	if p.Damaged() {
		return p
	}
	pid := p.PID()
	pcr, clock := p.PCR()
	clock = clock && pid == s.pcrPID
	var header pesHeader
	payload := p.Payload()
	if kind, ok := s.carries(pid); ok && p.UnitStart() {
		header, _ = parsePES(payload)
		if header.hasPTS && kind != Other { // before the clock, which runs ahead: so no hole is left
			back := int64(backPTS)
			if header.dtsAt > 0 {
				back = backDTS
			}
			l.follow(l.stamp(pid), header.dts, back, &l.newest)
		}
	}
	if clock {
		l.follow(&l.pcr, pcr/300, backPCR, &l.pcr)
	}
	if l.offset == 0 || !clock && !header.hasPTS {
		return p
	}
	moved := Packet(l.copied[:])
	copy(moved, p)
	if clock {
		moved.setPCR((pcr + l.offset*300) % PCRModulus)
	}
	if start := len(p) - len(payload); header.hasPTS {
		setTimestamp(moved[start+header.ptsAt:], l.moved(header.pts))
		if header.dtsAt > 0 {
			setTimestamp(moved[start+header.dtsAt:], l.moved(header.dts))
		}
	}
	return moved
}

func (l *timeline) moved(ticks uint64) uint64 { return (ticks + l.offset) % ptsModulus }

// follow notes the next stamp of one kind, whose last is given, and sets the offset anew where the
// stamp does not continue the line: it then goes on right behind end.
func (l *timeline) follow(last *int64, ticks uint64, back int64, end *int64) {
	at := int64(l.moved(ticks))
	before := *last
	if before == noClock && !l.placed {
		before, back = l.newest, besideStep
	}
	l.placed = true
	if before != noClock {
		step, ahead := ticksFrom(before, at), ticksFrom(l.newest, at)
		// A sound that had stopped for long comes back beside the others.
		if step < -back || step > maxStep && ahead > maxStep {
			if *end == noClock {
				end = &l.newest
			}
			at = (*end + joinStep) % ptsModulus
			l.offset = uint64(at-int64(ticks)+ptsModulus) % ptsModulus
		}
	}
	*last = at
	if l.newest == noClock || ticksFrom(l.newest, at) > 0 {
		l.newest = at
	}
}

// ticksFrom is the way from one place on the line to another, the shorter way round.
func ticksFrom(from, to int64) int64 { return elapsed(uint64(from), uint64(to), ptsModulus) }

// change says that another programme begins, whose time goes on behind that of the last.
func (l *timeline) change() { l.count, l.pcr, l.placed = 0, noClock, false }

// stamp is where the last stamp of a PID is kept; a programme has no more than there is room for,
// else the oldest gives way.
func (l *timeline) stamp(pid uint16) *int64 {
	for i := range min(l.count, maxStreams) {
		if l.stamps[i].pid == pid {
			return &l.stamps[i].at
		}
	}
	s := &l.stamps[l.count%maxStreams]
	*s = stamp{pid, noClock}
	l.count++
	return &s.at
}
