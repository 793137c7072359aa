package renderer

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer/lastchange"
)

const master = "Master" // the channel of RenderingControl that all have

// poll asks the renderer what it does, and tells whether it answered.
func (d *device) poll(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	d.mu.Lock()
	e := d.endpoint
	d.stale = false
	volumeToo := e.rendering != nil && (!d.heard[1] || d.seen.volume == UnknownVolume)
	d.mu.Unlock()
	asked, busy := e.sign.mark(), d.busy()
	transport, _, _, err := e.transport.GetTransportInfoCtx(ctx, 0)
	if err == nil {
		d.observe(func(s *status) { s.transport(transport) })
	}
	answers := e.sign.since(asked)
	if answers && d.active() {
		d.pollPosition(ctx, e)
	}
	if answers && volumeToo {
		if volume, err := e.rendering.GetVolumeCtx(ctx, 0, master); err == nil {
			d.observe(func(s *status) { s.volume = percent(int(volume), e.maxVolume) })
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polled = time.Now()
	if !answers {
		if !busy && !d.busy() { // many do one thing at a time
			d.failures++
		}
		return false
	}
	d.failures = 0
	if d.polled.After(d.expires) {
		d.expires = d.polled.Add(d.sighting.Age) // it announces nothing, yet it answers
	}
	return true
}

// busy tells whether the renderer carries out an action.
func (d *device) busy() bool { return len(d.acting) > 0 }

func (d *device) active() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.state.active()
}

// pollPosition asks where the renderer is. What comes before the field that goupnp stumbled
// over is good: some renderers leave the counters behind the times empty.
func (d *device) pollPosition(ctx context.Context, e *endpoint) {
	_, duration, _, uri, position, _, _, _, err := e.transport.GetPositionInfoCtx(ctx, 0)
	if err != nil && position == "" {
		return
	}
	d.observe(func(s *status) {
		s.plays(uri)
		s.lasts(duration)
		s.stands(position)
	})
}

// observe changes what is known of the renderer.
func (d *device) observe(change func(*status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.seen)
}

// transport notes a TransportState.
func (s *status) transport(state string) {
	now, known := stateOf(state)
	if !known {
		return
	}
	if now == Stopped || now == Idle {
		if time.Since(s.starting) < startLasts {
			return // it has not begun yet
		}
		s.channel, s.url, s.position, s.at, s.duration = "", "", 0, time.Time{}, 0
	}
	if now == Playing || now == Paused {
		if time.Since(s.starting) < turnover {
			return
		}
		s.starting = time.Time{}
	}
	if s.state == Playing && now != Playing && !s.at.IsZero() {
		s.position += time.Since(s.at)
	}
	if now != s.state {
		s.at = time.Now()
	}
	s.state = now
}

// plays notes what the renderer says that it plays: another control point may have given it
// something else.
func (s *status) plays(uri string) {
	if s.url == "" || time.Since(s.starting) < startLasts {
		return
	}
	uri = strings.TrimSpace(uri)
	if strings.HasPrefix(uri, "http") && !strings.Contains(uri, StreamRoot) {
		s.channel, s.url = "", ""
	}
}

// lasts notes how long the renderer says that it plays.
func (s *status) lasts(duration string) {
	if t, ok := lastchange.Time(duration); ok && t > 0 && !s.live && time.Since(s.starting) >= turnover {
		s.duration = t
	}
}

// stands notes where it says that it is.
func (s *status) stands(position string) {
	if t, ok := lastchange.Time(position); ok && time.Since(s.starting) >= turnover {
		s.position, s.at = t, time.Now()
	}
}

// changed takes in the events of AVTransport.
func (d *device) changed(changes []lastchange.Change) {
	d.observe(func(s *status) {
		for _, c := range changes {
			switch c.Name {
			case "TransportState":
				s.transport(c.Value)
			case "AVTransportURI", "CurrentTrackURI":
				s.plays(c.Value)
			case "CurrentTrackDuration":
				s.lasts(c.Value)
			case "RelativeTimePosition":
				s.stands(c.Value)
			}
		}
	})
	d.refresh()
}

// rendered takes in the events of RenderingControl.
func (d *device) rendered(changes []lastchange.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range changes {
		if c.Name != "Volume" || c.Channel != "" && c.Channel != master {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(c.Value), 10, 16); err == nil {
			d.seen.volume = percent(int(n), d.endpoint.maxVolume)
		}
	}
}

// refresh has run ask the renderer soon.
func (d *device) refresh() {
	d.mu.Lock()
	d.stale = true
	d.mu.Unlock()
	d.wake()
}

func percent(volume, most int) int { return min((volume*100+most/2)/most, 100) }
