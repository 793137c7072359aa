package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Bounds of a list that is fetched for a person who waits for it.
const (
	maxList       = 1 << 20 // bytes
	listTimeout   = 10 * time.Second
	listRedirects = 3
)

var errNotPublic = errors.New("it is not in the Internet but in this home")

// listAddress returns the address of the web that a text consists of, empty for any other.
func listAddress(text string) string {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(text, " \n\r\t") {
		return ""
	}
	if scheme := strings.ToLower(u.Scheme); scheme != "http" && scheme != "https" {
		return ""
	}
	return text
}

// fetchList returns the text under an address of the Internet. Addresses of the home are not
// asked: who may use this page may not yet make the gateway send requests to its neighbours.
func (s *Server) fetchList(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	dialer := &net.Dialer{Control: func(_, to string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(to)
		if err != nil || !s.fetchable(at.Addr().Unmap()) {
			return errNotPublic
		}
		return nil
	}}
	client := &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: listTimeout},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > listRedirects {
				return errors.New("it leads from one address to the next")
			}
			return nil
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err
		}
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("its server answers %s", response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxList+1))
	if err == nil && len(text) > maxList {
		err = fmt.Errorf("it is larger than %d KiB, which no list is", maxList>>10)
	}
	return string(text), err
}

// outside tells whether an address lies outside of any home: of this one, too, whose devices may have public addresses.
func (l *lan) outside(a netip.Addr) bool { return ppsp.Public(a) && !l.beside(a.Unmap().WithZone("")) }
