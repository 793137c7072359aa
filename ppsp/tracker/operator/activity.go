package operator

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// kinds of requests, in the order of activity's counters. The last is what can't be read.
var kinds = [...]string{string(tracker.TypeConnect), string(tracker.TypeFind), string(tracker.TypeStatReport), "unreadable"}

// codes is how many error codes are counted, 00 included; others count as the last.
const codes = int(tracker.AuthenticationRequired) + 1

// buckets are the upper bounds of the histogram of answers' times, seconds.
var buckets = [...]float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1}

// activity counts requests since the start.
type activity struct {
	requests [len(kinds)][codes]atomic.Uint64
	took     [len(buckets) + 1]atomic.Uint64
	nanos    atomic.Int64
}

func (a *activity) count(r *tracker.Request, code tracker.ErrorCode, took time.Duration) {
	kind := len(kinds) - 1
	switch r.Type {
	case tracker.TypeConnect:
		kind = 0
	case tracker.TypeFind:
		kind = 1
	case tracker.TypeStatReport:
		kind = 2
	}
	a.requests[kind][min(int(code), codes-1)].Add(1)
	at := 0
	for at < len(buckets) && took.Seconds() > buckets[at] {
		at++
	}
	a.took[at].Add(1)
	a.nanos.Add(int64(took))
}

// Activity is the answer of /api/v1/activity, and the event "activity".
type Activity struct {
	Since    time.Time         `json:"since"`
	UptimeS  float64           `json:"uptime_s"`
	Requests map[string]uint64 `json:"requests"` // by type
	Errors   map[string]uint64 `json:"errors"`   // by code and words of RFC 7846, Table 9
	All      uint64            `json:"all"`
	MeanMS   float64           `json:"mean_ms"` // to make an answer
}

func (d *Desk) active() Activity {
	now := d.config.Now()
	out := Activity{Since: d.began.UTC(), UptimeS: now.Sub(d.began).Seconds(), Requests: map[string]uint64{}, Errors: map[string]uint64{}}
	for i, kind := range kinds {
		sum := uint64(0)
		for code := range codes {
			n := d.activity.requests[i][code].Load()
			sum += n
			if code > 0 {
				out.Errors[tracker.ErrorCode(code).String()] += n
			}
		}
		out.Requests[kind] = sum
		out.All += sum
	}
	if out.All > 0 {
		out.MeanMS = float64(d.activity.nanos.Load()) / float64(out.All) / 1e6
	}
	return out
}

func (d *Desk) serveActivity(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, struct {
		Activity
		Events []Event `json:"events"` // the latest, newest last
	}{d.active(), d.hub.latest()})
}
