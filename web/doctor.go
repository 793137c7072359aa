package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/proxy/doctor"
)

// examination is what the doctor found.
type examination struct {
	Well   bool           `json:"well"`
	At     *time.Time     `json:"at"` // null until there was one
	Checks []doctor.Check `json:"checks"`

	UnderWay []doctor.Check `json:"under_way"` // so far, of one that is being made; null while none is
}

// consultation keeps the last examination, and lets one be made at a time: it sends something to routers and trackers.
type consultation struct {
	mu    sync.Mutex
	last  examination
	soFar []doctor.Check // nil while none is being made

	turn chan struct{} // has room for one
}

func newConsultation() *consultation {
	return &consultation{last: examination{Checks: []doctor.Check{}}, turn: make(chan struct{}, 1)}
}

// doctorRest is how long an examination is good for: who asks sooner gets the one that there is.
const doctorRest = 10 * time.Second

func (c *consultation) latest() examination {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.last
	e.UnderWay = slices.Clone(c.soFar)
	return e
}

// sees sets what was found so far.
func (c *consultation) sees(checks []doctor.Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.soFar = checks
}

// examine waits for its turn, and makes an examination unless one has just been made. It returns false when ctx ends.
func (c *consultation) examine(ctx context.Context, by func(context.Context, func(doctor.Check)) bool) (examination, bool) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return examination{}, false
	}
	defer func() { <-c.turn }()
	if e := c.latest(); e.At != nil && time.Since(*e.At) < doctorRest {
		return e, true
	}
	e := examination{Checks: []doctor.Check{}}
	c.sees(e.Checks)
	defer c.sees(nil)
	e.Well = by(ctx, func(check doctor.Check) {
		e.Checks = append(e.Checks, check)
		c.sees(e.Checks)
	})
	if ctx.Err() != nil {
		return e, false
	}
	now := time.Now()
	e.At = &now
	c.mu.Lock()
	c.last = e
	c.mu.Unlock()
	return e, true
}

func (s *Server) doctorRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"/api/v1/doctor": methods{http.MethodGet: s.household(s.lastExamination), http.MethodPost: s.household(s.examine)},
	}
}

func (s *Server) lastExamination(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, s.consultation.latest())
}

func (s *Server) examine(w http.ResponseWriter, r *http.Request) {
	if e, ok := s.consultation.examine(r.Context(), s.config.Doctor); ok {
		answerJSON(w, http.StatusOK, e)
	}
}
