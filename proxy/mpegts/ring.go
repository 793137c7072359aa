package mpegts

// ring keeps the newest packets of a stream. Offsets count bytes from the stream's beginning,
// those of packets that were stored.
type ring struct {
	data    []byte // a whole number of packets
	end     uint64 // behind the newest packet stored
	visible uint64 // readers see so much; what follows can still be discarded
	reached uint64 // the furthest that end has been: nothing len(data) before it is left
}

func (r *ring) store(p []byte) {
	copy(r.data[r.end%uint64(len(r.data)):], p[:PacketSize])
	r.end += PacketSize
	r.reached = max(r.reached, r.end)
}

func (r *ring) show() { r.visible = r.end }

func (r *ring) discard() { r.end = r.visible }

// hidden is how many bytes are stored and not visible.
func (r *ring) hidden() int { return int(r.end - r.visible) }

// tail is the offset of the oldest packet that is left.
func (r *ring) tail() uint64 { return r.reached - min(r.reached, uint64(len(r.data))) }

// read copies visible packets from an offset on, which must not lie before the tail; whole
// packets only.
func (r *ring) read(dst []byte, from uint64) (n int) {
	room := uint64(len(dst) - len(dst)%PacketSize)
	for left := min(r.visible-from, room); left > 0; {
		at := (from + uint64(n)) % uint64(len(r.data))
		m := copy(dst[n:uint64(n)+left], r.data[at:])
		n += m
		left -= uint64(m)
	}
	return n
}

// copyFrom copies bytes from an offset on, cut anywhere, all of which must be stored.
func (r *ring) copyFrom(dst []byte, from uint64) (n int) {
	for n < len(dst) {
		n += copy(dst[n:], r.data[(from+uint64(n))%uint64(len(r.data)):])
	}
	return n
}
