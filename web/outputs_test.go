package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/web/hdhomerun"
)

// fakeGuide has two broadcasts of one channel.
type fakeGuide struct{}

func (fakeGuide) list(now time.Time) []proxy.Programme {
	start := now.Truncate(time.Hour)
	return []proxy.Programme{
		{Title: "News <& more>", Description: "What \x01 happened", Start: start, End: start.Add(time.Hour)},
		{Title: "Talk", Start: start.Add(time.Hour), End: start.Add(2 * time.Hour)},
	}
}

func (g fakeGuide) OnAir(id string, at time.Time) (now, next proxy.Programme) {
	if id != "news" {
		return now, next
	}
	list := g.list(at)
	return list[0], list[1]
}

func (g fakeGuide) Programmes(id string, from, _ time.Time) []proxy.Programme {
	if id != "news" {
		return nil
	}
	return g.list(from.Add(time.Hour))
}

// outputs asks a gateway that has a guide and a tuner.
func outputs(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	g := newFakeGateway()
	g.items[0].Logo = "https://logos.example/a.png?x&y"
	g.items[0].Codecs = proxy.Codecs{Video: "MPEG-2", Audio: "AC-3"}
	g.items[1].Group = "Drama & more"
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = home, "192.168.1.5:8088"
	w := httptest.NewRecorder()
	New(Config{Gateway: g, Name: "Home <1>", Guide: fakeGuide{}, Tuner: Tuner{ID: hdhomerun.DeviceID(1), Count: 3}}).Handler().ServeHTTP(w, r)
	return w
}

// tree reads XML to its end and returns the texts of one kind of element.
func tree(t *testing.T, r io.Reader, element string) (texts []string) {
	t.Helper()
	for d := xml.NewDecoder(r); ; {
		token, err := d.Token()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == element {
			var text string
			if err := d.DecodeElement(&text, &start); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
	}
}

func TestXMLTV(t *testing.T) {
	plain := outputs(t, http.MethodGet, "/xmltv.xml")
	body := plain.Body.String()
	for _, want := range []string{
		`<channel id="news"><display-name>News, all day</display-name><icon src="https://logos.example/a.png?x&amp;y"/></channel>`,
		`channel="news"><title>News &lt;&amp; more&gt;</title><desc>What ` + "\ufffd" + ` happened</desc></programme>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s\nlacks %s", body, want)
		}
	}
	if titles := tree(t, plain.Body, "title"); len(titles) != 2 || titles[1] != "Talk" {
		t.Errorf("titles %q", titles)
	}
	packed := outputs(t, http.MethodGet, "/xmltv.xml.gz")
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || len(got) != len(body) {
		t.Errorf("%d bytes compressed, %d plain, %v", len(got), len(body), err)
	}
	if w := outputs(t, http.MethodHead, "/xmltv.xml"); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: status %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := ask(t, newFakeGateway(), http.MethodGet, "/xmltv.xml", ""); len(tree(t, w.Body, "display-name")) != 1 {
		t.Error("without a guide the channels are not listed")
	}
}

func TestNowAndNext(t *testing.T) {
	var c channel
	if err := json.Unmarshal(outputs(t, http.MethodGet, "/api/v1/channels/news").Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if c.Now == nil || c.Next == nil || c.Now.Title != "News <& more>" || c.Next.Title != "Talk" || !c.Now.End.Equal(c.Next.Start) {
		t.Errorf("%+v, %+v", c.Now, c.Next)
	}
	if w := outputs(t, http.MethodGet, "/api/v1/channels/short"); strings.Contains(w.Body.String(), `"now"`) {
		t.Error(w.Body)
	}
	var guide map[string][]programme
	w := outputs(t, http.MethodGet, "/api/v1/guide?hours=3")
	if err := json.Unmarshal(w.Body.Bytes(), &guide); err != nil || len(guide) != 1 || len(guide["news"]) != 2 {
		t.Errorf("%v, %s", err, w.Body)
	}
	for path, status := range map[string]int{
		"/api/v1/guide": 200, "/api/v1/guide?channel=news": 200, "/api/v1/guide?channel=none": 404, "/api/v1/guide?hours=0": 400, "/api/v1/guide?hours=x": 400, "/api/v1/guide?hours=999": 400,
	} {
		if w := outputs(t, http.MethodGet, path); w.Code != status {
			t.Errorf("%s: status %d, want %d", path, w.Code, status)
		}
	}
	if w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/guide", ""); w.Body.String() != "{\"news\":[]}\n" {
		t.Errorf("without a guide: %s", w.Body)
	}
}

// What Plex, Jellyfin and Channels ask of a tuner.
func TestTuner(t *testing.T) {
	var device struct {
		DeviceID, BaseURL, LineupURL, FriendlyName string
		TunerCount                                 int
	}
	if err := json.Unmarshal(outputs(t, http.MethodGet, "/discover.json").Body.Bytes(), &device); err != nil {
		t.Fatal(err)
	}
	if len(device.DeviceID) != 8 || device.BaseURL != "http://192.168.1.5:8088" || device.LineupURL != device.BaseURL+"/lineup.json" || device.TunerCount != 3 || device.FriendlyName != "Home <1>" {
		t.Errorf("%+v", device)
	}
	w := outputs(t, http.MethodGet, "/lineup.json")
	if want := `[{"GuideNumber":"1","GuideName":"News, all day","VideoCodec":"MPEG2","AudioCodec":"AC3","URL":"http://192.168.1.5:8088/live/news.ts"}]` + "\n"; w.Body.String() != want {
		t.Errorf("got %s want %s", w.Body, want)
	}
	if w := outputs(t, http.MethodGet, "/lineup_status.json"); !strings.Contains(w.Body.String(), `"ScanInProgress":0`) {
		t.Error(w.Body)
	}
	if w := outputs(t, http.MethodPost, "/lineup.post?scan=start"); w.Code != http.StatusOK {
		t.Errorf("a scan: status %d", w.Code)
	}
	w = outputs(t, http.MethodGet, "/device.xml")
	body := bytes.Clone(w.Body.Bytes())
	if names := tree(t, bytes.NewReader(body), "friendlyName"); len(names) != 1 || names[0] != "Home <1>" {
		t.Errorf("%q in %s", names, body)
	}
	if id := tree(t, bytes.NewReader(body), "serialNumber"); len(id) != 1 || id[0] != device.DeviceID {
		t.Errorf("%q, and %q elsewhere", id, device.DeviceID)
	}
}

func TestChannelsByNumber(t *testing.T) {
	g := newFakeGateway()
	g.openLive = sends(strings.NewReader("GGGG"))
	if w := ask(t, g, http.MethodGet, "/ch/1", ""); w.Code != http.StatusOK || w.Body.String() != "GGGG" {
		t.Errorf("status %d, %q", w.Code, w.Body)
	}
	for _, path := range []string{"/ch/0", "/ch/2", "/ch/-1", "/ch/x", "/ch/99999999999999999999"} {
		if w := ask(t, g, http.MethodGet, path, ""); w.Code != http.StatusNotFound || !strings.Contains(sentence(t, w), "from 1 to 1") {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

func TestFeedsOfFilms(t *testing.T) {
	w := outputs(t, http.MethodGet, "/films.rss")
	body := w.Body.String()
	if !strings.Contains(body, `<enclosure url="http://192.168.1.5:8088/film/short" length="100000" type="video/mp4"/>`) {
		t.Error(body)
	}
	if c := tree(t, strings.NewReader(body), "category"); len(c) != 1 || c[0] != "Drama & more" {
		t.Errorf("%q", c)
	}
	var feed struct {
		Version string
		Items   []struct {
			ID, URL, Title string
			Tags           []string
			Attachments    []struct {
				URL      string
				MimeType string  `json:"mime_type"`
				Size     int64   `json:"size_in_bytes"`
				Duration float64 `json:"duration_in_seconds"`
			}
		}
	}
	w = outputs(t, http.MethodGet, "/films.json")
	if err := json.Unmarshal(w.Body.Bytes(), &feed); err != nil || len(feed.Items) != 1 || len(feed.Items[0].Attachments) != 1 || feed.Version != "https://jsonfeed.org/version/1.1" {
		t.Fatalf("%v, %s", err, w.Body)
	}
	if a := feed.Items[0].Attachments[0]; a.URL != "http://192.168.1.5:8088/film/short" || a.MimeType != "video/mp4" || a.Size != 100_000 || a.Duration != 12.4 {
		t.Errorf("%+v", a)
	}
	if w := ask(t, &fakeGateway{}, http.MethodGet, "/films.json", ""); !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Error(w.Body)
	}
}
