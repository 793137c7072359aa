package tracker

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema returns the JSON Schema of RFC 7846, 3.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc7846.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rfc7846", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rfc7846")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, message []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(message))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// validated passes requests and answers on and holds both to the schema.
type validated struct {
	t      *testing.T
	schema *jsonschema.Schema
	next   http.Handler
	seen   *int
}

func (v validated) RoundTrip(r *http.Request) (*http.Response, error) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	if err := validate(v.schema, body.Bytes()); err != nil {
		v.t.Errorf("request %s: %v", body.Bytes(), err)
	}
	request := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body.Bytes()))
	request.Header = r.Header
	w := httptest.NewRecorder()
	v.next.ServeHTTP(w, request)
	if err := validate(v.schema, w.Body.Bytes()); err != nil {
		v.t.Errorf("answer %s: %v", w.Body, err)
	}
	*v.seen++
	return w.Result(), nil
}

// All that client and server say to each other is valid by the schema of RFC 7846, 3.
func TestWhatIsEncodedIsValid(t *testing.T) {
	seen := 0
	s := NewServer(ServerConfig{Registry: NewMemory(MemoryConfig{MaxPeers: 4})})
	v := validated{t, schema(t), s, &seen}
	var clients []*Client
	for i := range 6 { // the last two find the registry full
		id := [16]byte{byte(i)}
		c := NewClient(ClientConfig{URL: "http://tracker/", PeerID: id, HTTP: &http.Client{Transport: v}})
		clients = append(clients, c)
		addresses := []Address{
			ppspp(wired(address("192.0.2.1:7574", Host, 3), "64496")), wireless(address("[2001:db8::7]:7574", Reflexive, -2), ""), {},
		}
		mode := []Mode{Seeder, Leech}[i%2]
		_, err := c.Connect(t.Context(), []SwarmAction{Join(swarmA, mode), Leave(swarmB)}, addresses[:i%4], &PeerNum{PeerCount: 5})
		if (err != nil) != (i >= 4) {
			t.Errorf("peer %d: %v", i, err)
		}
	}
	c := clients[1]
	for name, f := range map[string]func() error{
		"FIND":       func() error { _, err := c.Find(t.Context(), swarmA, nil); return err },
		"about self": func() error { _, err := c.Find(t.Context(), swarmA, examplePeerNum()); return err },
		"report": func() error {
			_, err := c.StatReport(t.Context(), StreamStats{SwarmID: swarmA.String(), Power: "mains", ChunksHeld: "0-7"})
			return err
		},
		"keep-alive": func() error { _, err := c.StatReport(t.Context()); return err },
		"a stranger's report": func() error {
			if _, err := clients[5].StatReport(t.Context()); !Forgotten(err) {
				t.Errorf("a stranger's report: %v", err)
			}
			return nil
		},
		"leave": func() error { return clients[0].Leave(t.Context(), swarmA) },
	} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if seen < 12 {
		t.Errorf("only %d messages were seen", seen)
	}
}

// The schema finds what is wrong, and so it finds that the examples of the RFC disagree with it.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	good := `{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"1","swarm_result":[{"swarm_id":"1","result":0}]}}`
	if err := validate(s, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"version":1`, `"version":2`},
		{`"version":1`, `"version":"1"`},
		{`"transaction_id":"1",`, ``},
		{`"error_code":0`, `"error_code":3`},
		{`"response_type":0,"error_code":0`, `"response_type":1,"error_code":3`},
		{`[{"swarm_id":"1","result":0}]`, `{"swarm_id":"1","result":0}`},
		{`"result":0`, `"result":1,"peer_group":{"peer_info":[]}`},
		{`"result":0`, `"result":0,"peer_group":{"peer_info":[{"peer_id":"p"}]}`},
		{`PPSPTracker`, `Tracker`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if validate(s, []byte(bad)) == nil {
			t.Errorf("%s is valid", bad)
		}
	}
	for _, name := range []string{"connect_seeder", "connect_leech", "connect_switch", "connect_response", "find", "find_response", "stat_report", "stat_report_response"} {
		if err := validate(s, example(t, name)); err == nil {
			t.Errorf("example %s: %v", name, err)
		}
	}
}
