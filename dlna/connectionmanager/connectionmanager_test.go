package connectionmanager

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/control"
)

var protocols = []string{"http-get:*:video/mpeg:*", "http-get:*:video/mp4:*"}

func ask(t *testing.T, action, args string) string {
	t.Helper()
	s := &control.Server{Service: Description(), Actions: Actions(func(*http.Request) []string { return protocols }), Logger: zerolog.Nop()}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	body := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<u:` + action + ` xmlns:u="urn:schemas-upnp-org:service:ConnectionManager:1">` + args + `</u:` + action + `></s:Body></s:Envelope>`
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	return w.Body.String()
}

func TestActions(t *testing.T) {
	for _, c := range []struct{ action, args, want string }{
		{"GetProtocolInfo", "", "<Source>http-get:*:video/mpeg:*,http-get:*:video/mp4:*</Source><Sink></Sink></u:GetProtocolInfoResponse>"},
		{"GetCurrentConnectionIDs", "", "<ConnectionIDs>0</ConnectionIDs>"},
		{
			"GetCurrentConnectionInfo", "<ConnectionID>0</ConnectionID>",
			"<RcsID>-1</RcsID><AVTransportID>-1</AVTransportID><ProtocolInfo></ProtocolInfo><PeerConnectionManager></PeerConnectionManager>" +
				"<PeerConnectionID>-1</PeerConnectionID><Direction>Output</Direction><Status>OK</Status>",
		},
		// ConnectionManager:1, 2.4.5.4.
		{"GetCurrentConnectionInfo", "<ConnectionID>1</ConnectionID>", "<errorCode>706</errorCode>"},
		{"GetCurrentConnectionInfo", "<ConnectionID></ConnectionID>", "<errorCode>706</errorCode>"},
		{"GetCurrentConnectionInfo", "", "<errorCode>402</errorCode>"},
		{"PrepareForConnection", "", "<errorCode>401</errorCode>"},
	} {
		if got := ask(t, c.action, c.args); !strings.Contains(got, c.want) {
			t.Errorf("%s %s:\n%s\nwant %s", c.action, c.args, got, c.want)
		}
	}
}

func TestEventedVariablesAreThoseOfTheDescription(t *testing.T) {
	var names []string
	for _, v := range Variables(protocols) {
		names = append(names, v[0])
	}
	if got, want := strings.Join(names, " "), strings.Join(Description().Evented(), " "); got != want {
		t.Errorf("events %s, description %s", got, want)
	}
	variables := make(map[string]bool)
	for _, v := range Description().Variables {
		variables[v.Name] = true
	}
	for _, a := range Description().Actions {
		for _, arg := range append(a.In, a.Out...) {
			if !variables[arg.Variable] {
				t.Errorf("%s of %s has no state variable %s", arg.Name, a.Name, arg.Variable)
			}
		}
	}
}
