package proxy

import (
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// maxOnAir bounds the channels of which it is remembered what their streams told.
	maxOnAir = 1000
	// onAirFor is for how long that is, behind its end.
	onAirFor = time.Hour
	// assumedEvent is how long an event is taken to be that does not say, and longestEvent what is believed.
	assumedEvent, longestEvent = time.Hour, 24 * time.Hour
)

// onAir is what the streams of channels tell to be on and to follow, also for a while after nobody watches any more.
type onAir struct {
	mu   sync.Mutex
	told map[string][]Programme // by Item.ID, by start; lists are not changed
}

// OnAir returns what a channel's own stream told when it was watched last, in order: what is on and what follows.
func (g *Gateway) OnAir(id string) []Programme {
	g.onAir.mu.Lock()
	defer g.onAir.mu.Unlock()
	return g.onAir.told[id]
}

// noteOnAir keeps what the stream of a session tells.
func (g *Gateway) noteOnAir(s *session) {
	c := s.channelContent()
	if c == nil {
		return
	}
	present, following := c.bus.OnAir()
	list := programmesOf(present, following)
	g.onAir.mu.Lock()
	before := g.onAir.told[s.channel]
	news := len(list) > 0 && (len(before) != len(list) || before[0] != list[0] || before[len(list)-1] != list[len(list)-1])
	if news {
		g.onAir.keep(s.channel, list, time.Now())
	}
	g.onAir.mu.Unlock()
	if news {
		g.mu.Lock()
		g.changes++ // pages and TVs show it
		g.notify.tick()
		g.mu.Unlock()
	}
}

// keep notes a list, and forgets those that are over. The caller holds mu.
func (o *onAir) keep(id string, list []Programme, now time.Time) {
	for other, old := range o.told {
		if now.Sub(old[len(old)-1].End) > onAirFor {
			delete(o.told, other)
		}
	}
	if o.told == nil {
		o.told = map[string][]Programme{}
	}
	if _, known := o.told[id]; known || len(o.told) < maxOnAir {
		o.told[id] = list
	}
}

// programmesOf makes a list of a guide of what a stream tells; what contradicts itself is left out.
func programmesOf(present, following mpegts.Event) (list []Programme) {
	for _, e := range []mpegts.Event{present, following} {
		if e.Title == "" || e.Duration > longestEvent {
			continue
		}
		p := Programme{Title: e.Title, Description: e.Text, Start: e.Start.Local(), End: e.Start.Add(e.Duration).Local()}
		if e.Duration <= 0 {
			p.End = p.Start.Add(assumedEvent)
		}
		if n := len(list); n > 0 {
			if !p.Start.After(list[n-1].Start) {
				continue
			}
			if list[n-1].End.After(p.Start) {
				list[n-1].End = p.Start
			}
		}
		list = append(list, p)
	}
	return list
}
