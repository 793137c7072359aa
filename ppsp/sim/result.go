package sim

import (
	"errors"
	"slices"
)

// Result is what a scenario showed. The field names in JSON are part of the contract.
type Result struct {
	Scenario  string `json:"scenario"`
	Seed      uint64 `json:"seed"`
	Peers     int    `json:"peers"`
	Joined    int    `json:"joined"` // homes that ever were there, honest ones
	ChunkSize int    `json:"chunk_size"`

	Continuity          // live: share of chunks played in time
	DelayP50   float64  `json:"delay_p50_s"` // live: from signature to playing
	DelayP95   float64  `json:"delay_p95_s"`
	StartupP50 float64  `json:"startup_p50_s"` // from joining to the first chunk
	StartupP95 float64  `json:"startup_p95_s"`
	Watching            // film, after the warm-up
	Crowd      Watching `json:"warmup,omitzero"` // film, while the viewers come

	SourceUploadRatio float64 `json:"source_upload_ratio"` // bytes the source sent per byte of the stream
	Overhead          float64 `json:"overhead"`            // bytes sent by all per byte received and new
	Duplicates        float64 `json:"duplicates"`          // chunks that came again, per new one
	Datagrams         uint64  `json:"datagrams"`
	Lost              float64 `json:"lost"` // share of datagrams
	VirtualSeconds    float64 `json:"virtual_s"`

	Lies   *LiesResult   `json:"lies,omitempty"`
	Uplink *UplinkResult `json:"uplink,omitempty"`

	mean             float64    // of continuity
	HonestContinuity Continuity `json:"without_liars,omitzero"` // the same homes without the malicious ones
}

// Watching is how viewers of a film fared.
type Watching struct {
	RebufferShare float64 `json:"rebuffer_share"`  // of the time of all viewers, start and seeks aside
	RebufferP95   float64 `json:"rebuffer_p95"`    // of each viewer's time
	Seeks         int     `json:"seeks,omitempty"` //
	SeekP50       float64 `json:"seek_p50_s"`      // from seeking to playing
	SeekP95       float64 `json:"seek_p95_s"`      //
}

// Continuity is the share of chunks that homes played in time.
type Continuity struct {
	ContinuityP50 float64 `json:"continuity_p50"`
	ContinuityP5  float64 `json:"continuity_p5"`
}

// LiesResult is what malicious homes achieved.
type LiesResult struct {
	Liars          int     `json:"liars"`
	Polluters      int     `json:"polluters"`       // of them, whose bad chunks arrived
	BadChunks      int     `json:"bad_chunks"`      // that arrived at honest homes
	WorstPair      int     `json:"worst_pair"`      // the most bad chunks that one sent to another
	Unbanned       int     `json:"unbanned"`        // pairs in which bad chunks led to no ban
	WrongBans      int     `json:"wrong_bans"`      // of honest homes by honest homes
	SourceHonest   float64 `json:"source_honest"`   // share of the source's peers that are honest, at the worst
	SourcePeers    int     `json:"source_peers"`    // how many honest ones, at the worst
	ContinuityLost float64 `json:"continuity_lost"` // points of the mean that honest homes lose to the liars
}

// tally is what homes that left or stayed have shown.
type tally struct {
	continuity, startup      []float64
	early, counted           viewing
	sent, got, again, chunks uint64
	badChunks, worst         int
	polluters                map[int32]bool
	unbanned, wrongBans      int
	sourceHonest             float64
	sourcePeers              int
	failed                   string
}

// viewing is what all viewers saw.
type viewing struct {
	rebuffer, sought []float64
	watched, stalled int64
}

func (t *viewing) add(w *watching) {
	t.watched += w.watched
	t.stalled += w.stalled
	if all := w.stalled + w.watched; all > 0 {
		t.rebuffer = append(t.rebuffer, float64(w.stalled)/float64(all))
	}
	for _, s := range w.sought {
		t.sought = append(t.sought, float64(s)/1e9)
	}
}

func (t *viewing) result() Watching {
	return Watching{
		RebufferShare: float64(t.stalled) / float64(max(t.stalled+t.watched, 1)),
		RebufferP95:   percentile(t.rebuffer, 95),
		Seeks:         len(t.sought), SeekP50: percentile(t.sought, 50), SeekP95: percentile(t.sought, 95),
	}
}

// retire counts what a home has shown, which then may be forgotten.
func (w *world) retire(h *home) {
	t := &w.tally
	c := h.engine.Counters()
	t.sent += h.sentBytes
	h.sentBytes = 0
	t.got += c.ChunkBytesReceived
	t.again += c.Duplicates
	t.chunks += c.ChunksReceived
	end := min(h.left, w.now)
	switch {
	case h.player != nil:
		w.retirePlayer(h.player, end)
	case h.viewer != nil:
		w.retireViewer(h.viewer, end)
	}
	w.retireVictim(h.host)
}

func (w *world) retirePlayer(p *player, end int64) {
	t := &w.tally
	p.finish(end)
	if p.played+p.missed > 0 {
		t.continuity = append(t.continuity, p.continuity())
	}
	if w.Churn > 0 && p.joined < p.from {
		return // it came with the crowd, before what counts
	}
	switch {
	case p.started:
		t.startup = append(t.startup, float64(p.startup)/1e9)
	case end-p.joined > patience:
		t.startup = append(t.startup, float64(end-p.joined)/1e9)
	}
	t.failed = max(t.failed, p.failed)
}

func (w *world) retireViewer(v *viewer, end int64) {
	t := &w.tally
	v.finish(end)
	t.startup = append(t.startup, float64(v.startup)/1e9)
	t.early.add(&v.early)
	t.counted.add(&v.counted)
	t.failed = max(t.failed, v.failed)
}

// result gathers what the players and engines counted.
func (w *world) result(seed uint64) Result {
	for _, h := range w.homes {
		if !h.gone {
			w.retire(h)
		}
	}
	t := &w.tally
	r := Result{
		Scenario: w.Name, Seed: seed, Peers: w.Peers, Joined: len(w.homes) - w.liars, ChunkSize: w.Chunk,
		VirtualSeconds: float64(w.now) / 1e9, Watching: t.counted.result(), Crowd: t.early.result(),
	}
	var delays histogram
	delays.open()
	lost := uint64(0)
	for _, s := range w.shards {
		r.Datagrams += s.sent
		lost += s.lost
		delays.merge(&s.delays)
	}
	r.Lost = float64(lost) / float64(max(r.Datagrams, 1))
	r.ContinuityP50, r.ContinuityP5 = percentile(t.continuity, 50), percentile(t.continuity, 5)
	r.mean = mean(t.continuity)
	r.DelayP50, r.DelayP95 = delays.percentile(50), delays.percentile(95)
	r.StartupP50, r.StartupP95 = percentile(t.startup, 50), percentile(t.startup, 95)
	r.SourceUploadRatio = float64(w.source.sentBytes) / w.published()
	r.Overhead = float64(t.sent+w.source.sentBytes)/max(float64(t.got), 1) - 1
	r.Duplicates = float64(t.again) / max(float64(t.chunks), 1)
	r.Lies = w.lies()
	if w.err == nil {
		w.err = w.halted
	}
	if t.failed != "" && w.err == nil {
		w.err = errors.New(t.failed)
	}
	return r
}

// published is how many bytes the source had to give.
func (w *world) published() float64 {
	chunks := w.chunks
	if w.Kind == Live {
		chunks = max(w.source.engine.NextChunk(), 1)
	}
	return float64(chunks) * float64(w.Chunk)
}

// percentile returns the p-th percentile of v by the nearest rank, 0 of nothing.
func percentile(v []float64, p int) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[max((len(v)*p+99)/100-1, 0)]
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}
