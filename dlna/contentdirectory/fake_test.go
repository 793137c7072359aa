package contentdirectory

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// catalog is a Library in memory.
type catalog struct {
	items   []proxy.Item
	changes uint32
	at      map[string]time.Duration // positions that were set
	err     error                    // of SetPosition
}

func (c *catalog) SetPosition(id string, position time.Duration) error {
	if item, ok := c.Item(id); c.err != nil || !ok || item.Kind == ppsp.Live {
		return cmp.Or(c.err, proxy.ErrNotFound)
	}
	c.at[id] = position
	return nil
}

func (c *catalog) Items() []proxy.Item { return c.items }
func (c *catalog) Changes() uint32     { return c.changes }

func (c *catalog) Item(id string) (proxy.Item, bool) {
	for _, i := range c.items {
		if i.ID == id {
			return i, true
		}
	}
	return proxy.Item{}, false
}

func household() *catalog {
	return &catalog{changes: 7, at: map[string]time.Duration{}, items: []proxy.Item{
		{ID: "a1", Title: `News & "More"`, Group: "News", Logo: "https://logos.example/n.png", Kind: ppsp.Live, MediaType: "video/mp2t", Rate: 464000},
		{ID: "f1", Title: "First light", Kind: ppsp.Film, MediaType: "video/mp4", Length: 353455, Duration: 24 * time.Second},
		{ID: "a2", Title: "Äther 📺", Logo: "/logo/a2.png", Kind: ppsp.Live, MediaType: "video/mp2t"},
		{ID: "f2", Kind: ppsp.Film, MediaType: "video/x-matroska; x=y"},
	}}
}

// many returns a catalog of n channels.
func many(n int) *catalog {
	c := &catalog{}
	for i := range n {
		c.items = append(c.items, proxy.Item{
			ID: fmt.Sprintf("%012x", i), Title: fmt.Sprintf("Channel %d", i), Kind: ppsp.Live, Rate: 4_000_000,
			Group: fmt.Sprintf("Group %d", i%20), Logo: "https://logos.example/logo.png", MediaType: "video/mp2t",
		})
	}
	return c
}

// directory makes the service as the server mounts it.
func directory(l Library) http.Handler {
	return serviceOf(&Directory{Library: l, Name: "Swarmgate (test)", Epoch: 1000})
}

func serviceOf(d *Directory) http.Handler {
	return &control.Server{Service: Description(), Actions: d.Actions(), State: d.State, Logger: zerolog.Nop()}
}

// browseArgs are the arguments of a Browse, as a control point sends them.
type browseArgs struct {
	id, flag, filter, start, count, sort string
}

func (b browseArgs) xml() string {
	return fmt.Sprintf("<ObjectID>%s</ObjectID><BrowseFlag>%s</BrowseFlag><Filter>%s</Filter>"+
		"<StartingIndex>%s</StartingIndex><RequestedCount>%s</RequestedCount><SortCriteria>%s</SortCriteria>",
		b.id, b.flag, b.filter, b.start, b.count, b.sort)
}

// call sends an action and returns the arguments of the answer, or the code of the error
// under "errorCode".
func call(t testing.TB, h http.Handler, action, args string) map[string]string {
	t.Helper()
	return callAs(t, h, "", action, args)
}

// callAs is call by a device that names itself so.
func callAs(t testing.TB, h http.Handler, agent, action, args string) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	r := request(action, args)
	r.RemoteAddr = "127.0.0.1:1" // devices are remembered by address, but for this one
	r.Header.Set("User-Agent", agent)
	h.ServeHTTP(w, r)
	d := xml.NewDecoder(w.Body)
	values := make(map[string]string)
	name := ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			return values
		}
		if err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
			values[name] = ""
		case xml.CharData:
			values[name] += string(token)
		case xml.EndElement:
			name = ""
		}
	}
}

func request(action, args string) *http.Request {
	body := `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<u:` + action + ` xmlns:u="urn:schemas-upnp-org:service:ContentDirectory:1">` + args + `</u:` + action + `></s:Body></s:Envelope>`
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "http://192.168.1.2:8088/dlna/ContentDirectory/control", strings.NewReader(body))
	r.Header.Set("SOAPACTION", `"urn:schemas-upnp-org:service:ContentDirectory:1#`+action+`"`)
	return r
}

func browse(t testing.TB, l Library, b browseArgs) map[string]string {
	t.Helper()
	return call(t, directory(l), "Browse", b.xml())
}

// inside returns what stands between the brackets of DIDL-Lite.
func inside(t testing.TB, result string) string {
	t.Helper()
	if !strings.HasPrefix(result, "<DIDL-Lite ") || !strings.HasSuffix(result, "</DIDL-Lite>") {
		t.Fatalf("no DIDL-Lite: %s", result)
	}
	_, rest, _ := strings.Cut(strings.TrimSuffix(result, "</DIDL-Lite>"), ">")
	return rest
}

// titles returns the titles of a result, with commas between them.
func titles(result string) string {
	var list []string
	for part := range strings.SplitSeq(result, "<dc:title>") {
		if title, _, ok := strings.Cut(part, "</dc:title>"); ok {
			list = append(list, title)
		}
	}
	return strings.Join(list, ",")
}
