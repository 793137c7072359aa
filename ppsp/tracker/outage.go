package tracker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// outage is a time in which the registry does not answer: thousands of requests fail then, and
// the log tells of a few. The zero value is ready.
type outage struct {
	lasts atomic.Bool

	mu      sync.Mutex
	since   time.Time
	told    time.Time
	refused int
}

// outageWords is the least time between two lines of the log about one outage.
const outageWords = 10 * time.Second

// note counts a request that was refused for it.
func (o *outage) note(log zerolog.Logger, now time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.lasts.Load() {
		o.since, o.told, o.refused = now, time.Time{}, 0
		o.lasts.Store(true)
	}
	o.refused++
	if o.told.IsZero() || now.Sub(o.told) >= outageWords {
		o.told = now
		log.Error().Err(err).Int("refused", o.refused).Msg("tracker: its registry does not answer, so peers are told to come again; is the server of --registry running?")
	}
}

// over notes that the registry answers.
func (o *outage) over(log zerolog.Logger, now time.Time) {
	if !o.lasts.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lasts.CompareAndSwap(true, false) {
		log.Info().Dur("after", now.Sub(o.since)).Int("refused", o.refused).Msg("tracker: its registry answers again")
	}
}
