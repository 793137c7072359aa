package renderer

import "time"

const (
	// noteEvery is how often the place in a film is noted while it plays: each note has the
	// televisions of the home look at what there is to be gone on with.
	noteEvery = time.Minute
	// begun is how far a film has to be seen to count: who only looks at the beginning of it does
	// not lose where it was left.
	begun = 10 * time.Second
)

// progress is how far a renderer has come in a film of ours. It belongs to the goroutine of the device.
type progress struct {
	film     string // empty for none
	position time.Duration
	duration time.Duration
	state    State
	at       time.Time // when it was there
	noted    time.Time
}

// reached returns where the film is now.
func (p *progress) reached(now time.Time) time.Duration {
	at := p.position
	if p.state == Playing {
		at += now.Sub(p.at)
	}
	if p.duration > 0 {
		at = min(at, p.duration)
	}
	return at
}

// progress notes in the library how far a film was seen: when it pauses, when it ends or its renderer
// goes, and now and then.
func (d *device) progress(p *progress, gone bool) {
	now := time.Now()
	d.mu.Lock()
	seen := d.seen
	d.mu.Unlock()
	next := progress{duration: seen.duration, state: seen.state, position: seen.position, at: now, noted: p.noted}
	if !seen.live && !gone {
		next.film = seen.channel
	}
	if seen.state == Playing && !seen.at.IsZero() {
		next.position += now.Sub(seen.at)
	}
	switch {
	case p.film != "" && next.film != p.film:
		d.note(p.film, p.reached(now))
		next.noted = now
	case next.film != "" && (p.state == Playing && next.state == Paused || now.Sub(p.noted) >= noteEvery):
		d.note(next.film, next.reached(now))
		next.noted = now
	}
	*p = next
}

func (d *device) note(film string, position time.Duration) {
	if position < begun {
		return
	}
	if err := d.controller.config.Library.SetPosition(film, position); err != nil {
		d.controller.config.Logger.Debug().Err(err).Str("film", film).Msg("how far it was seen is not noted")
	}
}
