package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// problem is the body of every error: one sentence that says what is wrong and what to do.
type problem struct {
	Error string `json:"error"`
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, status int, sentence string) {
	answerJSON(w, status, problem{sentence})
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, `{"error":"The answer can't be written as JSON."}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}

// methods are the handlers of one path by HTTP method. GET answers HEAD too.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if handler, ok := m[method]; ok {
		handler(w, r)
		return
	}
	allowed := slices.Sorted(maps.Keys(m))
	if _, ok := m[http.MethodGet]; ok {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	answerJSON(w, http.StatusMethodNotAllowed, problem{"This address does not take " + r.Method + "."})
}
