package tracker

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// DefaultTimeout bounds a request of a Client that is not told otherwise.
const DefaultTimeout = 10 * time.Second

// ClientConfig configures a Client.
type ClientConfig struct {
	URL     string        // of the tracker, http or https
	PeerID  ppsp.PeerID   // of this node, the same in every swarm
	Timeout time.Duration // of each request; DefaultTimeout if zero
	// HTTP sends the requests; a client of its own if nil. Its redirects and cookies are
	// not used: a tracker has no business sending us elsewhere or marking us (RFC 7846,
	// 6.5). Clients of several trackers should share one, for its idle connections.
	// Its transport should dial by DialContext.
	HTTP *http.Client
	// Given says that a person named this tracker, so that it may be at an address of the home. An
	// address that stands in URL as such is always given, a name that resolves to one is not.
	Given bool
	// STUN is told which STUN server the tracker names, HOST:PORT, with each answer that does; nil for nobody. The host is
	// the tracker's. It must not block.
	STUN func(server string)
}

// Client speaks to one tracker. It keeps no state between requests but open connections
// and the requests that were not answered, and is safe for concurrent use.
type Client struct {
	url     string
	peerID  ppsp.PeerID
	timeout time.Duration
	http    http.Client
	reach   reach
	stun    func(server string) // may be nil

	mu         sync.Mutex
	unanswered []unanswered // see maxUnanswered; the latest last
}

// NewClient returns a client. It starts nothing; a wrong URL shows with the first request.
func NewClient(c ClientConfig) *Client {
	out := &Client{url: c.URL, peerID: c.PeerID, timeout: c.Timeout, reach: reachOf(c.URL, c.Given), stun: c.STUN}
	if out.timeout <= 0 {
		out.timeout = DefaultTimeout
	}
	if c.HTTP != nil {
		out.http = *c.HTTP
	} else {
		out.http.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         DialContext(nil, http.ProxyFromEnvironment),
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     idleTimeout - 10*time.Second, // before the tracker closes it
		}
	}
	out.http.Jar = nil
	out.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return out
}

// URL returns the tracker's URL.
func (c *Client) URL() string { return c.url }

// CloseIdleConnections closes the connections that wait for the next request.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Answer is what a tracker said to a request that it carried out.
type Answer struct {
	Swarms       []SwarmAnswer
	Observed     Address       // ours as the tracker sees it, TCP port included; invalid if not told
	TrackTimeout time.Duration // how long it remembers a silent peer, 0 if not told
}

// SwarmAnswer is the outcome for one swarm.
type SwarmAnswer struct {
	SwarmID string // hexadecimal, as in the request
	Failed  bool   // the tracker did not do it: for a JOIN it is full, else we are no member
	Peers   []Peer // without ourselves, at most MaxPeers
}

// Of returns the outcome for the swarm. A tracker need not answer for each: without an
// answer ok is false.
func (a *Answer) Of(id ppsp.SwarmID) (s SwarmAnswer, ok bool) {
	for _, s := range a.Swarms {
		if s.SwarmID == id.String() {
			return s, true
		}
	}
	return SwarmAnswer{}, false
}

// Connect joins and leaves swarms in one request (CONNECT: RFC 7846, 4.1.1). The addresses
// are all that this node has now, at most MaxAddresses are sent, those of the highest
// priority; without any the tracker goes on with those it knows. wanted says how many
// peers of each joined swarm to list; nil leaves it to the tracker, which lists none for a
// Seeder. An error wraps an *Error if the tracker refused all of it; otherwise the answer
// says what failed.
func (c *Client) Connect(ctx context.Context, actions []SwarmAction, addresses []Address, wanted *PeerNum) (*Answer, error) {
	return c.exchange(ctx, describe(actions), &Request{
		Type:    TypeConnect,
		Connect: &Connect{PeerNum: wanted, Addresses: best(addresses), Actions: actions},
	})
}

// Find asks for peers of a swarm that we are in (FIND: RFC 7846, 4.1.2).
func (c *Client) Find(ctx context.Context, swarm ppsp.SwarmID, wanted *PeerNum) (*Answer, error) {
	return c.exchange(ctx, "find peers of swarm "+swarm.Short(), &Request{
		Type: TypeFind,
		Find: &Find{SwarmID: swarm.String(), PeerNum: wanted},
	})
}

// StatReport tells the tracker that we are alive and, optionally, how each swarm fares
// (STAT_REPORT: RFC 7846, 4.1.3).
func (c *Client) StatReport(ctx context.Context, stats ...StreamStats) (*Answer, error) {
	r := &Request{Type: TypeStatReport}
	what := "report to tracker"
	if len(stats) > 0 {
		r.StatReport = &StatReport{Type: StreamStatsType, Stats: stats}
		what = "report on swarm " + short(stats[0].SwarmID)
	}
	return c.exchange(ctx, what, r)
}

// Leave leaves the swarms. Not having been in any is no error.
func (c *Client) Leave(ctx context.Context, swarms ...ppsp.SwarmID) error {
	var actions []SwarmAction
	for _, s := range swarms {
		actions = append(actions, Leave(s))
	}
	_, err := c.Connect(ctx, actions, nil, nil)
	if Forgotten(err) {
		return nil
	}
	return err
}

// describe says in an error what a CONNECT was for.
func describe(actions []SwarmAction) string {
	if len(actions) != 1 {
		return fmt.Sprintf("join or leave %d swarms", len(actions))
	}
	if actions[0].Action == ActionLeave {
		return "leave swarm " + short(actions[0].SwarmID)
	}
	return "join swarm " + short(actions[0].SwarmID)
}

func short(swarmID string) string {
	id, err := ppsp.ParseSwarmID(swarmID)
	if err != nil {
		return fmt.Sprintf("%.20q", swarmID)
	}
	return id.Short()
}
