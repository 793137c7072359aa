package tracker

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"
)

// attempts is how often a request is sent until the response to it is valid. RFC 7846,
// 4.3: "If the peer receives an invalid response, the same request with identical content
// including the same transaction_id MUST be repeated."
const attempts = 2

// errInvalid marks a response that is not one of PPSTP to our request.
var errInvalid = errors.New("invalid response")

// repeatable tells whether the same request may fare better at once: after an invalid
// response, and when a connection broke that was kept open, as it does when a tracker
// restarts. A tracker that can't be connected to is the caller's to wait for.
func repeatable(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	return errors.Is(err, errInvalid) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// exchange completes the request, sends it and returns the answer. Errors say what was to
// be done and by which tracker.
func (c *Client) exchange(ctx context.Context, what string, r *Request) (*Answer, error) {
	r.PeerID = c.peerID.String()
	r.TransactionID = rand.Text()
	body, err := EncodeRequest(r)
	if err != nil {
		return nil, fmt.Errorf("%s: tracker %s: %w", what, c.url, err)
	}
	body = c.again(r, body)
	response, home, err := c.send(ctx, r, body)
	c.keep(r, body, err)
	if err != nil {
		return nil, fmt.Errorf("%s: tracker %s: %w", what, c.url, err)
	}
	answer := &Answer{TrackTimeout: trackTimeout(response.TrackTimeout)}
	if response.PeerAddress != nil {
		answer.Observed = *response.PeerAddress
	}
	nearby := sync.OnceValue(networks)
	for _, result := range response.Results {
		answer.Swarms = append(answer.Swarms, c.swarmAnswer(result, home, nearby))
	}
	return answer, nil
}

// maxTrackTimeout bounds what a tracker can make us believe.
const maxTrackTimeout = time.Hour

func trackTimeout(seconds Number) time.Duration {
	return time.Duration(min(max(seconds, 0), Number(maxTrackTimeout/time.Second))) * time.Second
}

// swarmAnswer leaves us out: the example of RFC 7846, 4.1.2.1 lists the asker too. It also leaves
// out addresses that this tracker has no business sending us to.
func (c *Client) swarmAnswer(r SwarmResult, home netip.Addr, nearby func() []netip.Prefix) SwarmAnswer {
	out := SwarmAnswer{SwarmID: r.SwarmID, Failed: r.Result != Successful}
	if r.PeerGroup == nil {
		return out
	}
	for _, p := range r.PeerGroup.Peers {
		if p.ID == c.peerID.String() || len(out.Peers) == MaxPeers {
			continue
		}
		p.Addresses = slices.DeleteFunc(slices.Clone(p.Addresses), func(a Address) bool { return !mayName(home, a.Addr(), nearby) })
		if len(p.Addresses) > 0 {
			out.Peers = append(out.Peers, p)
		}
	}
	return out
}

// send returns the tracker's response to r, whose form is body, if it is a successful one, and
// the tracker's address.
func (c *Client) send(ctx context.Context, r *Request, body []byte) (*Response, netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for i := 1; ; i++ {
		response, from, err := c.post(ctx, body)
		if err == nil {
			err = match(r, response)
		}
		if err == nil {
			return response, from, nil
		}
		if i == attempts || !repeatable(ctx, err) {
			return nil, from, err
		}
	}
}

// match checks that the response is a good one to r. Trackers that could not read the
// request don't know its transaction ID.
func match(r *Request, response *Response) error {
	if response.ResponseType == Successful && response.ErrorCode == NoError {
		if response.TransactionID != r.TransactionID {
			return fmt.Errorf("%w: it is to another request", errInvalid)
		}
		return nil
	}
	if response.ErrorCode == NoError {
		return errors.New("the request failed, and the tracker does not say why")
	}
	return &Error{Code: response.ErrorCode}
}

// post returns the response, and the address of the tracker, invalid if it is not known.
func (c *Client) post(ctx context.Context, body []byte) (*Response, netip.Addr, error) {
	var from netip.Addr
	request, err := http.NewRequestWithContext(c.reach.trace(ctx, &from), http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, from, unwrapURL(err)
	}
	request.Header.Set("Content-Type", MediaType)
	request.Header.Set("Accept", MediaType)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, netip.Addr{}, unwrapURL(err)
	}
	if at := c.stunServer(response.Header); at != "" && c.stun != nil {
		c.stun(at)
	}
	out, err := read(response)
	return out, from, err
}

// read reads a response to its end.
func read(response *http.Response) (*Response, error) {
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, MaxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("%w: it broke off: %w", errInvalid, err)
	}
	if len(b) > MaxResponse {
		return nil, fmt.Errorf("response has more than %d bytes; is this URL a tracker's?", MaxResponse)
	}
	out, err := DecodeResponse(b)
	switch {
	case err == nil:
		return out, nil
	case response.StatusCode == http.StatusUnauthorized:
		return nil, &Error{Code: AuthenticationRequired}
	case response.StatusCode == http.StatusServiceUnavailable: // said by a proxy in front of it
		return nil, &Error{Code: ServiceUnavailable}
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("HTTP status %s; is this URL a tracker's?", response.Status)
	}
	return nil, fmt.Errorf("%w: %w; is this URL a tracker's?", errInvalid, reason(err))
}

// reason strips the error code off what a decoder said, which was not said by the tracker.
func reason(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Reason != "" {
		return errors.New(e.Reason)
	}
	return err
}

// unwrapURL strips method and URL, which our own message has.
func unwrapURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
