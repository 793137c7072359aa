package renderer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/renderer/finder"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// living is a home in virtual time: televisions that can be switched on and off, and the
// gateway's controller.
type living struct {
	t          *testing.T
	controller *Controller

	mu   sync.Mutex
	tvs  map[netip.Addr]*television
	conn *deafConn
	mute bool // televisions that are plugged in give no events
}

// library is what can be played, and how far it was.
type library struct {
	mu    *sync.Mutex
	noted map[string][]time.Duration
}

func (l library) SetPosition(id string, position time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted[id] = append(l.noted[id], position)
	return nil
}

// take returns what was noted of a film, and forgets it.
func (l library) take(id string) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	noted := l.noted[id]
	delete(l.noted, id)
	return noted
}

var items = []proxy.Item{
	{ID: "news", Title: `News & "Views"`, Kind: ppsp.Live, MediaType: "video/mp2t"},
	{ID: "film", Title: "A film", Kind: ppsp.Film, MediaType: "video/mp4", Length: 366100, Duration: 24 * time.Second},
	{ID: "song", Kind: ppsp.Film, MediaType: "audio/mpeg", Length: 1000},
}

func (library) Item(id string) (proxy.Item, bool) {
	i := slices.IndexFunc(items, func(i proxy.Item) bool { return i.ID == id })
	if i < 0 {
		return proxy.Item{}, false
	}
	return items[i], true
}

var lan0 = lan.Interface{
	Name: "lan0", Index: 2, Flags: net.FlagUp | net.FlagMulticast,
	Prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.77.10/24")},
}

// inLiving runs a controller in virtual time.
func inLiving(t *testing.T, f func(*living)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &living{t: t, tvs: make(map[netip.Addr]*television), conn: &deafConn{in: make(chan heardOf), closed: make(chan struct{})}}
		l.controller = New(Config{
			Library: library{new(sync.Mutex), map[string][]time.Duration{}}, HTTPPort: 8088, Dial: l.dial,
			Interfaces: func() ([]lan.Interface, []lan.Problem, error) { return []lan.Interface{lan0}, nil, nil },
			Guard:      &lan.Guard{Interfaces: func() ([]lan.Interface, error) { return []lan.Interface{lan0}, nil }},
			Listen:     func(lan.Interface) ([]finder.Conn, error) { return []finder.Conn{l.conn}, nil },
			Facing:     func(netip.Addr) (netip.Addr, error) { return netip.Addr{}, errors.New("no way") },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.controller.Run(ctx) }()
		f(l)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		time.Sleep(5 * time.Second) // a connection that was being made comes to nothing
		if n := l.controller.hub.Len(); n != 0 {
			t.Errorf("%d callbacks are left", n)
		}
	})
}

// dial connects to a television of the home.
func (l *living) dial(ctx context.Context, _, address string) (net.Conn, error) {
	at := netip.MustParseAddrPort(address)
	l.mu.Lock()
	tv := l.tvs[at.Addr()]
	l.mu.Unlock()
	if tv == nil || tv.off() {
		timer := time.NewTimer(2 * time.Second)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		return nil, errors.New("no route to host")
	}
	here, there := net.Pipe()
	go tv.serve(there)
	return here, nil
}

type heardOf struct {
	text string
	from netip.AddrPort
}

// deafConn is the finder's socket: what devices send is put in by hand.
type deafConn struct {
	in     chan heardOf
	closed chan struct{}
}

func (c *deafConn) Read(b []byte) (int, netip.AddrPort, error) {
	select {
	case h := <-c.in:
		return copy(b, h.text), h.from, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}
func (c *deafConn) Search() error { return nil }
func (c *deafConn) Close() error  { close(c.closed); return nil }

// television is a media renderer with an AVTransport and a RenderingControl.
type television struct {
	home *living
	addr netip.Addr
	udn  string

	mu       sync.Mutex
	plugged  bool
	state    string
	uri      string
	position string
	duration string
	volume   string
	faults   map[string]int // of actions, by name
	asked    []string       // actions that change something, and their arguments
	polls    int
	events   bool // it gives events
	callback map[string]string
	hangs    string // answers no request of this method until it is asked no more
	garbled  bool   // answers actions with what is no SOAP
	slow     string // answers this action no more
}

// plug puts a television into the home and has it announce itself.
func (l *living) plug(addr, udn string) *television {
	tv := &television{
		home: l, addr: netip.MustParseAddr(addr), udn: udn, plugged: true, state: "NO_MEDIA_PRESENT", volume: "10",
		position: "0:00:00", duration: "0:00:00", events: !l.mute, faults: map[string]int{}, callback: map[string]string{},
	}
	l.mu.Lock()
	l.tvs[tv.addr] = tv
	l.mu.Unlock()
	tv.announce("ssdp:alive", 1800)
	synctest.Wait()
	return tv
}

func (tv *television) announce(nts string, age int) {
	const device = "urn:schemas-upnp-org:device:MediaRenderer:1"
	tv.home.conn.in <- heardOf{fmt.Sprintf("NOTIFY * HTTP/1.1\r\nNT: %s\r\nNTS: %s\r\nUSN: %s::%s\r\nCACHE-CONTROL: max-age=%d\r\nLOCATION: http://%s/d.xml\r\n\r\n",
		device, nts, tv.udn, device, age, netip.AddrPortFrom(tv.addr, 49494)), netip.AddrPortFrom(tv.addr, 1900)}
}

func (tv *television) off() bool {
	tv.mu.Lock()
	defer tv.mu.Unlock()
	return !tv.plugged
}

func (tv *television) hung(r *http.Request) bool {
	tv.mu.Lock()
	defer tv.mu.Unlock()
	return tv.hangs == r.Method || tv.slow != "" && strings.HasSuffix(r.Header.Get("SOAPACTION"), "#"+tv.slow+`"`)
}

// set changes the television as a hand on its own remote control would.
func (tv *television) set(change func()) {
	tv.mu.Lock()
	defer tv.mu.Unlock()
	change()
}

// orders returns what it was told to do, and forgets it.
func (tv *television) orders() []string {
	tv.mu.Lock()
	defer tv.mu.Unlock()
	asked := tv.asked
	tv.asked = nil
	return asked
}

func (tv *television) serve(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(r.Body)
	if tv.hung(r) {
		_, _ = conn.Read(make([]byte, 1)) // until the other end gives up
		return
	}
	status, head, text := tv.answer(r, string(body))
	fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", status, head, len(text), text)
}

func (tv *television) answer(r *http.Request, body string) (status int, head, text string) {
	tv.mu.Lock()
	defer tv.mu.Unlock()
	switch {
	case r.URL.Path == "/d.xml":
		return 200, "", tv.description()
	case r.URL.Path == "/rc.xml":
		return 200, "", `<scpd><serviceStateTable><stateVariable><name>Volume</name><allowedValueRange><maximum>50</maximum></allowedValueRange></stateVariable></serviceStateTable></scpd>`
	case r.Method == "SUBSCRIBE" && !tv.events:
		return 501, "", ""
	case r.Method == "SUBSCRIBE":
		if c := r.Header.Get("CALLBACK"); c != "" {
			tv.callback[r.URL.Path] = strings.Trim(c, "<>")
		}
		return 200, "SID: uuid:" + strings.Trim(r.URL.Path, "/") + "\r\nTIMEOUT: Second-300\r\n", ""
	case r.Method == "UNSUBSCRIBE":
		delete(tv.callback, r.URL.Path)
		return 200, "", ""
	}
	if tv.garbled {
		return 500, "", "<html>busy</html>"
	}
	action := r.Header.Get("SOAPACTION")
	_, action, _ = strings.Cut(strings.Trim(action, `"`), "#")
	if code := tv.faults[action]; code != 0 {
		tv.asked = append(tv.asked, action+" refused")
		return 500, "", fmt.Sprintf(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>`+
			`<faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>`, code)
	}
	return 200, "", fmt.Sprintf(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:%sResponse xmlns:u="urn:x">%s</u:%sResponse></s:Body></s:Envelope>`,
		action, tv.act(action, body), action)
}

func (tv *television) description() string {
	service := func(name string) string {
		return fmt.Sprintf(`<service><serviceType>urn:schemas-upnp-org:service:%s:1</serviceType><SCPDURL>/%s.xml</SCPDURL><controlURL>/%s</controlURL><eventSubURL>/%s</eventSubURL></service>`,
			name, map[string]string{"RenderingControl": "rc", "AVTransport": "avt"}[name], name, name)
	}
	return `<root><device><deviceType>urn:schemas-upnp-org:device:MediaRenderer:1</deviceType><friendlyName>TV ` + tv.udn +
		`</friendlyName><manufacturer>Maker</manufacturer><modelName>M1</modelName><UDN>` + tv.udn + `</UDN><serviceList>` +
		service("AVTransport") + service("RenderingControl") + `</serviceList></device></root>`
}

var argument = regexp.MustCompile(`(?s)<(CurrentURI|CurrentURIMetaData|Target|DesiredVolume|Unit)>(.*?)</`)

// act carries out an action and returns what its answer holds. The caller holds mu.
func (tv *television) act(action, body string) string {
	args := map[string]string{}
	for _, m := range argument.FindAllStringSubmatch(body, -1) {
		args[m[1]] = html.UnescapeString(m[2])
	}
	note := func(s string) { tv.asked = append(tv.asked, strings.TrimSpace(action+" "+s)) }
	switch action {
	case "GetTransportInfo":
		tv.polls++
		return "<CurrentTransportState>" + tv.state + "</CurrentTransportState><CurrentTransportStatus>OK</CurrentTransportStatus><CurrentSpeed>1</CurrentSpeed>"
	case "GetPositionInfo": // the counters are empty, as with some
		return "<Track>1</Track><TrackDuration>" + tv.duration + "</TrackDuration><TrackMetaData></TrackMetaData><TrackURI>" + html.EscapeString(tv.uri) +
			"</TrackURI><RelTime>" + tv.position + "</RelTime><AbsTime>NOT_IMPLEMENTED</AbsTime><RelCount></RelCount><AbsCount></AbsCount>"
	case "GetVolume":
		return "<CurrentVolume>" + tv.volume + "</CurrentVolume>"
	case "SetAVTransportURI":
		tv.uri = args["CurrentURI"]
		note(args["CurrentURI"] + " " + args["CurrentURIMetaData"])
	case "Play":
		tv.state = "PLAYING"
		note("")
	case "Pause":
		tv.state = "PAUSED_PLAYBACK"
		note("")
	case "Stop":
		tv.state = "STOPPED"
		note("")
	case "Seek":
		tv.position = args["Target"]
		note(args["Unit"] + " " + args["Target"])
	case "SetVolume":
		tv.volume = args["DesiredVolume"]
		note(args["DesiredVolume"])
	}
	return ""
}

// one returns the renderer that is listed, of which there has to be one.
func (l *living) one() Renderer {
	l.t.Helper()
	list := l.controller.List()
	if len(list) != 1 {
		l.t.Fatalf("listed: %+v", list)
	}
	return list[0]
}
