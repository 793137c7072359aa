package operator

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is the OpenAPI document.
type description struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct {
				Schema json.RawMessage `json:"schema"`
			} `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
}

func describe(t *testing.T) (d description, c *jsonschema.Compiler) {
	t.Helper()
	b, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	c = jsonschema.NewCompiler()
	if err := c.AddResource("file:///openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return d, c
}

// What is served stands in the description, and the other way round.
func TestDescriptionHasAllRoutes(t *testing.T) {
	d, _ := describe(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("it is OpenAPI %s", d.OpenAPI)
	}
	var served, described []string
	for pattern := range newLab(t, nil).desk.routes() {
		method, path, _ := strings.Cut(pattern, " ")
		if strings.HasPrefix(path, "/api/") || strings.HasSuffix(path, "z") || path == "/metrics" {
			served = append(served, strings.ToLower(method)+" "+path)
		}
	}
	for path, methods := range d.Paths {
		for method := range methods {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if fmt.Sprint(served) != fmt.Sprint(described) {
		t.Errorf("served:    %v\ndescribed: %v", served, described)
	}
}

// Each operation answers as its description says, where all is well and where not.
func TestAnswersAreAsDescribed(t *testing.T) {
	d, compiler := describe(t)
	asked := map[string]bool{}
	l := newLab(t, nil)
	l.some()
	for _, c := range []struct {
		method, path, at, body string
		status                 int
	}{
		{"get", "/healthz", "/healthz", "", 200},
		{"get", "/readyz", "/readyz", "", 200},
		{"get", "/metrics", "/metrics", "", 200},
		{"get", "/api/v1/openapi.json", "/api/v1/openapi.json", "", 200},
		{"get", "/api/v1/health", "/api/v1/health", "", 200},
		{"get", "/api/v1/swarms", "/api/v1/swarms", "", 200},
		{"get", "/api/v1/swarms", "/api/v1/swarms?limit=1", "", 200},
		{"get", "/api/v1/swarms", "/api/v1/swarms?limit=501", "", 400},
		{"get", "/api/v1/swarms/{id}", "/api/v1/swarms/" + swarmA, "", 200},
		{"get", "/api/v1/swarms/{id}", "/api/v1/swarms/00", "", 404},
		{"get", "/api/v1/swarms/{id}/peers", "/api/v1/swarms/" + swarmA + "/peers", "", 200},
		{"get", "/api/v1/swarms/{id}/peers", "/api/v1/swarms/" + swarmA + "/peers?limit=x", "", 400},
		{"get", "/api/v1/peers/{id}", "/api/v1/peers/" + peerA, "", 200},
		{"get", "/api/v1/peers/{id}", "/api/v1/peers/nobody", "", 404},
		{"post", "/api/v1/bans", "/api/v1/bans", `{"who":"198.51.100.0/31","hours":1,"reason":"test"}`, 201},
		{"post", "/api/v1/bans", "/api/v1/bans", `{"who":"` + peerA + `"}`, 201},
		{"post", "/api/v1/bans", "/api/v1/bans", `{"who":""}`, 400},
		{"post", "/api/v1/bans", "/api/v1/bans", `{"whom":"x"}`, 400},
		{"post", "/api/v1/bans", "/api/v1/bans", `{"who":"x","hours":-1}`, 400},
		{"get", "/api/v1/bans", "/api/v1/bans", "", 200},
		{"get", "/api/v1/activity", "/api/v1/activity", "", 200},
		{"delete", "/api/v1/bans/{id}", "/api/v1/bans/198.51.100.0%2F31", "", 204},
		{"delete", "/api/v1/bans/{id}", "/api/v1/bans/nothing", "", 404},
		{"delete", "/api/v1/peers/{id}", "/api/v1/peers/" + peerA, "", 204},
		{"get", "/api/v1/swarms", "/api/v1/swarms", "", 200},
	} {
		name := c.method + " " + c.path
		asked[name] = true
		r := l.ask(strings.ToUpper(c.method), c.at, c.body)
		body := bodyOf(t, r)
		if r.StatusCode != c.status {
			t.Errorf("%s %s: %s %s, want %d", c.method, c.at, r.Status, body, c.status)
			continue
		}
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		answers, ok := d.Paths[c.path][c.method].Responses[fmt.Sprint(c.status)]
		if !ok {
			t.Errorf("%s: status %d is not described", name, c.status)
			continue
		}
		if _, ok := answers.Content[kind]; !ok && c.status != 204 {
			t.Errorf("%s: %q is not described", name, kind)
			continue
		}
		if kind != "application/json" {
			continue
		}
		pointer := fmt.Sprintf("file:///openapi.json#/paths/%s/%s/responses/%d/content/application~1json/schema", strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(c.path), c.method, c.status)
		schema, err := compiler.Compile(pointer)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %s: %v", name, body, err)
		}
	}
	for path, methods := range d.Paths {
		for method := range methods {
			if !asked[method+" "+path] && path != "/api/v1/events" { // which TestEvents asks for
				t.Errorf("%s %s is not tried", method, path)
			}
		}
	}
}

// A registry that is out of reach makes nobody think that all is well.
func TestRegistryOutOfReach(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Registry = broken{c.Registry} })
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 503, "/api/v1/health": 200, "/api/v1/swarms": 503, "/metrics": 200, "/": 200,
	} {
		r := l.ask(http.MethodGet, path, "")
		body := bodyOf(t, r)
		if r.StatusCode != want {
			t.Errorf("%s: %s", path, r.Status)
		}
		if path == "/api/v1/health" && !strings.Contains(body, `"status":"failing"`) || path == "/metrics" && !strings.Contains(body, "registry_up 0") || path == "/" && !strings.Contains(body, "can&#39;t be read") {
			t.Errorf("%s: %s", path, body)
		}
	}
}
