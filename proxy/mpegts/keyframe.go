package mpegts

import "time"

// maxKeyframes bounds the index of a Bus; the oldest are forgotten.
const maxKeyframes = 1024

// audioSpacing is how far apart the places are at which a stream without video is joined.
const audioSpacing = ptsRate / 4

// maxCleanAge is how much older than the newest keyframe one may be that any decoder can
// start at, and still be preferred to it.
const maxCleanAge = 5 * ptsRate

// Keyframe is a place where a reader can join a channel.
type Keyframe struct {
	Offset uint64        // bytes since the beginning of the channel
	Time   time.Duration // presentation time on a line that does not wrap; differences count
	Clean  bool          // every decoder can start here, not only patient ones

	at                     int64 // Time in ticks of 90 kHz
	patCounter, pmtCounter uint8 // of the newest tables before it
}

// index keeps the newest keyframes in the order of their offsets.
type index struct {
	ring     [maxKeyframes]Keyframe
	first, n int
}

func (x *index) at(i int) *Keyframe { return &x.ring[(x.first+i)%maxKeyframes] }

func (x *index) add(k Keyframe) {
	if x.n == maxKeyframes {
		x.first = (x.first + 1) % maxKeyframes
		x.n--
	}
	x.n++
	*x.at(x.n - 1) = k
}

// dropBefore forgets keyframes that lie before an offset.
func (x *index) dropBefore(offset uint64) {
	for x.n > 0 && x.at(0).Offset < offset {
		x.first = (x.first + 1) % maxKeyframes
		x.n--
	}
}

func (x *index) clear() { x.n = 0 }

// newest is where to join now, nil where there is no place.
func (x *index) newest() *Keyframe {
	if x.n == 0 {
		return nil
	}
	last := x.at(x.n - 1)
	for i := x.n - 1; i >= 0; i-- {
		k := x.at(i)
		if last.at-k.at > maxCleanAge {
			break
		}
		if k.Clean {
			return k
		}
	}
	return last
}

// notAfter is the newest keyframe that is not after a time, the oldest where all are; nil
// where there is none.
func (x *index) notAfter(at int64) *Keyframe {
	if x.n == 0 {
		return nil
	}
	for i := x.n - 1; i > 0; i-- {
		if k := x.at(i); k.at <= at {
			return k
		}
	}
	return x.at(0)
}
