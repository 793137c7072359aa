package web

import (
	"bytes"
	_ "embed" // of the description
	"net/http"
	"time"
)

// openAPI describes all that is served, by OpenAPI 3.1. A test holds it against the handlers.
//
//go:embed openapi.json
var openAPI []byte

func (s *Server) showOpenAPI(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openAPI))
}
