package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

const (
	maxTrackers = 8
	maxSkew     = time.Minute // by which a clock may be wrong before live channels suffer
)

// trackers looks whether trackers answer, and by the time that they tell, whether the clock is right. It hands on the STUN
// servers that they name, and closes named when no more will come.
func (c Config) trackers(ctx context.Context, named chan<- string) []Check {
	all := slices.Concat(c.Trackers, c.Linked)
	if len(all) == 0 {
		close(named)
		return []Check{
			unknown("tracker", "none is known", "Peers are found by links with peers in them, and in the home.", "Add a channel, or name one: --tracker URL."),
			unknown("time", now(), "There is no tracker to compare the clock with.", ""),
		}
	}
	client := c.HTTP
	if client == nil {
		client = &http.Client{}
	}
	seen := &clock{base: client.Transport}
	if seen.base == nil {
		seen.base = http.DefaultTransport
	}
	client = &http.Client{Transport: seen, Timeout: patience}
	checks := make([]Check, min(len(all), maxTrackers))
	visits := make([]visit, len(checks))
	var asking sync.WaitGroup
	for i := range checks {
		asking.Go(func() { checks[i], visits[i] = enter(ctx, all[i], i < len(c.Trackers), client, named) })
	}
	asking.Wait()
	close(named)
	for _, v := range visits {
		asking.Go(func() { v.end(ctx) })
	}
	asking.Wait()
	return append(checks, seen.check())
}

// visit is our being in a swarm of a tracker; its zero value is none.
type visit struct {
	client *tracker.Client
	swarm  ppsp.SwarmID
}

// farewell is how long a tracker has to take leave. One that does not forgets us soon after.
const farewell = time.Second

func (v visit) end(ctx context.Context) {
	if v.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_ = v.client.Leave(ctx, v.swarm)
}

// enter has a tracker take us into a swarm that nobody else is in, as a gateway would be taken into its channels. given
// says that a person of this house named it.
func enter(ctx context.Context, at string, given bool, client *http.Client, named chan<- string) (Check, visit) {
	if u, err := url.Parse(at); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return unwell("tracker", at, "It is no address of a tracker.", "Write it as https://tracker.example/."), visit{}
	}
	id, err := ppsp.NewPeerID(rand.Reader)
	if err != nil {
		return unwell("tracker", oneLine(err), "No tracker can be asked.", "Look at this machine's log (dmesg): it has no random numbers."), visit{}
	}
	server := ""
	t := tracker.NewClient(tracker.ClientConfig{URL: at, PeerID: id, Timeout: patience, HTTP: client, Given: given, STUN: func(at string) { server = at }})
	v := visit{t, ppsp.SwarmID([]byte(rand.Text())[:swarmIDSize])}
	began := time.Now()
	_, err = t.Connect(ctx, []tracker.SwarmAction{tracker.Join(v.swarm, tracker.Leech)}, nil, nil)
	took := time.Since(began)
	if server != "" && !given {
		server = onInternet(ctx, server)
	}
	if server != "" {
		named <- server // there is room for one of each tracker
	}
	var refusal *tracker.Error
	switch {
	case err == nil:
		return well("tracker", at, fmt.Sprintf("It answers, after %d ms, and takes us in.", took.Milliseconds()), ""), v
	case !errors.As(err, &refusal):
		_, why, _ := strings.Cut(oneLine(err), at+": ") // what was asked, and of whom, stands there already
		return unwell("tracker", at, "No answer: "+cmp.Or(why, oneLine(err))+".", "Known peers are asked meanwhile. Look at the address, and whether its operator says that it is down."), visit{}
	}
	switch refusal.Code {
	case tracker.AuthenticationRequired:
		return unwell("tracker", at, "It answers, but does not know this peer.", "Ask its operator for a name, a token or a certificate, and give them in peer.tracker_auth."), visit{}
	case tracker.ForbiddenAction:
		return unwell("tracker", at, "It answers, but does not take us in.", "Ask its operator whether this home is shut out, or whether it takes nobody into new swarms."), visit{}
	}
	return unwell("tracker", at, fmt.Sprintf("It answers, but can't take us in now (%s).", refusal.Code), "Known peers are asked meanwhile. Try again later, or ask its operator."), visit{}
}

// swarmIDSize is that of a film's ID by SHA-1.
const swarmIDSize = 20

// clock notes what time others say it is.
type clock struct {
	base http.RoundTripper

	mu   sync.Mutex
	seen bool
	skew time.Duration // of the first answer that tells; positive where our clock is ahead
}

// RoundTrip is for http.Client.
func (c *clock) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		c.mu.Lock()
		if !c.seen {
			c.seen, c.skew = true, time.Since(date)
		}
		c.mu.Unlock()
	}
	return answer, nil
}

func (c *clock) check() Check {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.seen:
		return unknown("time", now(), "No tracker told the time to compare it with.", "")
	case c.skew.Abs() > maxSkew:
		way := "ahead"
		if c.skew < 0 {
			way = "behind"
		}
		return unwell("time", now(), fmt.Sprintf("The clock is %s %s: certificates and live channels fail.", c.skew.Abs().Round(time.Second), way),
			"Have the clock set by the network: timedatectl set-ntp true.")
	}
	return well("time", now(), "The clock is right, by what a tracker says.", "")
}

func now() string { return time.Now().UTC().Format("2006-01-02 15:04 MST") }

// oneLine shortens an error to what a line holds.
func oneLine(err error) string {
	s := strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, err.Error())), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
