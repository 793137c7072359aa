package tracker

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// unanswered is a request to which no answer came: it may have been carried out all the same.
type unanswered struct {
	what string // which request would be the same to the tracker
	id   string
	body []byte
	at   time.Time
}

// Bounds of what a Client remembers of requests that were not answered.
const (
	maxUnanswered = 4
	unansweredFor = time.Minute // as long as a Server remembers what it did
)

// essence names what a request does; empty for a report, which is made of fresh figures each time.
func (r *Request) essence() string {
	switch r.Type {
	case TypeConnect:
		return fmt.Sprint(r.Connect.Actions, r.Connect.Addresses)
	case TypeFind:
		return r.Find.SwarmID
	}
	return ""
}

// again returns the form in which the request was sent before without an answer, and gives r its
// transaction ID; without such a one it returns body. A tracker that carried it out when its answer
// was lost then knows that it did. RFC 7846, 4.3: "the same request with identical content including
// the same transaction_id MUST be repeated".
func (c *Client) again(r *Request, body []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.unanswered {
		if what := r.essence(); what != "" && u.what == what && time.Since(u.at) < unansweredFor {
			r.TransactionID = u.id
			return u.body
		}
	}
	return body
}

// keep remembers the request if it went unanswered, and forgets it if not.
func (c *Client) keep(r *Request, body []byte, err error) {
	what := r.essence()
	if what == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.unanswered, func(u unanswered) bool { return u.what == what })
	_, refused := errors.AsType[*Error](err)
	switch {
	case at >= 0 && (err == nil || refused || c.unanswered[at].id != r.TransactionID):
		c.unanswered = slices.Delete(c.unanswered, at, at+1)
	case at >= 0:
		return // its time counts from the first try
	}
	if err == nil || refused {
		return
	}
	if len(c.unanswered) == maxUnanswered {
		c.unanswered = slices.Delete(c.unanswered, 0, 1)
	}
	c.unanswered = append(c.unanswered, unanswered{what, r.TransactionID, bytes.Clone(body), time.Now()})
}
