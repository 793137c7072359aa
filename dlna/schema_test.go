package dlna

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anacrolix/dms/upnp"
)

// validate has documents checked against a schema of testdata/xsd, and returns what is wrong.
func validate(t *testing.T, schema string, documents map[string]string) string {
	t.Helper()
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Fatalf("%v; install libxml2-utils", err)
	}
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", filepath.Join("testdata", "xsd", schema)}
	for name, document := range documents {
		file := filepath.Join(dir, strings.NewReplacer("/", "_", " ", "_").Replace(name)+".xml")
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := exec.CommandContext(ctx, "xmllint", args...).CombinedOutput()
	if err != nil {
		return string(out)
	}
	return ""
}

// result returns the DIDL-Lite of an answer, and how many objects it says that it has.
func result(t *testing.T, answer string) (didl, returned string) {
	t.Helper()
	var envelope struct {
		Result   string `xml:"Body>BrowseResponse>Result"`
		Returned string `xml:"Body>BrowseResponse>NumberReturned"`
		Found    string `xml:"Body>SearchResponse>Result"`
		Number   string `xml:"Body>SearchResponse>NumberReturned"`
	}
	if err := xml.Unmarshal([]byte(answer), &envelope); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return envelope.Result + envelope.Found, envelope.Returned + envelope.Number
}

// livingServer is a server of a livingRoom, with a guide.
func livingServer(t *testing.T) (*Server, *httptest.Server) {
	t.Helper()
	c := testConfig(livingRoom())
	c.Guide = onAir{}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, serve(t, s)
}

// Every description, answer, result and event, to every kind of device, is as the schemas have it that
// were written after the standards.
func TestDocumentsFitTheirSchemas(t *testing.T) {
	s, server := livingServer(t)
	running(t, s)
	descriptions, scpds, envelopes, results, events := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	var device upnp.DeviceDesc
	for agent, header := range agents {
		_, descriptions[agent] = do(t, http.MethodGet, server.URL+"/dlna/device.xml", "", header)
		if err := xml.Unmarshal([]byte(descriptions[agent]), &device); err != nil {
			t.Fatal(err)
		}
		browseAll(t, server.URL, agent, header, envelopes, results)
	}
	received := make(chan string, 16)
	callback := serveEvents(t, received)
	for _, service := range device.Device.ServiceList {
		_, scpds[service.ServiceId] = do(t, http.MethodGet, server.URL+service.SCPDURL, "")
		do(t, "SUBSCRIBE", server.URL+service.EventSubURL, "", "NT: upnp:event", "CALLBACK: <"+callback+">")
		events[service.ServiceId] = <-received
	}
	if len(scpds) != 3 || len(results) < 100 {
		t.Errorf("%d services and %d results were looked at", len(scpds), len(results))
	}
	_, envelopes["fault"] = do(t, http.MethodPost, server.URL+"/dlna/ContentDirectory/control", soapBody("ContentDirectory", "Nothing", ""))
	for schema, documents := range map[string]map[string]string{
		"device.xsd": descriptions, "scpd.xsd": scpds, "soap.xsd": envelopes, "didl-lite.xsd": results, "event.xsd": events,
	} {
		if wrong := validate(t, schema, documents); wrong != "" {
			t.Errorf("%s: %.3000s", schema, wrong)
		}
	}
}

// browseAll walks through the tree as a device, and searches it.
func browseAll(t *testing.T, url, agent, header string, envelopes, results map[string]string) {
	t.Helper()
	for queue := []string{"0"}; len(queue) > 0; queue = queue[1:] {
		id := queue[0]
		for _, flag := range []string{"BrowseDirectChildren", "BrowseMetadata"} {
			args := "<ObjectID>" + id + "</ObjectID><BrowseFlag>" + flag + "</BrowseFlag><Filter>*</Filter><StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria>"
			_, answer := do(t, http.MethodPost, url+"/dlna/ContentDirectory/control", soapBody("ContentDirectory", "Browse", args), header)
			key := agent + " " + id + " " + flag
			envelopes[key] = answer
			didl, returned := result(t, answer)
			results[key] = didl
			var children struct {
				Containers []struct {
					ID string `xml:"id,attr"`
				} `xml:"container"`
				Items []struct{} `xml:"item"`
			}
			if err := xml.Unmarshal([]byte(didl), &children); err != nil {
				t.Fatalf("%s: %v in %s", key, err, answer)
			}
			if returned != fmt.Sprint(len(children.Containers)+len(children.Items)) {
				t.Errorf("%s: NumberReturned %s is wrong", key, returned)
			}
			for _, c := range children.Containers {
				if !slices.Contains(queue, c.ID) && c.ID != id {
					queue = append(queue, c.ID)
				}
			}
		}
	}
	_, answer := do(t, http.MethodPost, url+"/dlna/ContentDirectory/control", soapBody("ContentDirectory", "Search",
		"<ContainerID>0</ContainerID><SearchCriteria>*</SearchCriteria><Filter>dc:title,res@pv:subtitleFileUri</Filter><StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria>"), header)
	envelopes[agent+" Search"] = answer
	results[agent+" Search"], _ = result(t, answer)
}

// The schemas find what the standards forbid.
func TestSchemasCanFail(t *testing.T) {
	_, server := livingServer(t)
	_, device := do(t, http.MethodGet, server.URL+"/dlna/device.xml", "")
	_, scpd := do(t, http.MethodGet, server.URL+"/dlna/ContentDirectory/scpd.xml", "")
	_, answer := do(t, http.MethodPost, server.URL+"/dlna/ContentDirectory/control", soapBody("ContentDirectory", "Browse", fmt.Sprintf(browseArgs, "0$films")))
	didl, _ := result(t, answer)
	for _, c := range []struct{ name, schema, document, old, broken string }{
		{"a class left out", "didl-lite.xsd", didl, "<upnp:class>object.item.videoItem.movie</upnp:class>", ""},
		{
			"a title behind others", "didl-lite.xsd", didl, "<dc:title>Matroska</dc:title><upnp:class>object.item.videoItem.movie</upnp:class>",
			"<upnp:class>object.item.videoItem.movie</upnp:class><dc:title>Matroska</dc:title>",
		},
		{"a date of no day", "didl-lite.xsd", didl, "<dc:title>AVI</dc:title>", "<dc:title>AVI</dc:title><dc:date>0001-01-00</dc:date>"},
		{"no protocolInfo", "didl-lite.xsd", didl, "protocolInfo=", "bitrate="},
		{"flags too short", "didl-lite.xsd", didl, "FLAGS=01700000000000000000000000000000", "FLAGS=01700000"},
		{"an ID twice", "didl-lite.xsd", didl, `id="f000000000000000000c"`, `id="f000000000000000000d"`},
		{"an empty ID", "didl-lite.xsd", didl, `id="f000000000000000000c"`, `id=""`},
		{"a folder without childCount", "didl-lite.xsd", didl, "childCount=", "searchablE="},
		{"an undescribed variable", "scpd.xsd", scpd, "<relatedStateVariable>A_ARG_TYPE_Filter<", "<relatedStateVariable>A_ARG_TYPE_Fil<"},
		{"an action twice", "scpd.xsd", scpd, "<name>GetSystemUpdateID</name>", "<name>Browse</name>"},
		{"no direction", "scpd.xsd", scpd, "<direction>in</direction>", ""},
		{"no UDN", "device.xsd", device, "<UDN>" + testUDN + "</UDN>", ""},
		{"an empty name", "device.xsd", device, "Swarmgate (test)", ""},
		{"two results in a body", "soap.xsd", answer, "</s:Body>", "<u:x xmlns:u='y'/></s:Body>"},
	} {
		broken := strings.Replace(c.document, c.old, c.broken, 1)
		if broken == c.document {
			t.Errorf("%s: nothing to break in %s", c.name, c.document)
		} else if validate(t, c.schema, map[string]string{"broken": broken}) == "" {
			t.Errorf("%s passes", c.name)
		}
	}
}
