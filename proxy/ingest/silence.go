package ingest

import "time"

// silence watches for an input that says nothing.
type silence struct {
	stall time.Duration
	alarm func(Alarm)
	timer *time.Timer
	since time.Time
	rung  bool
}

func newSilence(o Options) *silence {
	s := &silence{stall: o.Stall, alarm: o.Alarm, since: time.Now(), timer: time.NewTimer(max(o.Stall, 0))}
	if s.stall < 0 || s.alarm == nil {
		s.timer.Stop()
	}
	return s
}

// ring raises the alarm: the timer has run down.
func (s *silence) ring() {
	s.rung = true
	s.alarm(Alarm{Silent: time.Since(s.since)})
}

// end says that the input speaks.
func (s *silence) end() {
	s.timer.Stop()
	if s.rung {
		s.rung = false
		s.alarm(Alarm{Silent: time.Since(s.since), Over: true})
	}
	s.since = time.Now()
}

// begin says that the input is being waited for.
func (s *silence) begin() {
	if s.rung || s.stall < 0 || s.alarm == nil {
		return
	}
	s.since = time.Now()
	s.timer.Reset(s.stall)
}
