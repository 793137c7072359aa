package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/swarmgate/swarmgate/dlna/timeseek"
	"github.com/swarmgate/swarmgate/proxy"
)

// Shifter is where channels come from that begin before now.
type Shifter interface {
	// OpenLiveAt opens a channel as it was at a time, counted from the beginning of its
	// session, and returns the time of the keyframe with which it begins.
	OpenLiveAt(ctx context.Context, id string, since time.Duration) (io.ReadCloser, time.Duration, error)
	// LiveSpan returns which times there are; false where none are known.
	LiveSpan(id string) (from, to time.Duration, ok bool)
}

// available is the value of availableSeekRange.dlna.org (DLNA Guidelines, 7.4.35), empty where
// nothing can be told. The beginning of a channel moves on.
func (s *Server) available(item proxy.Item, f Format) string {
	if !f.Live {
		span := "1 npt=0.000-" + timeseek.Time(item.Duration)
		if item.Length > 0 {
			span += " bytes=0-" + strconv.FormatInt(item.Length-1, 10)
		}
		return span
	}
	if s.Shift == nil {
		return ""
	}
	from, to, ok := s.Shift.LiveSpan(item.ID)
	if !ok {
		return ""
	}
	return "0 npt=" + timeseek.Time(from) + "-" + timeseek.Time(to)
}

// shifted sends a channel from an earlier time on. What was asked has to lie in the buffer, or
// not far ahead of it, as the clock of a screen runs on while it asks.
func (s *Server) shifted(w http.ResponseWriter, r *http.Request, item proxy.Item, seek timeseek.Range) {
	if s.Shift == nil {
		http.Error(w, "this channel can't be had from an earlier time", http.StatusNotAcceptable)
		return
	}
	from, to, ok := s.Shift.LiveSpan(item.ID)
	if !ok || seek.From < from-shiftSlack || seek.From > to+shiftSlack {
		http.Error(w, "the buffer does not hold that time", http.StatusRequestedRangeNotSatisfiable)
		return
	}
	if r.Method == http.MethodHead {
		w.Header()[dmsdlna.TimeSeekRangeDomain] = []string{"npt=" + timeseek.Time(max(seek.From, from)) + "-/*"}
		liveHeaders(w.Header())
		w.WriteHeader(http.StatusOK)
		return
	}
	stream, cancel, err := open(s, r, item.ID, func(ctx context.Context, id string) (io.ReadCloser, error) {
		stream, at, err := s.Shift.OpenLiveAt(ctx, id, seek.From)
		if err == nil {
			w.Header()[dmsdlna.TimeSeekRangeDomain] = []string{"npt=" + timeseek.Time(at) + "-/*"}
		}
		return stream, err
	})
	defer cancel()
	if stream != nil {
		defer stream.Close()
	}
	if err != nil {
		s.fail(w, r, item, err)
		return
	}
	s.sendLive(w, r, item, stream)
}

// shiftSlack is how far beside the buffer a time may lie to be met by its nearer end.
const shiftSlack = 10 * time.Second

// filmFrom sends a film from a time on. In a transport stream that is a range of its bytes; an
// MP4 file is made anew, to begin at the keyframe.
func (s *Server) filmFrom(w http.ResponseWriter, r *http.Request, item proxy.Item, seek timeseek.Range) {
	if seek.From >= item.Duration {
		http.Error(w, "the film is shorter", http.StatusRequestedRangeNotSatisfiable)
		return
	}
	film, cancel, err := open(s, r, item.ID, s.Library.OpenFilm)
	defer cancel()
	if film != nil {
		defer film.Close()
	}
	if err != nil {
		s.fail(w, r, item, err)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(cutWait + s.patience() + liveStall))
	timer := time.AfterFunc(s.patience(), cancel) // tables and keyframes may come from a swarm that has died
	part, err := s.part(r.Context(), film, item, seek)
	if inTime := timer.Stop(); err != nil && !inTime {
		err = errPatience
	}
	defer part.done()
	switch {
	case errors.Is(err, timeseek.ErrNoPlace):
		if s.Untimed != nil {
			s.Untimed(item.ID)
		}
		http.Error(w, "this film can't be entered by time; ask by bytes", http.StatusNotAcceptable)
		return
	case err != nil:
		s.fail(w, r, item, err)
		return
	}
	h := w.Header()
	filmHeaders(h, item, film.Size())
	h[dmsdlna.TimeSeekRangeDomain] = []string{part.header}
	h.Set("Content-Length", strconv.FormatInt(int64(len(part.head))+part.to-part.from, 10))
	if part.head == nil {
		h.Set("Accept-Ranges", "bytes")
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.from, part.to-1, film.Size()))
	} else {
		h.Del("ETag") // of other bytes
	}
	code := http.StatusPartialContent
	if part.head != nil {
		code = http.StatusOK // no part of the film's bytes (RFC 9110, 15.3.7), but a movie of its own
	}
	w.WriteHeader(code)
	if r.Method == http.MethodHead {
		return
	}
	s.started(r, item)
	if err := part.send(w, film); err != nil && r.Context().Err() == nil {
		s.Logger.Debug().Err(err).Str("title", item.Title).Msg("a screen stopped")
	}
}

// part is what answers a request by time.
type part struct {
	head     []byte // before the film's own bytes
	from, to int64  // of the film; to is exclusive
	header   string // TimeSeekRange.dlna.org
	release  func() // gives back the memory of head; nil for none
}

// done gives back what the tables of a movie take, as soon as they are written.
func (p *part) done() {
	p.head = nil
	if p.release != nil {
		p.release()
		p.release = nil
	}
}

// part finds the bytes. What comes after the asked end is left out where bytes are the film's.
func (s *Server) part(ctx context.Context, film proxy.Film, item proxy.Item, seek timeseek.Range) (part, error) {
	size, whole := film.Size(), timeseek.Time(item.Duration)
	kind := filmOf(item).container
	if seek.From == 0 && seek.To == 0 || seek.From == 0 && seek.To >= item.Duration {
		return part{to: size, header: fmt.Sprintf("npt=0.000-%s/%s bytes=0-%d/%d", whole, whole, size-1, size)}, nil
	}
	release, err := s.cuts.take(ctx)
	if err != nil {
		return part{}, err
	}
	if kind == movie {
		m, err := timeseek.CutMovie(film, size, seek.From)
		if err != nil {
			release()
			return part{}, err
		}
		return part{
			head: m.Head, from: m.From, to: m.To, header: fmt.Sprintf("npt=%s-%s/%s", timeseek.Time(m.Time), whole, whole), release: release,
		}, nil
	}
	defer release()
	index := s.indexes.of(item.ID)
	place, err := index.Find(film, size, item.Duration, seek.From)
	if err != nil {
		return part{}, err
	}
	p, end := part{from: place.Offset, to: size}, item.Duration
	if seek.To > 0 && seek.To < item.Duration {
		after, err := index.Find(film, size, item.Duration, seek.To)
		if err == nil && after.Offset > p.from {
			p.to, end = after.Offset, after.Time
		}
	}
	p.header = fmt.Sprintf("npt=%s-%s/%s bytes=%d-%d/%d", timeseek.Time(place.Time), timeseek.Time(end), whole, p.from, p.to-1, size)
	return p, nil
}

// send writes the part. Tables take memory, so they are to be taken in a bounded time, unlike what
// follows: a screen pauses by not reading.
func (p *part) send(w http.ResponseWriter, film proxy.Film) error {
	if len(p.head) > 0 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(headTime))
		if _, err := w.Write(p.head); err != nil {
			return err
		}
		p.done()
	}
	out := newDeadlineWriter(w, filmStall)
	if _, err := film.Seek(p.from, io.SeekStart); err != nil {
		return err
	}
	_, err := out.ReadFrom(&io.LimitedReader{R: film, N: p.to - p.from})
	return err
}

const (
	// maxCuts bounds the films in which a time is looked for at once, and the tables of MP4 films
	// that are in memory, of up to 8 MB each.
	maxCuts = 4
	// cutWait is how long a request waits for others to be done.
	cutWait = 5 * time.Second
	// headTime is what a screen may take to read the tables.
	headTime = time.Minute
)

// places are maxCuts places for work. The zero value is ready.
type places struct {
	once sync.Once
	free chan struct{}
}

// take waits for a place, which release gives back; proxy.ErrBusy if none becomes free.
func (p *places) take(ctx context.Context) (release func(), err error) {
	p.once.Do(func() { p.free = make(chan struct{}, maxCuts) })
	timer := time.NewTimer(cutWait)
	defer timer.Stop()
	select {
	case p.free <- struct{}{}:
		return sync.OnceFunc(func() { <-p.free }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, proxy.ErrBusy
	}
}

// maxIndexes bounds the films whose keyframes are remembered.
const maxIndexes = 32

// indexes are the keyframes of films that were found by time. The zero value is ready.
type indexes struct {
	mu    sync.Mutex
	films map[string]*timeseek.Index
	order []string
}

func (x *indexes) of(id string) *timeseek.Index {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := x.films[id]; i != nil {
		return i
	}
	if x.films == nil {
		x.films = make(map[string]*timeseek.Index)
	}
	if len(x.order) == maxIndexes {
		delete(x.films, x.order[0])
		x.order = x.order[1:]
	}
	x.films[id] = &timeseek.Index{}
	x.order = append(x.order, id)
	return x.films[id]
}
