package sim

import (
	"errors"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// runUplink plays a home that seeds a film on its uplink: alone, then beside a TCP-like
// flow from the same home, then that flow goes on alone.
func runUplink(sc Scenario, seed uint64, watch func(now int64) error) (Result, error) {
	_, random := newRandom(seed)
	w := &world{Scenario: sc, random: random}
	w.network = newNetwork(w.Home.Delay + min(w.Home.Delay, w.Source.Delay))
	w.interval = int64(sc.Chunk) * 8 * 1e9 / sc.Rate
	w.Length = 2 * (sc.Warmup + sc.Duration) * time.Duration(sc.Source.Up) / time.Duration(sc.Rate) // more than can be sent
	w.watch = watch
	if err := w.openFilm(); err != nil {
		return Result{}, err
	}
	for i := range sc.Peers {
		w.at(int64(sc.Joining)*int64(i)/int64(sc.Peers), w.fetch)
	}
	far := w.newHost(w.Home)
	far.flow = &flow{host: far}
	w.source.flow = &flow{host: w.source, peer: addrOf(far.index, flowPort)}
	alone := w.measure(far)
	w.source.flow.begin(w.now, true)
	w.source.settle(w.now)
	both := w.measure(far)
	for _, h := range w.homes {
		h.close(w)
	}
	w.source.engine.Close(w.now)
	w.source.engine = nil
	flow := w.measure(far)
	if flow.flowRate == 0 && w.halted == nil {
		return Result{}, errors.New("the flow alone moved nothing")
	}
	r := w.result(seed)
	r.Uplink = &UplinkResult{
		UploadAlone: alone.uploadRate / float64(sc.Source.Up), QueueAlone: alone.queue.percentile(95),
		UploadBeside: both.uploadRate / float64(sc.Source.Up), QueueBoth: both.queue.percentile(95),
		FlowBeside: both.flowRate / float64(sc.Source.Up), FlowAlone: flow.flowRate / float64(sc.Source.Up),
		QueueFlow: flow.queue.percentile(95), FlowShare: both.flowRate / flow.flowRate,
	}
	r.Uplink.QueueAdded = max(r.Uplink.QueueAlone, r.Uplink.QueueBoth-r.Uplink.QueueFlow)
	return r, w.err
}

// UplinkResult is what the traffic of one home showed. Rates are shares of the uplink.
type UplinkResult struct {
	UploadAlone  float64 `json:"upload_alone"`
	QueueAlone   float64 `json:"queue_alone_p95_s"`
	UploadBeside float64 `json:"upload_beside"`
	QueueBoth    float64 `json:"queue_both_p95_s"`
	FlowBeside   float64 `json:"flow_beside"`
	FlowAlone    float64 `json:"flow_alone"`
	QueueFlow    float64 `json:"queue_flow_p95_s"`
	FlowShare    float64 `json:"flow_share"`        // of its rate that the flow keeps beside the upload
	QueueAdded   float64 `json:"queue_added_p95_s"` // by the upload
}

// fetch adds a home that downloads everything.
func (w *world) fetch() {
	link := w.Home
	link.Delay += w.random.Int64N(w.DelayMax - w.Home.Delay + 1)
	h := &home{host: w.newHost(link), joined: w.now, left: never}
	if err := w.equipFilm(h); err != nil {
		w.err = err
		return
	}
	h.host.player, h.viewer, h.tickAt = nil, nil, never
	h.engine.Want(w.now, []chunk.Range{}, true)
	w.homes = append(w.homes, h)
	w.tracker.enter(h.host)
	w.find(h)
}

// phase is what the uplink carried in a while.
type phase struct {
	uploadRate, flowRate float64 // bits per second
	queue                histogram
}

// measure lets the traffic settle, then watches it.
func (w *world) measure(far *host) phase {
	w.run(w.now + int64(w.Warmup))
	w.source.queued.open()
	sent, arrived := w.source.sentBytes, far.flow.arrived
	w.run(w.now + int64(w.Duration))
	_, size := packets(flowSegment)
	flow := float64(far.flow.arrived-arrived) * float64(size) * 8
	flowSent := flow / w.Duration.Seconds()
	up := float64(w.source.sentBytes-sent) * 8 / w.Duration.Seconds()
	return phase{uploadRate: up - flowSent, flowRate: flowSent, queue: w.source.queued}
}
