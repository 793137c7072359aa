package registrar

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/control"
)

func ask(t *testing.T, action, args string) (int, string) {
	t.Helper()
	s := &control.Server{Service: Description(), Actions: Actions(), Logger: zerolog.Nop()}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:`+
		action+` xmlns:u="urn:microsoft.com:service:X_MS_MediaReceiverRegistrar:1">`+args+`</u:`+action+`></s:Body></s:Envelope>`))
	r.Header.Set("SOAPACTION", `"urn:microsoft.com:service:X_MS_MediaReceiverRegistrar:1#`+action+`"`)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		action, args string
		code         int
		want         string
	}{
		{"IsAuthorized", "<DeviceID>uuid:1</DeviceID>", 200, "<Result>1</Result></u:IsAuthorizedResponse>"},
		{"IsAuthorized", "<DeviceID></DeviceID>", 200, "<Result>1</Result>"}, // the Xbox 360
		{"IsValidated", "", 200, "<Result>1</Result></u:IsValidatedResponse>"},
		{"RegisterDevice", "<RegistrationReqMsg>AAAA</RegistrationReqMsg>", 200, "<RegistrationRespMsg></RegistrationRespMsg>"},
		{"RegisterDevice", "", 500, "<errorCode>402</errorCode>"},
		{"RegisterDevice", "<RegistrationReqMsg>" + strings.Repeat("A", maxRequest+1) + "</RegistrationReqMsg>", 500, "<errorCode>402</errorCode>"},
		{"Unregister", "", 500, "<errorCode>401</errorCode>"},
	} {
		if code, body := ask(t, c.action, c.args); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %.60s: %d %s, want %d with %s", c.action, c.args, code, body, c.code, c.want)
		}
	}
}

func TestVariables(t *testing.T) {
	if v := Variables(); len(v) != 4 || v[0] != [2]string{"AuthorizationGrantedUpdateID", "1"} {
		t.Errorf("%v", v)
	}
}
