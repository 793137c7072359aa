package renderer

import (
	"context"
	"net/url"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer/events"
	"github.com/swarmgate/swarmgate/dlna/renderer/lastchange"
)

const (
	// subscribeAgain is the time after a subscription that was refused.
	subscribeAgain = time.Minute
	// farewellTime bounds the giving back of subscriptions.
	farewellTime = time.Second
)

// subscriptions are those to a renderer's services: AVTransport and RenderingControl. They
// belong to the goroutine of the device.
type subscriptions [2]struct {
	granted *events.Subscription // nil for none
	due     time.Time            // when to subscribe or to renew
}

// next returns when keep has something to do.
func (s *subscriptions) next() time.Time {
	if s[0].due.Before(s[1].due) {
		return s[0].due
	}
	return s[1].due
}

// keep subscribes and renews where it is due. Where there are no events, polling has to do.
func (s *subscriptions) keep(ctx context.Context, d *device) {
	e := d.endpoint
	for i, service := range []struct {
		events *url.URL
		take   func([]lastchange.Change)
	}{
		{e.about.AVTransport.Events, d.changed},
		{e.about.RenderingControl.Events, d.rendered},
	} {
		if time.Now().Before(s[i].due) {
			continue
		}
		s[i].due = time.Now().Add(subscribeAgain)
		if service.events == nil {
			continue
		}
		if s[i].granted != nil && s[i].granted.Renew(ctx) != nil {
			s[i].granted.Close()
			s[i].granted = nil
		}
		if s[i].granted == nil {
			s[i].granted = s.subscribe(ctx, d, service.events, service.take)
		}
		if s[i].granted != nil {
			s[i].due = time.Now().Add(time.Until(s[i].granted.Until) / 2)
		}
		d.mu.Lock()
		d.heard[i] = s[i].granted != nil
		d.mu.Unlock()
	}
}

func (s *subscriptions) subscribe(ctx context.Context, d *device, at *url.URL, take func([]lastchange.Change)) *events.Subscription {
	c := d.controller
	base, err := c.config.base(d.endpoint.host)
	if err != nil {
		return nil // playing there will say why
	}
	granted, err := c.hub.Subscribe(ctx, d.endpoint.client, at, base+EventRoot, take)
	if err != nil {
		c.config.Logger.Debug().Err(err).Str("name", d.endpoint.about.Name).Msg("no events from this TV; it is asked instead")
		return nil
	}
	return granted
}

// cancel gives the subscriptions back.
func (s *subscriptions) cancel(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, farewellTime)
	defer done()
	for i := range s {
		if s[i].granted != nil {
			s[i].granted.Cancel(ctx)
		}
		s[i].granted, s[i].due = nil, time.Time{}
	}
}
