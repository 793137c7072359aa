package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// talkative is a guide with many long descriptions.
type talkative struct{ fakeGuide }

func (talkative) Programmes(_ string, from, _ time.Time) []proxy.Programme {
	list := make([]proxy.Programme, 2500)
	for i := range list {
		start := from.Add(time.Duration(i) * time.Minute)
		list[i] = proxy.Programme{Title: "T", Description: strings.Repeat("d", 2000), Start: start, End: start.Add(time.Minute)}
	}
	return list
}

func TestAnswersOfTheGuideAreBounded(t *testing.T) {
	server := New(Config{Gateway: newFakeGateway(), Guide: talkative{}})
	handler := server.Handler()
	fetch := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr, r.Host = home, "192.168.1.5:8088"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	var guide map[string][]programme
	w := fetch("/api/v1/guide")
	if err := json.Unmarshal(w.Body.Bytes(), &guide); err != nil || len(guide["news"]) != 2500 {
		t.Fatalf("%v, %d broadcasts", err, len(guide["news"]))
	}
	text := 0
	for _, p := range guide["news"] {
		text += len(p.Description)
	}
	if text > maxGuideText || text < maxGuideText-2000 {
		t.Errorf("%d bytes of descriptions, the bound is %d", text, maxGuideText)
	}
	w = fetch("/xmltv.xml")
	if n := strings.Count(w.Body.String(), "<desc>"); n != maxGuideText/2000 || strings.Count(w.Body.String(), "<programme ") != 2500 {
		t.Errorf("%d descriptions", n)
	}
	for range MaxGuides {
		server.guides.take()
	}
	for _, path := range []string{"/api/v1/guide", "/xmltv.xml", "/xmltv.xml.gz"} {
		if w := fetch(path); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s with no room: status %d", path, w.Code)
		}
	}
	server.guides.give()
	if w := fetch("/api/v1/guide"); w.Code != http.StatusOK {
		t.Errorf("with room again: status %d", w.Code)
	}
}
