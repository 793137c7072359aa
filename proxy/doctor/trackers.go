package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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

// trackers looks whether trackers answer, and by the time that they tell, whether the clock is right.
func (c Config) trackers(ctx context.Context) []Check {
	if len(c.Trackers) == 0 {
		return []Check{
			{"tracker", true, "none is known", "Peers are found by links with peers in them, and in the home.", "Add a channel, or name one: --tracker URL."},
			{"time", true, time.Now().UTC().Format("2006-01-02 15:04 MST"), "There is no tracker to compare the clock with.", ""},
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
	checks := make([]Check, min(len(c.Trackers), maxTrackers))
	var asking sync.WaitGroup
	for i := range checks {
		asking.Go(func() { checks[i] = ask(ctx, c.Trackers[i], client) })
	}
	asking.Wait()
	client.CloseIdleConnections()
	return append(checks, seen.check())
}

// ask asks a tracker for peers of a swarm that nobody is in.
func ask(ctx context.Context, at string, client *http.Client) Check {
	if u, err := url.Parse(at); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Check{"tracker", false, at, "It is no address of a tracker.", "Write it as https://tracker.example/."}
	}
	id, err := ppsp.NewPeerID(rand.Reader)
	if err != nil {
		return Check{"tracker", false, oneLine(err), "No tracker can be asked.", ""}
	}
	t := tracker.NewClient(tracker.ClientConfig{URL: at, PeerID: id, Timeout: patience, HTTP: client, Given: true})
	began := time.Now()
	_, err = t.Find(ctx, ppsp.SwarmID("nobody is in here!!!"), nil)
	took := time.Since(began)
	var refusal *tracker.Error
	switch {
	case errors.As(err, &refusal) && refusal.Code == tracker.AuthenticationRequired:
		return Check{"tracker", false, at, "It answers, but does not know this peer.", "Ask its operator for a name, a token or a certificate, and give them in peer.tracker_auth."}
	case err == nil, errors.As(err, &refusal): // it knows neither us nor the swarm, and says so
		return Check{"tracker", true, at, fmt.Sprintf("It answers, after %d ms.", took.Milliseconds()), ""}
	}
	_, why, _ := strings.Cut(oneLine(err), at+": ") // what was asked, and of whom, stands there already
	return Check{"tracker", false, at, "No answer: " + cmp.Or(why, oneLine(err)) + ".", "Known peers are asked meanwhile. Look at the address, and whether its operator says that it is down."}
}

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
	now := time.Now().UTC().Format("2006-01-02 15:04 MST")
	switch {
	case !c.seen:
		return Check{"time", true, now, "No tracker told the time to compare it with.", ""}
	case c.skew.Abs() > maxSkew:
		way := "ahead"
		if c.skew < 0 {
			way = "behind"
		}
		return Check{
			"time", false, now, fmt.Sprintf("The clock is %s %s: certificates and live channels fail.", c.skew.Abs().Round(time.Second), way),
			"Have the clock set by the network: timedatectl set-ntp true.",
		}
	}
	return Check{"time", true, now, "The clock is right, by what a tracker says.", ""}
}

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
