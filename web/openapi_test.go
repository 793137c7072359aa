package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/logbook"
)

// The parts of an OpenAPI document that are held against the handlers.
type (
	apiSchema struct {
		Ref        string               `json:"$ref"`
		Type       any                  `json:"type"`
		Properties map[string]apiSchema `json:"properties"`
		Required   []string             `json:"required"`
		Items      *apiSchema           `json:"items"`
	}
	apiOperation struct {
		Summary    string                     `json:"summary"`
		Responses  map[string]json.RawMessage `json:"responses"`
		Parameters []struct {
			Name, In string
			Required bool
		} `json:"parameters"`
		Security []map[string][]string `json:"security"`
	}
	apiDocument struct {
		OpenAPI    string                             `json:"openapi"`
		Paths      map[string]map[string]apiOperation `json:"paths"`
		Components struct {
			Schemas         map[string]apiSchema       `json:"schemas"`
			Responses       map[string]json.RawMessage `json:"responses"`
			SecuritySchemes map[string]json.RawMessage `json:"securitySchemes"`
		} `json:"components"`
	}
)

func described(t *testing.T) apiDocument {
	t.Helper()
	var d apiDocument
	w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/openapi.json", "")
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.OpenAPI != "3.1.0" {
		t.Errorf("version %q", d.OpenAPI)
	}
	return d
}

// Every route with each of its methods is described, and nothing else is.
func TestEveryRouteIsDescribed(t *testing.T) {
	d := described(t)
	s := New(Config{Gateway: newFakeGateway(), Renderers: &fakeScreens{}, Security: &fakeSecurity{}, Doctor: soundDoctor, Log: &logbook.Book{}, Settings: &config.Owner{}})
	served := map[string][]string{}
	for pattern, handler := range s.patterns() {
		m, ok := handler.(methods)
		if !ok {
			if pattern != "/" {
				t.Errorf("%s has no methods", pattern)
			}
			continue
		}
		path := strings.ReplaceAll(pattern, "{$}", "")
		for method := range m {
			served[path] = append(served[path], strings.ToLower(method))
		}
	}
	for path, list := range served {
		slices.Sort(list)
		if got := slices.Sorted(maps.Keys(d.Paths[path])); !slices.Equal(got, list) {
			t.Errorf("%s takes %v, openapi.json describes %v", path, list, got)
		}
	}
	name := regexp.MustCompile(`{(\w+)}`)
	for path, operations := range d.Paths {
		if served[path] == nil {
			t.Errorf("openapi.json describes %s, which is not there", path)
		}
		for method, o := range operations {
			if !strings.HasSuffix(o.Summary, ".") || len(o.Responses) < 2 {
				t.Errorf("%s %s: summary %q, %d responses", method, path, o.Summary, len(o.Responses))
			}
			for _, m := range name.FindAllStringSubmatch(path, -1) {
				if !slices.ContainsFunc(o.Parameters, func(p struct {
					Name, In string
					Required bool
				},
				) bool {
					return p.Name == m[1] && p.In == "path" && p.Required
				}) {
					t.Errorf("%s %s: %s is not described", method, path, m[1])
				}
			}
		}
	}
}

// Only the owner's operations say so, and all of them.
func TestWhatTheOwnerAloneMayDoIsDescribed(t *testing.T) {
	d := described(t)
	for path, operations := range d.Paths {
		for method, o := range operations {
			owner := (strings.HasPrefix(path, "/api/v1/bans") || strings.HasPrefix(path, "/api/v1/members")) && method != "get"
			said := len(o.Security) == 1 && o.Security[0]["owner"] != nil
			if owner != said {
				t.Errorf("%s %s: the owner alone %v, described %v", method, path, owner, said)
			}
		}
	}
}

// Every field of every answer is described with its type, and nothing else is.
func TestEveryFieldIsDescribed(t *testing.T) {
	d := described(t)
	types := map[string]reflect.Type{
		"Problem": reflect.TypeFor[problem](), "URLs": reflect.TypeFor[itemURLs](), "Codecs": reflect.TypeFor[codecs](), "Programme": reflect.TypeFor[programme](),
		"Channel": reflect.TypeFor[channel](), "Session": reflect.TypeFor[session](), "Outage": reflect.TypeFor[outage](), "Device": reflect.TypeFor[device](),
		"Renderer": reflect.TypeFor[Renderer](), "Ban": reflect.TypeFor[ban](), "Member": reflect.TypeFor[memberEntry](), "TunedChannel": reflect.TypeFor[tunedChannel](),
		"Status": reflect.TypeFor[status](), "Address": reflect.TypeFor[address](), "Sample": reflect.TypeFor[sample](), "Trouble": reflect.TypeFor[trouble](), "Setting": reflect.TypeFor[setting](), "SettingsProblem": reflect.TypeFor[settingsProblem](), "LogLine": reflect.TypeFor[logLine](),
		"Subtitle": reflect.TypeFor[subtitle](), "Reach": reflect.TypeFor[reachable](), "Preview": reflect.TypeFor[preview](), "Previewed": reflect.TypeFor[previewed](),
		"Examination": reflect.TypeFor[examination](),
	}
	answers := map[string]string{"Login": "/api/v1/login", "Health": "/healthz", "Tuner": "/discover.json"} // made of maps
	for name, schema := range d.Components.Schemas {
		switch typ := types[name]; {
		case name == "State":
		case typ != nil:
			agree(t, name, schema, fieldsOf(typ))
		case answers[name] != "":
			var body map[string]any
			if err := json.Unmarshal(ask(t, newFakeGateway(), http.MethodGet, answers[name], "").Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if got, want := slices.Sorted(maps.Keys(body)), slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, want) {
				t.Errorf("%s has %v, openapi.json describes %v", name, got, want)
			}
		default:
			t.Errorf("nothing is a %s", name)
		}
	}
	for name := range types {
		if _, ok := d.Components.Schemas[name]; !ok {
			t.Errorf("%s is not described", name)
		}
	}
}

// jsonField is a field as it appears in JSON.
type jsonField struct {
	kind     string
	optional bool
}

func fieldsOf(typ reflect.Type) map[string]jsonField {
	fields := map[string]jsonField{}
	for f := range typ.Fields() {
		if f.Anonymous {
			maps.Copy(fields, fieldsOf(f.Type))
			continue
		}
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		fields[name] = jsonField{kindOf(f.Type), strings.Contains(rest, "omitempty")}
	}
	return fields
}

func kindOf(typ reflect.Type) string {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return "string"
	case typ.Kind() == reflect.Interface:
		return "" // of several types
	case typ.Kind() == reflect.Struct, typ.Kind() == reflect.Map:
		return "object"
	case typ.Kind() == reflect.Slice:
		return "array"
	case typ.Kind() == reflect.Bool:
		return "boolean"
	case typ.Kind() == reflect.String:
		return "string"
	case typ.Kind() == reflect.Float64:
		return "number"
	}
	return "integer"
}

func agree(t *testing.T, name string, schema apiSchema, fields map[string]jsonField) {
	t.Helper()
	for field, is := range fields {
		p, ok := schema.Properties[field]
		if !ok {
			t.Errorf("%s.%s is not described", name, field)
			continue
		}
		kind, _ := p.Type.(string)
		if several, ok := p.Type.([]any); ok {
			kind, _ = several[0].(string)
		}
		switch {
		case p.Ref == "#/components/schemas/State":
			kind = "string"
		case p.Ref != "":
			kind = "object"
		}
		if kind != is.kind {
			t.Errorf("%s.%s is described as %s, it is %s", name, field, kind, is.kind)
		}
		if slices.Contains(schema.Required, field) && is.optional {
			t.Errorf("%s.%s may be missing", name, field)
		}
	}
	for field := range schema.Properties {
		if _, ok := fields[field]; !ok {
			t.Errorf("%s.%s is described and not there", name, field)
		}
	}
}

// Every reference leads somewhere.
func TestReferencesOfTheDescription(t *testing.T) {
	d := described(t)
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/(\w+)/(\w+)"`).FindAllSubmatch(openAPI, -1) {
		_, schema := d.Components.Schemas[string(m[2])]
		_, response := d.Components.Responses[string(m[2])]
		if string(m[1]) == "schemas" && !schema || string(m[1]) == "responses" && !response {
			t.Errorf("%s leads nowhere", m[0])
		}
	}
}
