package control

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/anacrolix/dms/soap"
	"github.com/anacrolix/dms/upnp"
)

const contentDirectory = "urn:schemas-upnp-org:service:ContentDirectory:1"

// The same question as control points put it, written after what they send.
var questions = map[string]string{
	"libupnp (VLC)": `<?xml version="1.0"?>` + "\n" +
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">` +
		`<s:Body><u:Browse xmlns:u="` + contentDirectory + `"><ObjectID>0</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag>` +
		`<Filter>*</Filter><StartingIndex>0</StartingIndex><RequestedCount>5000</RequestedCount><SortCriteria></SortCriteria>` +
		`</u:Browse></s:Body></s:Envelope>`,
	"Samsung": `<?xml version="1.0" encoding="utf-8"?><s:Envelope s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" ` +
		`xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:Browse xmlns:u="` + contentDirectory + `">` +
		`<ObjectID>0</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter><StartingIndex>0</StartingIndex>` +
		`<RequestedCount>5000</RequestedCount><SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>`,
	"other prefixes": `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="` + contentDirectory + `">` +
		`<SOAP-ENV:Header><x><y/></x></SOAP-ENV:Header><SOAP-ENV:Body><m:Browse>` +
		`<ObjectID xmlns:dt="urn:schemas-microsoft-com:datatypes" dt:dt="string">0</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag>` +
		`<Filter>*</Filter><StartingIndex>0</StartingIndex><RequestedCount>5000</RequestedCount><SortCriteria/></m:Browse></SOAP-ENV:Body></SOAP-ENV:Envelope>`,
	"indented, other encoding's name": `<?xml version="1.0" encoding="utf8"?>
		<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
		 <s:Body>
		  <u:Browse xmlns:u="` + contentDirectory + `">
		   <!-- a comment -->
		   <ObjectID>0</ObjectID>
		   <BrowseFlag>BrowseDirectChildren</BrowseFlag>
		   <Filter><![CDATA[*]]></Filter>
		   <StartingIndex>0</StartingIndex>
		   <RequestedCount>5000</RequestedCount>
		   <SortCriteria></SortCriteria>
		  </u:Browse>
		 </s:Body>
		</s:Envelope>`,
}

func TestParseEnvelope(t *testing.T) {
	for name, body := range questions {
		action, err := parseEnvelope([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got strings.Builder
		fmt.Fprintf(&got, "%s#%s", action.XMLName.Space, action.XMLName.Local)
		for _, a := range action.Args {
			fmt.Fprintf(&got, " %s=%s", a.XMLName.Local, a.Value)
		}
		want := contentDirectory + "#Browse ObjectID=0 BrowseFlag=BrowseDirectChildren Filter=* StartingIndex=0 RequestedCount=5000 SortCriteria="
		if got.String() != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got.String(), want)
		}
	}
}

func TestParseEnvelopeUnescapes(t *testing.T) {
	action, err := parseEnvelope([]byte(`<E:Envelope xmlns:E="e"><E:Body><A><ObjectID>&lt;a&gt; &amp; &quot;b&quot; &#x1F4FA;</ObjectID></A></E:Body></E:Envelope>`))
	if err != nil || len(action.Args) != 1 || action.Args[0].Value != `<a> & "b" 📺` {
		t.Errorf("got %+v, %v", action, err)
	}
}

func TestParseEnvelopeRefuses(t *testing.T) {
	wrap := func(s string) string { return `<s:Envelope xmlns:s="e"><s:Body>` + s + `</s:Body></s:Envelope>` }
	for name, body := range map[string]string{
		"nothing":             "",
		"no XML":              "ObjectID=0",
		"no envelope":         "<Body><Browse/></Body>",
		"no body":             "<Envelope><Header/></Envelope>",
		"no action":           wrap(""),
		"cut off":             wrap("<u:Browse><ObjectID>0</ObjectID>")[:60],
		"element as value":    wrap("<Browse><ObjectID><b>0</b></ObjectID></Browse>"),
		"entity of its own":   `<!DOCTYPE x [<!ENTITY a "aaaa">]>` + wrap("<Browse><ObjectID>&a;</ObjectID></Browse>"),
		"too many arguments":  wrap("<Browse>" + strings.Repeat("<A/>", maxArguments+1) + "</Browse>"),
		"tags that don't fit": wrap("<Browse><ObjectID>0</Filter></Browse>"),
	} {
		if action, err := parseEnvelope([]byte(body)); err == nil {
			t.Errorf("%s: got %+v", name, action)
		}
	}
}

func TestAppendResponse(t *testing.T) {
	got := string(appendResponse(nil, contentDirectory, "Browse", []soap.Arg{
		{XMLName: xml.Name{Local: "Result"}, Value: `<DIDL-Lite a="b">Tom &amp; "Jerry"</DIDL-Lite>`},
		{XMLName: xml.Name{Local: "NumberReturned"}, Value: "1"},
	}))
	want := `<?xml version="1.0" encoding="utf-8"?>` + "\r\n" +
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>` +
		`<u:BrowseResponse xmlns:u="urn:schemas-upnp-org:service:ContentDirectory:1">` +
		`<Result>&lt;DIDL-Lite a="b"&gt;Tom &amp;amp; "Jerry"&lt;/DIDL-Lite&gt;</Result><NumberReturned>1</NumberReturned>` +
		`</u:BrowseResponse></s:Body></s:Envelope>` + "\r\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAppendFault(t *testing.T) {
	got := string(appendFault(nil, upnp.Errorf(701, "No such <object>")))
	want := `<?xml version="1.0" encoding="utf-8"?>` + "\r\n" +
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>` +
		`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>` +
		`<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>701</errorCode><errorDescription>No such &lt;object&gt;</errorDescription></UPnPError>` +
		`</detail></s:Fault></s:Body></s:Envelope>` + "\r\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What was parsed, written as an answer and parsed again is the same.
func FuzzEnvelope(f *testing.F) {
	for _, body := range questions {
		f.Add([]byte(body))
	}
	f.Add([]byte("<Envelope><Body><A><B>\r\n&#9;</B></A></Body>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		action, err := parseEnvelope(body)
		if err != nil {
			return
		}
		if len(action.Args) > maxArguments {
			t.Fatalf("%d arguments", len(action.Args))
		}
		for i := range action.Args {
			action.Args[i].XMLName.Local = fmt.Sprintf("arg%d", i) // names come from the description
		}
		again, err := parseEnvelope(appendResponse(nil, contentDirectory, "Echo", action.Args))
		if err != nil || again.XMLName.Local != "EchoResponse" || again.XMLName.Space != contentDirectory || len(again.Args) != len(action.Args) {
			t.Fatalf("%+v became %+v, %v", action, again, err)
		}
		for i, a := range again.Args {
			if a.Value != action.Args[i].Value {
				t.Fatalf("%q became %q", action.Args[i].Value, a.Value)
			}
		}
	})
}
