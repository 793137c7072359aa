package gena

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/anacrolix/dms/upnp"
)

// notifyTimeout is how long a subscriber may take to accept an event. UDA 1.1, 4.3.2 lets
// it have 30 seconds; one that needs them is as good as gone.
const notifyTimeout = 5 * time.Second

// maxAnswer bounds what is read of a subscriber's answer, in bytes.
const maxAnswer = 4 << 10

// post sends an event and returns the status of the answer.
type post func(ctx context.Context, url string, headers [][2]string, body []byte) (int, error)

// newPost makes what sends events over HTTP. It has no proxy, follows no redirection and
// keeps no connection: an event goes where it was allowed to and nowhere else.
func newPost(dial func(ctx context.Context, network, address string) (net.Conn, error)) post {
	client := &http.Client{
		Timeout:       notifyTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswer},
	}
	return func(ctx context.Context, url string, headers [][2]string, body []byte) (int, error) {
		return notify(ctx, client, url, headers, body)
	}
}

func notify(ctx context.Context, client *http.Client, url string, headers [][2]string, body []byte) (int, error) {
	r, err := http.NewRequestWithContext(ctx, "NOTIFY", url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for _, h := range headers {
		r.Header[h[0]] = []string{h[1]} // in capitals, as in the standard
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	if answer.StatusCode/100 != 2 && answer.StatusCode != statusUnknownSID {
		return 0, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return answer.StatusCode, nil
}

// propertySet writes the body of an event (UDA 1.1, 4.3.2).
func propertySet(changed []upnp.Property) ([]byte, error) {
	b, err := xml.Marshal(upnp.PropertySet{Space: "urn:schemas-upnp-org:event-1-0", Properties: changed})
	return append([]byte(xml.Header), b...), err
}
