package operator

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// MaxMetricSwarms bounds the swarms that have metrics of their own.
const MaxMetricSwarms = 200

// swarmGauges have one value for each swarm.
var swarmGauges = []struct {
	name, unit, help string
	value            func(s *tracker.SwarmSummary) float64
}{
	{"swarmgate_tracker_swarm_seeders", "", "Seeders of a swarm.", func(s *tracker.SwarmSummary) float64 { return float64(s.Seeders) }},
	{"swarmgate_tracker_swarm_leeches", "", "Leeches of a swarm.", func(s *tracker.SwarmSummary) float64 { return float64(s.Leeches) }},
	{"swarmgate_tracker_swarm_uploaded_bytes", "bytes", "What members uploaded, as they reported last.", func(s *tracker.SwarmSummary) float64 { return float64(s.UploadedBytes) }},
	{"swarmgate_tracker_swarm_downloaded_bytes", "bytes", "What members downloaded, as they reported last.", func(s *tracker.SwarmSummary) float64 { return float64(s.DownloadedBytes) }},
	{"swarmgate_tracker_swarm_chunks_held", "", "Chunks that members hold.", func(s *tracker.SwarmSummary) float64 { return float64(s.ChunksHeld) }},
	{"swarmgate_tracker_swarm_chunks_late", "", "Chunks that came to members too late, or never.", func(s *tracker.SwarmSummary) float64 { return float64(s.ChunksLate) }},
}

// metrics serves OpenMetrics 1.0.
func (d *Desk) metrics(w http.ResponseWriter, r *http.Request) {
	list, err := d.listSwarms(r, "", MaxMetricSwarms)
	up := 1
	if err != nil {
		up = 0
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# TYPE swarmgate_build info\n# HELP swarmgate_build What runs.\nswarmgate_build_info{version=\"%s\"} 1\n", label(d.config.Version))
	gauge(&b, "swarmgate_tracker_registry_up", "Whether the registry can be read.", up)
	gauge(&b, "swarmgate_tracker_peers", "Peers, each once.", list.Peers)
	gauge(&b, "swarmgate_tracker_swarms", "Swarms.", list.Swarms)
	gauge(&b, "swarmgate_tracker_bans", "Bans that hold.", len(d.config.Bans.List(d.config.Now())))
	b.WriteString("# TYPE swarmgate_tracker_requests counter\n# HELP swarmgate_tracker_requests Requests that were answered, by type and error code.\n")
	for i, kind := range kinds {
		for code := range codes {
			fmt.Fprintf(&b, "swarmgate_tracker_requests_total{type=\"%s\",code=\"%02d\"} %d\n", kind, code, d.activity.requests[i][code].Load())
		}
	}
	d.histogram(&b)
	for _, g := range swarmGauges {
		fmt.Fprintf(&b, "# TYPE %s gauge\n", g.name)
		if g.unit != "" {
			fmt.Fprintf(&b, "# UNIT %s %s\n", g.name, g.unit)
		}
		fmt.Fprintf(&b, "# HELP %s %s\n", g.name, g.help)
		for i := range list.List {
			fmt.Fprintf(&b, "%s{swarm=\"%s\"} %g\n", g.name, label(list.List[i].SwarmID), g.value(&list.List[i]))
		}
	}
	b.WriteString("# EOF\n")
	w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // a client that is gone needs no answer
}

func (d *Desk) histogram(b *bytes.Buffer) {
	const name = "swarmgate_tracker_answer_seconds"
	fmt.Fprintf(b, "# TYPE %s histogram\n# UNIT %s seconds\n# HELP %s Time to make an answer.\n", name, name, name)
	sum := uint64(0)
	for i, bound := range buckets {
		sum += d.activity.took[i].Load()
		fmt.Fprintf(b, "%s_bucket{le=\"%g\"} %d\n", name, bound, sum)
	}
	sum += d.activity.took[len(buckets)].Load()
	fmt.Fprintf(b, "%s_bucket{le=\"+Inf\"} %d\n%s_count %d\n%s_sum %g\n", name, sum, name, sum, name, float64(d.activity.nanos.Load())/1e9)
}

func gauge(b *bytes.Buffer, name, help string, value int) {
	fmt.Fprintf(b, "# TYPE %s gauge\n# HELP %s %s\n%s %d\n", name, name, help, name, value)
}

// label escapes a label's value.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
}
