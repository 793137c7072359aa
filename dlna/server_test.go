package dlna

import (
	"context"
	"encoding/xml"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
	"golang.org/x/net/ipv4"
)

func soapBody(service, action, args string) string {
	return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<u:` + action + ` xmlns:u="urn:schemas-upnp-org:service:` + service + `:1">` + args + `</u:` + action + `></s:Body></s:Envelope>`
}

const browseArgs = "<ObjectID>%s</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter>" +
	"<StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria>"

var firstRes = regexp.MustCompile(`<res [^>]*>([^<]*)</res>`)

// What a television set does, from the description to the first bytes of a channel and a
// film, by no other knowledge than what each answer tells.
func TestFromDescriptionToPicture(t *testing.T) {
	server := serve(t, newServer(t, newHousehold()))
	answer, body := do(t, http.MethodGet, server.URL+"/dlna/device.xml", "")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != `text/xml; charset="utf-8"` {
		t.Fatalf("%s %v", answer.Status, answer.Header)
	}
	var d upnp.DeviceDesc
	if err := xml.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Device.FriendlyName != "Swarmgate (test)" || d.Device.UDN != testUDN || d.Device.PresentationURL != "/" {
		t.Errorf("device %+v", d.Device)
	}
	for _, icon := range d.Device.IconList {
		if answer, _ := do(t, http.MethodGet, server.URL+icon.URL, ""); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", icon.URL, answer.Status)
		}
	}
	for _, s := range d.Device.ServiceList {
		if answer, body := do(t, http.MethodGet, server.URL+s.SCPDURL, ""); answer.StatusCode != http.StatusOK || !strings.Contains(body, "<scpd ") {
			t.Errorf("%s: %s", s.SCPDURL, answer.Status)
		}
	}
	directory := d.Device.ServiceList[0]
	for folder, want := range map[string]string{"0$channels": "GGGG", "0$films": "film"} {
		answer, body = do(t, http.MethodPost, server.URL+directory.ControlURL, soapBody("ContentDirectory", "Browse", fmt.Sprintf(browseArgs, folder)),
			`SOAPACTION: "`+directory.ServiceType+`#Browse"`)
		found := firstRes.FindStringSubmatch(html.UnescapeString(body))
		if answer.StatusCode != http.StatusOK || found == nil || !strings.HasPrefix(found[1], server.URL+"/") {
			t.Fatalf("%s: %s %s", folder, answer.Status, body)
		}
		if answer, body = do(t, http.MethodGet, found[1], "", "transferMode.dlna.org: Streaming"); body != want {
			t.Errorf("%s: %s %q, want %q", found[1], answer.Status, body, want)
		}
	}
	manager := d.Device.ServiceList[1]
	_, body = do(t, http.MethodPost, server.URL+manager.ControlURL, soapBody("ConnectionManager", "GetProtocolInfo", ""))
	if !strings.Contains(body, "http-get:*:video/mpeg:*,") {
		t.Errorf("GetProtocolInfo: %s", body)
	}
}

func TestHandlerRefuses(t *testing.T) {
	server := serve(t, newServer(t, newHousehold()))
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{http.MethodGet, "/dlna/", 404},
		{http.MethodGet, "/dlna/nothing", 404},
		{http.MethodPost, "/dlna/device.xml", 405},
		{http.MethodGet, "/dlna/ContentDirectory/control", 405},
		{http.MethodGet, "/dlna/ContentDirectory/event", 405},
		{http.MethodGet, "/dlna/debug/pprof/", 404},
		{http.MethodGet, "/dlna/media/", 404},
		{http.MethodHead, "/dlna/device.xml", 200},
	} {
		if answer, _ := do(t, c.method, server.URL+c.path, ""); answer.StatusCode != c.code {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, answer.Status, c.code)
		}
	}
}

// search asks for the device by multicast on loopback until it answers, and returns the
// answer.
func search(t *testing.T, udn string) string {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := ipv4.NewPacketConn(conn).SetMulticastInterface(lo); err != nil {
		t.Fatal(err)
	}
	group := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("239.255.255.250:1900"))
	b := make([]byte, 2048)
	for range 50 {
		_, err := fmt.Fprintf(writer{conn, group}, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n", udn)
		if err != nil {
			t.Fatalf("no multicast on loopback: %v", err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := conn.Read(b); err == nil {
			return string(b[:n])
		}
	}
	t.Fatal("no answer to a search")
	return ""
}

type writer struct {
	conn *net.UDPConn
	to   net.Addr
}

func (w writer) Write(b []byte) (int, error) { return w.conn.WriteTo(b, w.to) }

// running runs the server until the test ends.
func running(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestRunIsFoundOnLoopback(t *testing.T) {
	s := newServer(t, newHousehold())
	running(t, s)
	answer := search(t, testUDN)
	for _, want := range []string{
		"\r\nLOCATION: http://127.0.0.1:8088/dlna/device.xml\r\n", "\r\nST: " + testUDN + "\r\n", " UPnP/1.0 DLNADOC/1.50 Swarmgate/1.0\r\n",
		"\r\nCACHE-CONTROL: max-age=1800\r\n", "\r\nBOOTID.UPNP.ORG: ", "\r\nCONFIGID.UPNP.ORG: ",
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("%q missing in\n%s", want, answer)
		}
	}
	if st := s.Status(); s.Err() != nil || len(st) != 1 || st[0].Interface != "lo" || st[0].Address.String() != "127.0.0.1" {
		t.Errorf("status %+v, %v", st, s.Err())
	}
}

func TestMissingInterfaceIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(newHousehold())
		c.Interfaces = []string{"nosuch0"}
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		running(t, s)
		synctest.Wait()
		want := "no multicast on nosuch0: there is no such interface; TVs can't find this server there; "
		if err := s.Err(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v", err)
		}
	})
}

// A change of the catalog reaches those who subscribed, and those who ask.
func TestCatalogChangesAreTold(t *testing.T) {
	library := newHousehold()
	s := newServer(t, library)
	server := serve(t, s)
	running(t, s)
	events := make(chan string, 4)
	subscriber := serveEvents(t, events)
	answer, _ := do(t, "SUBSCRIBE", server.URL+"/dlna/ContentDirectory/event", "", "NT: upnp:event", "CALLBACK: <"+subscriber+">")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("SID") == "" {
		t.Fatalf("%s %v", answer.Status, answer.Header)
	}
	systemUpdateID := func() string {
		_, body := do(t, http.MethodPost, server.URL+"/dlna/ContentDirectory/control", soapBody("ContentDirectory", "GetSystemUpdateID", ""))
		_, id, _ := strings.Cut(body, "<Id>")
		id, _, _ = strings.Cut(id, "</Id>")
		return id
	}
	before := systemUpdateID()
	if e := <-events; !strings.Contains(e, "<SystemUpdateID>"+before+"</SystemUpdateID>") || !strings.Contains(e, "<TransferIDs></TransferIDs>") {
		t.Errorf("initial event %s, SystemUpdateID %s", e, before)
	}
	library.add(proxy.Item{ID: "c0ffee000002", Title: "Sport", Kind: ppsp.Live})
	after := systemUpdateIDOf(<-events)
	if after == "" || after == before || after != systemUpdateID() {
		t.Errorf("SystemUpdateID %s, before %s, asked %s", after, before, systemUpdateID())
	}
}

// What changed after New and before Run is told as well, though nothing ticks.
func TestChangeBeforeRunIsTold(t *testing.T) {
	library := newHousehold()
	s := newServer(t, library)
	library.changes++
	server := serve(t, s)
	running(t, s)
	events := make(chan string, 4)
	do(t, "SUBSCRIBE", server.URL+"/dlna/ContentDirectory/event", "", "NT: upnp:event", "CALLBACK: <"+serveEvents(t, events)+">")
	late := time.After(10 * time.Second)
	for want := s.directory.SystemUpdateID(); ; {
		select {
		case e := <-events:
			if systemUpdateIDOf(e) == want {
				return
			}
		case <-late:
			t.Fatalf("no event says SystemUpdateID %s", want)
		}
	}
}

func systemUpdateIDOf(event string) string {
	_, id, _ := strings.Cut(event, "<SystemUpdateID>")
	id, _, _ = strings.Cut(id, "<")
	return id
}

// ConnectionManager has events too, if only the initial one.
func TestConnectionManagerEvents(t *testing.T) {
	s := newServer(t, newHousehold())
	server := serve(t, s)
	running(t, s)
	events := make(chan string, 4)
	do(t, "SUBSCRIBE", server.URL+"/dlna/ConnectionManager/event", "", "NT: upnp:event", "CALLBACK: <"+serveEvents(t, events)+">")
	if e := <-events; !strings.Contains(e, "<SourceProtocolInfo>http-get:*:video/mp4:*") || !strings.Contains(e, "<CurrentConnectionIDs>0<") {
		t.Errorf("event %s", e)
	}
}
