package timeseek

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// looks bounds how many places of a film are looked at for one request.
	looks = 24
	// near is how far before the asked time a keyframe may lie so that the rest is read
	// through instead of guessed.
	near = 4 * time.Second
	// gop bounds how much of a film is read for one keyframe, in bytes.
	gop = 16 << 20
	// budget bounds what is read of a film for one request, in bytes.
	budget = 48 << 20
	// early is how long before the asked time a keyframe may lie that is taken when the budget is spent.
	early = 30 * time.Second
	// maxPlaces bounds the keyframes that are remembered of one film.
	maxPlaces = 1024
)

// ErrNoPlace says that a film can't be entered at that time.
var ErrNoPlace = errors.New("the film has no keyframe that can be found by its time")

// Place is where in a transport stream playing can begin.
type Place struct {
	Offset int64 // of the tables before the keyframe
	Time   time.Duration
	frame  int64
}

// Index remembers the keyframes of one film that were found before. The zero value is
// ready; it may be used by many goroutines.
type Index struct {
	mu     sync.Mutex
	first  *mpegts.FilmKeyframe
	places []Place // by time
}

// Find returns the last keyframe that is not after at. Duration is about how long the film
// plays, size its length in bytes. It reads little: places are guessed from what is known.
func (x *Index) Find(film io.ReadSeeker, size int64, duration, at time.Duration) (Place, error) {
	bounded := &spending{ReadSeeker: film, left: budget}
	first, err := x.begin(bounded, size)
	if err != nil {
		return Place{}, err
	}
	low := Place{Offset: first.Offset, frame: first.Frame}
	high := Place{Offset: size, Time: max(duration, at+time.Millisecond)}
	x.narrow(at, &low, &high)
	low, err = x.search(bounded, first, low, high, size, at)
	if errors.Is(err, errSpent) {
		if at-low.Time > early {
			return Place{}, ErrNoPlace
		}
		err = nil
	}
	return low, err
}

// spending is a film of which only so much is read.
type spending struct {
	io.ReadSeeker
	left int64
}

var errSpent = errors.New("too much of the film would have to be read")

func (s *spending) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, errSpent
	}
	n, err := s.ReadSeeker.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}

// search narrows the bounds by guesses, and reads on from the lower one. What it returns with
// errSpent lies before at, too.
func (x *Index) search(film io.ReadSeeker, first mpegts.FilmKeyframe, low, high Place, size int64, at time.Duration) (Place, error) {
	for n := 0; at-low.Time > near && n < looks; n++ {
		guess := between(low, high, at)
		if guess <= low.frame {
			break
		}
		p, err := x.next(film, first, guess, high.Offset)
		switch {
		case errors.Is(err, mpegts.ErrNoKeyframe):
			high.Offset = guess
		case err != nil:
			return low, err
		case p.Time > at:
			high = Place{Offset: guess, Time: p.Time}
		case p.Time < low.Time: // the clock was set anew: times say nothing here
			return low, ErrNoPlace
		default:
			low = p
		}
	}
	return x.walk(film, first, low, size, at)
}

// begin finds the first keyframe, from which times count.
func (x *Index) begin(film io.ReadSeeker, size int64) (mpegts.FilmKeyframe, error) {
	x.mu.Lock()
	known := x.first
	x.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	if _, err := film.Seek(0, io.SeekStart); err != nil {
		return mpegts.FilmKeyframe{}, err
	}
	k, err := mpegts.NextKeyframe(film, 0, min(size, gop))
	if errors.Is(err, mpegts.ErrNoKeyframe) || errors.Is(err, errSpent) {
		err = ErrNoPlace
	}
	if err != nil {
		return k, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.first = &k
	return k, nil
}

// narrow moves the bounds to keyframes that are known.
func (x *Index) narrow(at time.Duration, low, high *Place) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.places {
		if p.Time <= at && p.Time >= low.Time {
			*low = p
		}
		if p.Time > at && p.Offset < high.Offset {
			*high = p
		}
	}
}

// between guesses where a time lies; where the guesses converge slowly, halves help.
func between(low, high Place, at time.Duration) int64 {
	span := high.Offset - low.Offset
	part := (at - low.Time - near/2).Seconds() / max((high.Time-low.Time).Seconds(), 0.001)
	part = min(max(part, 0.05), 0.9)
	guess := low.Offset + int64(part*float64(span))
	return guess - guess%mpegts.PacketSize
}

// next finds the first keyframe behind an offset and before another.
func (x *Index) next(film io.ReadSeeker, first mpegts.FilmKeyframe, from, to int64) (Place, error) {
	if _, err := film.Seek(from, io.SeekStart); err != nil {
		return Place{}, err
	}
	k, err := mpegts.NextKeyframe(film, from, min(to-from, gop))
	if err != nil {
		return Place{}, err
	}
	p := Place{Offset: k.Offset, frame: k.Frame, Time: k.Since(first)}
	x.keep(p)
	return p, nil
}

func (x *Index) keep(p Place) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, known := slices.BinarySearchFunc(x.places, p, func(a, b Place) int { return cmp.Compare(a.Time, b.Time) })
	if known || len(x.places) >= maxPlaces || p.Time < 0 {
		return
	}
	x.places = slices.Insert(x.places, i, p)
}

// walk reads on from a keyframe to the last that is not after at.
func (x *Index) walk(film io.ReadSeeker, first mpegts.FilmKeyframe, low Place, size int64, at time.Duration) (Place, error) {
	for n := 0; n < looks && at > low.Time; n++ {
		from := low.frame + mpegts.PacketSize
		p, err := x.next(film, first, from, min(size, from+gop))
		switch {
		case errors.Is(err, mpegts.ErrNoKeyframe) || err == nil && (p.Time > at || p.Time <= low.Time):
			return low, nil
		case err != nil:
			return low, err
		}
		low = p
	}
	return low, nil
}
