package sim

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Result is what a scenario showed. The field names in JSON are part of the contract.
type Result struct {
	Scenario          string  `json:"scenario"`
	Seed              uint64  `json:"seed"`
	Peers             int     `json:"peers"`
	ChunkSize         int     `json:"chunk_size"`
	ContinuityP50     float64 `json:"continuity_p50"` // share of chunks played in time
	ContinuityP5      float64 `json:"continuity_p5"`
	DelayP50          float64 `json:"delay_p50_s"` // from signature to playing
	DelayP95          float64 `json:"delay_p95_s"`
	StartupP50        float64 `json:"startup_p50_s"` // from joining to the first chunk
	StartupP95        float64 `json:"startup_p95_s"`
	SourceUploadRatio float64 `json:"source_upload_ratio"` // bytes the source sent per byte of the stream
	Overhead          float64 `json:"overhead"`            // bytes sent by all per byte received and new
	Duplicates        float64 `json:"duplicates"`          // chunks that came again, per new one
	Datagrams         uint64  `json:"datagrams"`
	Lost              float64 `json:"lost"` // share of datagrams
	VirtualSeconds    float64 `json:"virtual_s"`
}

// result gathers what the players and engines counted.
func (w *world) result(seed uint64) Result {
	r := Result{
		Scenario: w.Name, Seed: seed, Peers: w.Peers, ChunkSize: w.Chunk,
		Datagrams: w.sent, Lost: float64(w.lost) / float64(max(w.sent, 1)), VirtualSeconds: float64(w.now) / 1e9,
	}
	var continuity, startup, delay []float64
	var sent, got, again, chunks uint64
	for _, h := range w.hosts {
		c := h.engine.Counters()
		sent += h.sentBytes
		got += c.ChunkBytesReceived
		again += c.Duplicates
		chunks += c.ChunksReceived
		if h.player == nil {
			continue
		}
		h.player.finish(w.now)
		continuity = append(continuity, h.player.continuity())
		if h.player.started {
			startup = append(startup, float64(h.player.startup)/1e9)
		} else {
			startup = append(startup, float64(w.now-h.player.joined)/1e9)
		}
		for _, d := range h.player.delays {
			delay = append(delay, float64(d)/1e9)
		}
	}
	streamed := float64(w.source.engine.NextChunk()) * float64(w.Chunk)
	r.ContinuityP50, r.ContinuityP5 = percentile(continuity, 50), percentile(continuity, 5)
	r.DelayP50, r.DelayP95 = percentile(delay, 50), percentile(delay, 95)
	r.StartupP50, r.StartupP95 = percentile(startup, 50), percentile(startup, 95)
	r.SourceUploadRatio = float64(w.source.sentBytes) / max(streamed, 1)
	r.Overhead = float64(sent)/max(float64(got), 1) - 1
	r.Duplicates = float64(again) / max(float64(chunks), 1)
	return r
}

// percentile returns the p-th percentile of v by the nearest rank, 0 of nothing.
func percentile(v []float64, p int) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[max((len(v)*p+99)/100-1, 0)]
}

// WriteTable writes r for people.
func (r Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, v ...any) { fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, v...)...) }
	row("scenario", "%s, seed %d", r.Scenario, r.Seed)
	row("homes", "%d", r.Peers)
	row("virtual time", "%.0f s", r.VirtualSeconds)
	row("chunks played in time", "median %.4f, 5th percentile %.4f", r.ContinuityP50, r.ContinuityP5)
	row("delay behind the source", "median %.2f s, 95th percentile %.2f s", r.DelayP50, r.DelayP95)
	row("start-up", "median %.2f s, 95th percentile %.2f s", r.StartupP50, r.StartupP95)
	row("source upload", "%.2f × the stream", r.SourceUploadRatio)
	row("overhead", "%.1f %% of the bytes", 100*r.Overhead)
	row("duplicates", "%.2f %% of the chunks", 100*r.Duplicates)
	row("datagrams", "%d, %.2f %% lost", r.Datagrams, 100*r.Lost)
	return t.Flush()
}
