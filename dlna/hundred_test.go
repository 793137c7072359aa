package dlna

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/dlna/contentdirectory"
	"github.com/swarmgate/swarmgate/proxy"
)

// street is a LAN in memory: connections from TVs, whose addresses differ, and to them.
type street struct {
	incoming chan net.Conn
	closed   chan struct{}
}

// cable is the server's end of a connection, with addresses and the user timeout of TCP, which
// the gateway's listener sets (RFC 5482): what nobody takes ends the connection.
type cable struct {
	net.Conn
	remote net.Addr
	own    bool // the writer has set a deadline
}

const userTimeout = 10 * time.Minute

func (c *cable) RemoteAddr() net.Addr { return c.remote }

func (c *cable) SetWriteDeadline(at time.Time) error {
	c.own = !at.IsZero()
	return c.Conn.SetWriteDeadline(at)
}

func (c *cable) Write(b []byte) (int, error) {
	if !c.own {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(userTimeout))
		defer func() { _ = c.Conn.SetWriteDeadline(time.Time{}) }()
	}
	return c.Conn.Write(b)
}

func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 77, byte(20 + n)}), 40000)
}

func (s *street) Accept() (net.Conn, error) {
	select {
	case c := <-s.incoming:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *street) Close() error   { close(s.closed); return nil }
func (s *street) Addr() net.Addr { return net.TCPAddrFromAddrPort(address(-10)) }

// dial connects TV n to the server. What it returns is never closed by who vanishes.
func (s *street) dial(n int) net.Conn {
	ours, theirs := net.Pipe()
	s.incoming <- &cable{Conn: theirs, remote: net.TCPAddrFromAddrPort(address(n))}
	return ours
}

// watched is a library that counts what is open.
type watched struct {
	*household
	sessions atomic.Int64
	opened   atomic.Int64
}

// broadcast is a channel: packets until its context ends.
type broadcast struct {
	ctx context.Context
	w   *watched
}

func (b broadcast) Read(p []byte) (int, error) {
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-time.After(250 * time.Millisecond):
		return copy(p, bytes.Repeat([]byte{0x47}, 188*7)), nil
	}
}

func (b broadcast) Close() error { b.w.sessions.Add(-1); return nil }

func (w *watched) OpenLive(ctx context.Context, _ string) (io.ReadCloser, error) {
	w.sessions.Add(1)
	w.opened.Add(1)
	return broadcast{ctx, w}, nil
}

type countedFilm struct {
	film
	w *watched
}

func (f countedFilm) Close() error { f.w.sessions.Add(-1); return nil }

func (w *watched) OpenFilm(context.Context, string) (proxy.Film, error) {
	w.sessions.Add(1)
	w.opened.Add(1)
	return countedFilm{film{bytes.NewReader(make([]byte, 1<<20))}, w}, nil
}

// television is a TV that does a few things and then is gone, at any point of them.
type television struct {
	n      int
	street *street
	random *rand.Rand
	gone   atomic.Bool
	events atomic.Int64
}

const browseRoot = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
	`<u:Browse xmlns:u="urn:schemas-upnp-org:service:ContentDirectory:1"><ObjectID>0</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag>` +
	`<Filter>*</Filter><StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>`

// evening is one visit of the TV: it finds, subscribes, browses, plays, and vanishes without a
// word, often in the middle of a request or of an answer.
func (tv *television) evening() {
	tv.gone.Store(false)
	defer tv.gone.Store(true)
	conn := tv.street.dial(tv.n)
	in := bufio.NewReader(conn)
	host := "Host: 192.168.77.10:8088\r\n"
	event := "/dlna/ContentDirectory/event"
	requests := []string{
		"GET /dlna/device.xml HTTP/1.1\r\n" + host + "\r\n",
		fmt.Sprintf("SUBSCRIBE %s HTTP/1.1\r\n%sNT: upnp:event\r\nCALLBACK: <http://%s:5000/evt>\r\nTIMEOUT: Second-1800\r\n\r\n", event, host, address(tv.n).Addr()),
		fmt.Sprintf("POST /dlna/ContentDirectory/control HTTP/1.1\r\n%sSOAPACTION: \"urn:schemas-upnp-org:service:ContentDirectory:1#Browse\"\r\n"+
			"Content-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", host, len(browseRoot), browseRoot),
		"GET /dlna/media/" + []string{"c0ffee000001.ts", "f11b00000001.mp4"}[tv.random.IntN(2)] + " HTTP/1.1\r\n" + host + "\r\n",
	}
	for i, request := range requests {
		if tv.random.IntN(10) == 0 { // unplugged while it asks
			_, _ = io.WriteString(conn, request[:tv.random.IntN(len(request))])
			return
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return
		}
		if tv.random.IntN(10) == 0 {
			return // unplugged before it is answered
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return
		}
		if i == len(requests)-1 {
			_, _ = io.CopyN(io.Discard, answer.Body, int64(1+tv.random.IntN(100_000)))
			return
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		time.Sleep(time.Duration(tv.random.IntN(3000)) * time.Millisecond)
	}
}

// receive is how TVs take events: at once, or never once they are gone.
func receive(tvs []*television) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, to string) (net.Conn, error) {
		at, err := netip.ParseAddrPort(to)
		if err != nil {
			return nil, err
		}
		tv := tvs[int(at.Addr().As4()[3])-20]
		ours, theirs := net.Pipe()
		if tv.gone.Load() {
			return ours, nil // nobody answers
		}
		go func() {
			defer theirs.Close()
			r, err := http.ReadRequest(bufio.NewReader(theirs))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			tv.events.Add(1)
			_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}()
		return ours, nil
	}
}

// A hundred TVs join, browse, play and vanish without a word for an hour: no session, slot,
// subscription or goroutine is left.
func TestHundredTVs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		library := &watched{household: newHousehold()}
		library.ticks = make(chan struct{}, 1)
		s := newServer(t, library)
		home := &street{incoming: make(chan net.Conn), closed: make(chan struct{})}
		tvs := make([]*television, 100)
		for n := range tvs {
			tvs[n] = &television{n: n, street: home, random: rand.New(rand.NewPCG(uint64(n), 4))}
		}
		s.contents.Through(receive(tvs))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.contents.Run(ctx) })
		var conns atomic.Int64
		server := &http.Server{
			Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			ConnState: func(_ net.Conn, state http.ConnState) {
				switch state {
				case http.StateNew:
					conns.Add(1)
				case http.StateClosed, http.StateHijacked:
					conns.Add(-1)
				}
			},
		}
		running.Go(func() { _ = server.Serve(home) })
		synctest.Wait()
		before := atWork()
		peak := hour(s, library, tvs)
		// The longest that a paused film, and a subscription, may live.
		time.Sleep(45 * time.Minute)
		synctest.Wait()
		if n := library.sessions.Load(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if n := s.Streams(); n != 0 {
			t.Errorf("%d slots are left", n)
		}
		if n := s.contents.Subscribers(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
		if n := conns.Load(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if n := atWork(); n > before {
			t.Errorf("%d goroutines more than at first", n-before)
		}
		var events int64
		for _, tv := range tvs {
			events += tv.events.Load()
		}
		if peak < 10 || library.opened.Load() < 100 || events < 100 {
			t.Errorf("the test tests little: %d streams at most, %d in all, %d events", peak, library.opened.Load(), events)
		}
		cancel()
		_ = server.Close()
		running.Wait()
	})
}

// atWork counts the goroutines of the test's bubble.
func atWork() int {
	b := make([]byte, 16<<20)
	return bytes.Count(b[:runtime.Stack(b, true)], []byte("synctest bubble"))
}

// hour lets the TVs come and go, while the catalog changes, and returns the most streams.
func hour(s *Server, library *watched, tvs []*television) (peak int) {
	var evenings sync.WaitGroup
	end := time.Now().Add(time.Hour)
	for _, tv := range tvs {
		evenings.Go(func() {
			for {
				time.Sleep(time.Duration(tv.random.IntN(15*60)) * time.Second)
				if time.Now().After(end) {
					return
				}
				tv.evening()
			}
		})
	}
	for n := 0; time.Now().Before(end); n++ {
		peak = max(peak, s.Streams())
		if n%10 == 0 {
			s.contents.Set(contentdirectory.SystemUpdateID, fmt.Sprint(n))
		}
		time.Sleep(3 * time.Second)
	}
	evenings.Wait()
	return peak
}

// Nothing but the media server answers under its root, and no handler of package http that
// programs leave open by accident.
func TestNoDebugHandlers(t *testing.T) {
	server := newServer(t, newHousehold())
	for _, path := range []string{
		"/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug/requests", "/dlna/debug/pprof/", "/dlna/debug/vars", "/dlna/../debug/pprof/",
		"/dlna/", "/dlna/media/", "/dlna/media/../../etc/passwd", "/metrics",
	} {
		r := httptest.NewRequest(http.MethodGet, "http://192.168.77.10:8088/", nil)
		r.URL.Path = path
		r.RemoteAddr = address(0).String()
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code == http.StatusOK || strings.Contains(w.Body.String(), "goroutine") {
			t.Errorf("%s: %d %.80s", path, w.Code, w.Body)
		}
	}
}
