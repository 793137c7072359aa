package nat

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeIGD is a gateway on loopback: it answers searches by SSDP, describes itself, and keeps a table by SOAP.
type fakeIGD struct {
	*table
	http    *httptest.Server
	ssdp    *net.UDPConn
	service string // type of its connection service
	// What a hostile gateway does otherwise.
	describe http.HandlerFunc
	soap     http.HandlerFunc
	answer   func(location, target string) []byte
	base     string // URLBase
	control  string // control URL
}

func newFakeIGD(t *testing.T) *fakeIGD {
	t.Helper()
	g := &fakeIGD{table: newTable(), service: "urn:schemas-upnp-org:service:WANIPConnection:1", answer: searchAnswer, control: "/ctl/IPConn"}
	g.describe, g.soap = g.serveDescription, g.serveSOAP
	mux := http.NewServeMux()
	mux.HandleFunc("/rootDesc.xml", func(w http.ResponseWriter, r *http.Request) { g.describe(w, r) })
	mux.HandleFunc("/ctl/IPConn", func(w http.ResponseWriter, r *http.Request) {
		soap := http.NotFound
		g.set(func() { soap = g.soap })
		soap(w, r)
	})
	g.http = httptest.NewServer(mux)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	g.ssdp = conn
	var wg sync.WaitGroup
	wg.Go(g.serveSSDP)
	t.Cleanup(func() { conn.Close(); wg.Wait(); g.http.CloseClientConnections(); g.http.Close() })
	return g
}

func (g *fakeIGD) location() string { return g.http.URL + "/rootDesc.xml" }

func (g *fakeIGD) addr() netip.AddrPort { return g.ssdp.LocalAddr().(*net.UDPAddr).AddrPort() }

func (g *fakeIGD) serveSSDP() {
	b := make([]byte, 2048)
	for {
		n, from, err := g.ssdp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(b[:n]))))
		if err != nil || req.Method != "M-SEARCH" {
			continue
		}
		g.take("M-SEARCH", 0, 0)
		answer := searchAnswer
		g.set(func() { answer = g.answer })
		_, _ = g.ssdp.WriteToUDPAddrPort(answer(g.location(), req.Header.Get("St")), from)
	}
}

func (g *fakeIGD) serveDescription(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor></specVersion>
%s<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>Fake router</friendlyName>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<serviceList><service><serviceType>%s</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<controlURL>%s</controlURL><eventSubURL>/evt</eventSubURL><SCPDURL>/WANIPCn.xml</SCPDURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>`, g.base, g.service, g.control)
}

// soapCall is the part of an envelope that is asked.
type soapCall struct {
	Body struct {
		Inner []byte `xml:",innerxml"`
	} `xml:"Body"`
}

type soapArgs struct {
	XMLName      xml.Name
	External     uint16 `xml:"NewExternalPort"`
	Internal     uint16 `xml:"NewInternalPort"`
	Client       string `xml:"NewInternalClient"`
	Protocol     string `xml:"NewProtocol"`
	Enabled      string `xml:"NewEnabled"`
	RemoteHost   string `xml:"NewRemoteHost"`
	Description  string `xml:"NewPortMappingDescription"`
	LeaseSeconds uint32 `xml:"NewLeaseDuration"`
}

func (g *fakeIGD) serveSOAP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	var call soapCall
	var args soapArgs
	if xml.Unmarshal(body, &call) != nil || xml.Unmarshal(call.Body.Inner, &args) != nil || args.XMLName.Space != g.service {
		fault(w, 401, "Invalid Action")
		return
	}
	action := args.XMLName.Local
	if r.Header.Get("SOAPACTION") != `"`+g.service+"#"+action+`"` {
		fault(w, 401, "Invalid Action")
		return
	}
	if code, _ := g.take(action, args.External, args.LeaseSeconds); code != 0 {
		fault(w, code, "Refused by test")
		return
	}
	fields := ""
	switch action {
	case "GetExternalIPAddress":
		g.set(func() { fields = "<NewExternalIPAddress>" + g.external + "</NewExternalIPAddress>" })
	case "GetStatusInfo":
		fields = "<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>7</NewUptime>"
	case "AddPortMapping":
		client, err := netip.ParseAddr(args.Client)
		if err != nil || args.Protocol != "UDP" || args.Enabled != "1" || args.RemoteHost != "" {
			fault(w, 402, "Invalid Args")
			return
		}
		g.put(args.External, entry{to: netip.AddrPortFrom(client, args.Internal), about: args.Description}, args.LeaseSeconds)
	case "GetSpecificPortMappingEntry":
		e, ok := g.row(args.External)
		if !ok {
			fault(w, codeNoSuchEntry, "NoSuchEntryInArray")
			return
		}
		fields = "<NewInternalPort>" + strconv.Itoa(int(e.to.Port())) + "</NewInternalPort><NewInternalClient>" + e.to.Addr().String() +
			"</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>" + e.about + "</NewPortMappingDescription><NewLeaseDuration>1</NewLeaseDuration>"
	case "DeletePortMapping":
		g.set(func() { delete(g.rows, args.External) })
	default:
		fault(w, 401, "Invalid Action")
		return
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" `+
		`s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:%[1]sResponse xmlns:u="%[2]s">%[3]s</u:%[1]sResponse></s:Body></s:Envelope>`,
		action, g.service, fields)
}

func fault(w http.ResponseWriter, code int, text string) {
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>`+
		`<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0">`+
		`<errorCode>%d</errorCode><errorDescription>%s</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`, code, text)
}

// start runs a Traversal against the gateway on real sockets; stop ends it and tells how long that took.
func (g *fakeIGD) start(t *testing.T) (*Traversal, func() time.Duration) {
	t.Helper()
	tr := newTraversal(t, Config{Search: []netip.AddrPort{g.addr()}, Name: "Test <&> gateway"})
	tr.discover = tr.findGateways
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tr.Run(ctx) }()
	return tr, func() time.Duration {
		begin := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		return time.Since(begin)
	}
}

// await waits until the findings are as wanted.
func await(t *testing.T, tr *Traversal, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !slices.Contains(texts(tr.Findings()), want) {
		select {
		case <-tr.Changed():
		case <-deadline:
			t.Fatalf("findings are %q, not %q; status: %s", texts(tr.Findings()), want, tr.Status())
		}
	}
}

func TestGatewayOnSockets(t *testing.T) {
	for _, service := range []string{
		"urn:schemas-upnp-org:service:WANIPConnection:1",
		"urn:schemas-upnp-org:service:WANIPConnection:2",
		"urn:schemas-upnp-org:service:WANPPPConnection:1",
	} {
		t.Run(service, func(t *testing.T) {
			g := newFakeIGD(t)
			g.service = service
			begin := time.Now()
			tr, stop := g.start(t)
			await(t, tr, mappedHere)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("mapped after %v; a library's fixed 2 s were to be avoided", took)
			}
			row, _ := g.row(6881)
			if row.to != addr("127.0.0.1:6881") || row.about != "Test <&> gateway" {
				t.Errorf("the table has %v %q", row.to, row.about)
			}
			if by := tr.Findings()[1].By; by != "gateway 127.0.0.1 (Fake router)" {
				t.Errorf("mapped by %q", by)
			}
			if took := stop(); took > removalTime || len(g.ports()) != 0 {
				t.Errorf("after %v the table has %v", took, g.ports())
			}
		})
	}
}

func TestGatewayRefusalsOnSockets(t *testing.T) {
	g := newFakeIGD(t)
	g.set(func() {
		g.refuse = func(action string, port uint16, lease uint32) int {
			switch {
			case action == "AddPortMapping" && port == 6881:
				return codeConflict
			case action == "AddPortMapping" && lease != 0:
				return codeOnlyPermanent
			}
			return 0
		}
	})
	tr := newTraversal(t, Config{Search: []netip.AddrPort{g.addr()}})
	tr.random = func(int) int { return 7 }
	gateways, err := tr.findGateways(t.Context())
	if err != nil || len(gateways) != 1 {
		t.Fatalf("findGateways = %v, %v", gateways, err)
	}
	m, err := tr.obtain(t.Context(), tr.portWish(), gateways[0])
	if err != nil || m.external != 20007 || m.lease != 0 {
		t.Fatalf("obtain = %+v, %v", m, err)
	}
	if owner, err := gateways[0].lookup(t.Context(), 20007); err != nil || owner != addr("127.0.0.1:6881") {
		t.Errorf("lookup = %v, %v", owner, err)
	}
	if _, err := gateways[0].lookup(t.Context(), 20008); codeOf(err) != codeNoSuchEntry {
		t.Errorf("lookup of nothing: %v", err)
	}
	m.withdraw(t.Context())
	if len(g.ports()) != 0 {
		t.Errorf("left: %v", g.ports())
	}
}

func TestExternalIPForms(t *testing.T) {
	g := newFakeIGD(t)
	igd, err := openIGD(t.Context(), g.device(t), "x")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"203.0.113.11": "203.0.113.11", "::ffff:203.0.113.11": "203.0.113.11",
		"": "invalid IP", "0.0.0.0": "invalid IP", "none": "invalid IP",
	} {
		g.set(func() { g.external = text })
		if got, err := igd.externalIP(t.Context()); err != nil || got.String() != want {
			t.Errorf("with %q externalIP = %v, %v", text, got, err)
		}
	}
}

func (g *fakeIGD) device(t *testing.T) device {
	t.Helper()
	u, err := url.Parse(g.location())
	if err != nil {
		t.Fatal(err)
	}
	return device{u, netip.MustParseAddrPort(u.Host)}
}

// silent never answers; it ends when the client has left, which the server sees once the body is read.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// drip sends a character now and then, for as long as anybody listens.
func drip(w http.ResponseWriter, r *http.Request, text string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := io.WriteString(w, text[i%len(text):i%len(text)+1]); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// endless sends bytes for as long as anybody listens.
func endless(w http.ResponseWriter, r *http.Request, text string) {
	_, _ = io.Copy(io.Discard, r.Body)
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, strings.Repeat(text, 1000)); err != nil {
			return
		}
	}
}

func TestHostileDescriptions(t *testing.T) {
	visited := make(chan string, 10)
	victim := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.URL.Path }))
	defer victim.Close()
	elsewhere := strings.Replace(victim.URL, "127.0.0.1", "localhost", 1)
	for name, spoil := range map[string]func(g *fakeIGD){
		"endless": func(g *fakeIGD) {
			g.describe = func(w http.ResponseWriter, r *http.Request) { endless(w, r, "<root><a>x</a>") }
		},
		"endlessly deep": func(g *fakeIGD) {
			g.describe = func(w http.ResponseWriter, r *http.Request) { endless(w, r, "<device>") }
		},
		"slow drip": func(g *fakeIGD) {
			g.describe = func(w http.ResponseWriter, r *http.Request) { drip(w, r, "<root><device><friendlyName>") }
		},
		"huge header": func(g *fakeIGD) {
			g.describe = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("y", 1<<20)) }
		},
		"redirect": func(g *fakeIGD) {
			g.describe = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere+"/redirected", http.StatusFound)
			}
		},
		"no XML": func(g *fakeIGD) {
			g.describe = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }
		},
		"nothing":    func(g *fakeIGD) { g.describe = func(http.ResponseWriter, *http.Request) {} },
		"not found":  func(g *fakeIGD) { g.describe = http.NotFound },
		"no service": func(g *fakeIGD) { g.service = "urn:schemas-upnp-org:service:Layer3Forwarding:1" },
		"bad URL":    func(g *fakeIGD) { g.control = "http://[::1" },
	} {
		t.Run(name, func(t *testing.T) {
			g := newFakeIGD(t)
			spoil(g)
			begin := time.Now()
			_, err := openIGD(t.Context(), g.device(t), "x")
			if err == nil {
				t.Fatal("a mapping would be asked there")
			}
			if len(mappingProblem(err)) > 400 || time.Since(begin) > httpTimeout+time.Second {
				t.Errorf("after %v: %v", time.Since(begin), err)
			}
		})
	}
	if len(visited) != 0 {
		t.Errorf("a third host was asked for %s", <-visited)
	}
}

func TestGatewayLeadsNowhereElse(t *testing.T) {
	visited := make(chan string, 10)
	victim := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.URL.Path }))
	defer victim.Close()
	elsewhere := strings.Replace(victim.URL, "127.0.0.1", "localhost", 1)
	g := newFakeIGD(t)
	g.control = elsewhere + "/control"
	igd, err := openIGD(t.Context(), g.device(t), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := igd.add(t.Context(), 1, 1, 1); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("add: %v", err)
	}
	if len(visited) != 0 {
		t.Errorf("a third host was asked for %s", <-visited)
	}
	// A base that names another host, such as the address that the gateway had once, is passed over.
	g.control, g.base = "/ctl/IPConn", "<URLBase>"+elsewhere+"</URLBase>"
	if igd, err = openIGD(t.Context(), g.device(t), "x"); err != nil {
		t.Fatal(err)
	}
	if err := igd.add(t.Context(), 6881, 6881, 60); err != nil {
		t.Errorf("add with a wrong base: %v", err)
	}
}

func TestHostileSOAPAnswers(t *testing.T) {
	const envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>`
	for name, answer := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, r *http.Request) { endless(w, r, envelope) },
		"endless in the body": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, envelope)
			endless(w, r, "<x>y</x>")
		},
		"silent":      silent,
		"empty":       func(http.ResponseWriter, *http.Request) {},
		"no XML":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "\x1b[2Jhello") },
		"long fault":  func(w http.ResponseWriter, _ *http.Request) { fault(w, 606, strings.Repeat("no ", 50000)) },
		"cut off":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, envelope) },
		"other error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newFakeIGD(t)
			igd, err := openIGD(t.Context(), g.device(t), "x")
			if err != nil {
				t.Fatal(err)
			}
			g.set(func() { g.soap = answer })
			begin := time.Now()
			_, ipErr := igd.externalIP(t.Context())
			_, lookupErr := igd.lookup(t.Context(), 1)
			for _, err := range []error{ipErr, lookupErr} {
				if err == nil && name != "cut off" || err != nil && (len(err.Error()) > 400 || strings.ContainsRune(err.Error(), '\x1b')) {
					t.Errorf("error is %v", err)
				}
			}
			if took := time.Since(begin); took > 2*httpTimeout+time.Second {
				t.Errorf("two questions took %v", took)
			}
		})
	}
}

func TestSilentGatewayDelaysEndBy2sAtMost(t *testing.T) {
	g := newFakeIGD(t)
	tr, stop := g.start(t)
	await(t, tr, mappedHere)
	g.set(func() { g.soap = silent })
	if took := stop(); took > removalTime+500*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
}
