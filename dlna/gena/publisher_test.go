package gena

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestInitialEventHasAllVariables(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		sid := subscribe(t, p)
		time.Sleep(time.Second)
		got := home.take()
		if len(got) != 1 {
			t.Fatalf("%d events: %v", len(got), got)
		}
		// UDA 1.1, 4.3: "The initial event message MUST include all evented state variables";
		// "the event key … MUST be 0 for the initial event message".
		for name, want := range map[string]string{
			"NT": "upnp:event", "NTS": "upnp:propchange", "SID": sid, "SEQ": "0", "CONTENT-TYPE": `text/xml; charset="utf-8"`,
		} {
			if got[0].headers[name] != want {
				t.Errorf("%s is %q, want %q", name, got[0].headers[name], want)
			}
		}
		if len(got[0].values) != 2 || got[0].values["SystemUpdateID"] != "1" || got[0].url != tv {
			t.Errorf("event %v", got[0])
		}
	})
}

func TestChangesAreSentModeratedAndInSequence(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		subscribe(t, p)
		time.Sleep(time.Second)
		home.take()
		for n := range 100 { // a change every 10 ms for a second
			p.Set("SystemUpdateID", strconv.Itoa(n+2))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		got := home.take()
		if len(got) < 4 || len(got) > 7 {
			t.Errorf("%d events for 100 changes in a second, want about five", len(got))
		}
		for i, d := range got {
			if d.headers["SEQ"] != strconv.Itoa(i+1) {
				t.Errorf("event %d has SEQ %s", i+1, d.headers["SEQ"])
			}
			if _, unchanged := d.values["TransferIDs"]; unchanged {
				t.Errorf("event %d tells what has not changed", i+1)
			}
			if i > 0 && d.at-got[i-1].at < moderation {
				t.Errorf("events %v after each other", d.at-got[i-1].at)
			}
		}
		if last := got[len(got)-1].values["SystemUpdateID"]; last != "101" {
			t.Errorf("the last event says %s, want 101", last)
		}
		p.Set("SystemUpdateID", "101")
		time.Sleep(time.Second)
		if got := home.take(); len(got) != 0 {
			t.Errorf("events without a change: %v", got)
		}
	})
}

func TestSequenceWrapsToOne(t *testing.T) {
	p := New("s", "x", homeGuard(), nop())
	s := &subscriber{sequence: math.MaxUint32}
	for _, want := range []string{"4294967295", "1", "2"} {
		e, err := p.event(s)
		e.urls = []string{"http://192.168.77.20/"}
		p.post = func(context.Context, string, [][2]string, []byte) (int, error) { return http.StatusOK, nil }
		p.deliver(t.Context(), e)
		if err != nil || e.headers[4] != [2]string{"SEQ", want} {
			t.Errorf("%v, %v; want SEQ %s", e.headers, err, want)
		}
	}
}

func TestRenewalAndExpiry(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		sid := subscribe(t, p, "TIMEOUT: Second-300")
		for range 10 {
			time.Sleep(200 * time.Second)
			if w := request(p, "SUBSCRIBE", "SID: "+sid, "TIMEOUT: Second-300"); w.Code != http.StatusOK || sidOf(w) != sid {
				t.Fatalf("renewal: %d %v", w.Code, w.Header())
			}
		}
		home.take()
		p.Set("SystemUpdateID", "2")
		time.Sleep(time.Second)
		if len(home.take()) != 1 {
			t.Error("a renewed subscription gets no event")
		}
		time.Sleep(300 * time.Second)
		if n := p.Subscribers(); n != 0 {
			t.Errorf("%d subscriptions after expiry", n)
		}
		p.Set("SystemUpdateID", "3")
		time.Sleep(time.Second)
		if got := home.take(); len(got) != 0 {
			t.Errorf("events after expiry: %v", got)
		}
		// UDA 1.1, 4.1.3: "412 Precondition Failed: A SID does not correspond to a known,
		// un-expired subscription."
		if w := request(p, "SUBSCRIBE", "SID: "+sid); w.Code != http.StatusPreconditionFailed {
			t.Errorf("renewal after expiry: %d", w.Code)
		}
	})
}

func TestUnsubscribeEndsEvents(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		sid := subscribe(t, p)
		time.Sleep(time.Second)
		home.take()
		if w := request(p, "UNSUBSCRIBE", "SID: "+sid); w.Code != http.StatusOK {
			t.Errorf("UNSUBSCRIBE: %d", w.Code)
		}
		p.Set("SystemUpdateID", "2")
		time.Sleep(time.Minute)
		if got := home.take(); len(got) != 0 {
			t.Errorf("events afterwards: %v", got)
		}
		if w := request(p, "UNSUBSCRIBE", "SID: "+sid); w.Code != http.StatusPreconditionFailed {
			t.Errorf("second UNSUBSCRIBE: %d", w.Code)
		}
	})
}

func TestSubscriberThatVanished(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		home.set(func() { home.down[tv] = errDown })
		subscribe(t, p)
		time.Sleep(time.Minute)
		if n := p.Subscribers(); n != 0 {
			t.Errorf("%d subscriptions of a host that takes no events", n)
		}
	})
}

func TestLostEventIsMadeUpFor(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		subscribe(t, p)
		time.Sleep(time.Second)
		home.take()
		home.set(func() { home.down[tv] = errDown })
		p.Set("SystemUpdateID", "2")
		time.Sleep(time.Second)
		home.set(func() { delete(home.down, tv) })
		time.Sleep(10 * time.Second)
		got := home.take()
		// A gap would tell the subscriber to subscribe anew (UDA 1.1, 4.3.1), and it has missed nothing.
		if len(got) != 1 || got[0].headers["SEQ"] != "1" || got[0].values["SystemUpdateID"] != "2" {
			t.Errorf("events %v", got)
		}
	})
}

// UDA 1.1, 4.3.1: "SEQ … must be 0 for the initial event message".
func TestInitialEventIsZeroHoweverLate(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		home.set(func() { home.down[tv] = errDown })
		subscribe(t, p)
		time.Sleep(time.Second)
		home.set(func() { delete(home.down, tv) })
		time.Sleep(10 * time.Second)
		p.Set("SystemUpdateID", "9")
		time.Sleep(10 * time.Second)
		if got := home.take(); len(got) != 2 || got[0].headers["SEQ"] != "0" || got[1].headers["SEQ"] != "1" {
			t.Errorf("events %v", got)
		}
	})
}

func TestSubscriberThatForgot(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		subscribe(t, p)
		time.Sleep(time.Second)
		home.set(func() { home.codes[tv] = http.StatusPreconditionFailed })
		p.Set("SystemUpdateID", "2")
		time.Sleep(time.Second)
		if n := p.Subscribers(); n != 0 {
			t.Errorf("%d subscriptions after a 412", n)
		}
	})
}

func TestSlowSubscriberDelaysNoOther(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		home.set(func() { home.slow = 4 * time.Second })
		for n := range 10 {
			requestFrom(p, fmt.Sprintf("192.168.77.%d:40000", 100+n), "SUBSCRIBE", "NT: upnp:event",
				fmt.Sprintf("CALLBACK: <http://192.168.77.%d/>", 100+n))
		}
		time.Sleep(5 * time.Second)
		if n := len(home.take()); n != 10 {
			t.Errorf("%d of 10 slow subscribers have their event", n)
		}
	})
}

func TestSecondCallbackIsTriedWhenTheFirstFails(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		home.set(func() { home.down[tv] = errDown })
		request(p, "SUBSCRIBE", "NT: upnp:event", "CALLBACK: <"+tv+"><http://192.168.77.20:6000/>")
		time.Sleep(time.Second)
		if got := home.take(); len(got) != 1 || got[0].url != "http://192.168.77.20:6000/" {
			t.Errorf("events %v", got)
		}
	})
}

func TestHundredTVsThatVanish(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		for n := range 100 {
			requestFrom(p, fmt.Sprintf("192.168.77.%d:40000", 100+n), "SUBSCRIBE", "NT: upnp:event",
				fmt.Sprintf("CALLBACK: <http://192.168.77.%d/>", 100+n))
			time.Sleep(36 * time.Second)
		}
		if n := p.Subscribers(); n > maxSubscribers {
			t.Errorf("%d subscriptions, more than %d", n, maxSubscribers)
		}
		time.Sleep(maxTimeout)
		if n := p.Subscribers(); n != 0 {
			t.Errorf("%d subscriptions left", n)
		}
		if n := len(home.take()); n != 100 {
			t.Errorf("%d initial events, want 100", n)
		}
	})
}

// ContentDirectory:1, 2.5.21: ContainerUpdateIDs has "the containers that have changed since the last
// event".
func TestPairsThatChanged(t *testing.T) {
	atHome(t, func(t *testing.T, p *Publisher, home *fakeHome) {
		p.SetPairs("ContainerUpdateIDs", [][2]string{{"0", "1"}, {"0$a", "1"}})
		subscribe(t, p)
		want := func(pairs string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			got := home.take()
			if len(got) != 1 || got[0].values["ContainerUpdateIDs"] != pairs {
				t.Errorf("%v, want one event with %q", got, pairs)
			}
		}
		want("0,1,0$a,1")
		p.SetPairs("ContainerUpdateIDs", [][2]string{{"0", "1"}, {"0$a", "2"}, {"0$b", "2"}})
		p.SetPairs("ContainerUpdateIDs", [][2]string{{"0", "1"}, {"0$a", "3"}, {"0$b", "2"}}) // within the moderation
		want("0$a,3,0$b,2")
		p.SetPairs("ContainerUpdateIDs", [][2]string{{"0", "1"}, {"0$a", "3"}, {"0$b", "2"}})
		time.Sleep(time.Second)
		if got := home.take(); len(got) != 0 {
			t.Errorf("nothing changed, and %v", got)
		}
		var many [][2]string
		for i := range 5000 {
			many = append(many, [2]string{fmt.Sprint("c", i), "9"})
		}
		p.SetPairs("ContainerUpdateIDs", many)
		time.Sleep(time.Second)
		got := home.take()
		if len(got) != 1 || strings.Count(got[0].values["ContainerUpdateIDs"], ",") != 2*maxPairs-1 {
			t.Errorf("%d events", len(got))
		}
	})
}
