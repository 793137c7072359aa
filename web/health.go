package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/swarmgate/swarmgate/proxy"
)

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": s.config.Version})
}

// readyz says that the gateway can serve.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.config.Ready != nil {
		if err := s.config.Ready(); err != nil {
			s.fail(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	answerJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// gauge is a metric with one value for each session.
type gauge struct {
	name, unit, help string
	value            func(proxy.Session) float64
}

var gauges = []gauge{
	{"swarmgate_session_peers", "", "Peers that answered.", func(s proxy.Session) float64 { return float64(s.Peers) }},
	{"swarmgate_session_viewers", "", "Screens being fed.", func(s proxy.Session) float64 { return float64(s.Viewers) }},
	{"swarmgate_session_receive_bits_per_second", "bits_per_second", "Rate from the swarm.", func(s proxy.Session) float64 { return float64(s.DownBps) }},
	{"swarmgate_session_send_bits_per_second", "bits_per_second", "Rate to the swarm.", func(s proxy.Session) float64 { return float64(s.UpBps) }},
	{"swarmgate_session_buffer_seconds", "seconds", "Media ahead of the screens.", func(s proxy.Session) float64 { return s.BufferS }},
}

// metrics serves OpenMetrics 1.0.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	sessions := s.config.Gateway.Sessions()
	fmt.Fprintf(&b, "# TYPE swarmgate_build info\nswarmgate_build_info{version=\"%s\"} 1\n", label(s.config.Version))
	single(&b, "swarmgate_catalog_items", "Channels and films in the catalog.", len(s.config.Gateway.Items()))
	single(&b, "swarmgate_http_streams", "Streams being sent over plain HTTP.", s.streams.inUse())
	single(&b, "swarmgate_http_event_clients", "Pages that receive events.", s.events.inUse())
	for _, g := range gauges {
		fmt.Fprintf(&b, "# TYPE %s gauge\n", g.name)
		if g.unit != "" {
			fmt.Fprintf(&b, "# UNIT %s %s\n", g.name, g.unit)
		}
		fmt.Fprintf(&b, "# HELP %s %s\n", g.name, g.help)
		for _, one := range sessions {
			fmt.Fprintf(&b, "%s{channel=\"%s\",session=\"%s\"} %g\n", g.name, label(one.Channel), label(one.ID), g.value(one))
		}
	}
	b.WriteString("# EOF\n")
	h := w.Header()
	h.Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes()) // a client that has gone needs no answer
}

func single(b *bytes.Buffer, name, help string, value int) {
	fmt.Fprintf(b, "# TYPE %s gauge\n# HELP %s %s\n%s %d\n", name, name, help, name, value)
}

// label escapes the value of a label.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func label(value string) string { return labelEscapes.Replace(value) }
