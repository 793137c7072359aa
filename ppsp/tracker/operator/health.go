package operator

import (
	"net/http"
	"runtime"
)

// Health is the answer of /api/v1/health.
type Health struct {
	Status   string  `json:"status"` // ok, or failing
	Problem  string  `json:"problem,omitempty"`
	Version  string  `json:"version"`
	UptimeS  float64 `json:"uptime_s"`
	Peers    int     `json:"peers"`
	Swarms   int     `json:"swarms"`
	Bans     int     `json:"bans"`
	MemoryMB float64 `json:"memory_mb"` // 10⁶ bytes that the program took from the system
}

func (d *Desk) healthOf(r *http.Request) Health {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	totals, err := d.count(r.Context())
	out := Health{
		Status: "ok", Version: d.config.Version, UptimeS: d.config.Now().Sub(d.began).Seconds(), Peers: totals.Peers, Swarms: totals.Swarms,
		Bans: len(d.config.Bans.List(d.config.Now())), MemoryMB: float64(mem.Sys-mem.HeapReleased) / 1e6,
	}
	if err != nil {
		out.Status, out.Problem = "failing", "The registry can't be read: "+err.Error()
	}
	return out
}

func (d *Desk) health(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, d.healthOf(r))
}

// healthz says that the process answers.
func (d *Desk) healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok", "version": d.config.Version})
}

// readyz says that the tracker can serve peers.
func (d *Desk) readyz(w http.ResponseWriter, r *http.Request) {
	if _, err := d.count(r.Context()); err != nil {
		d.trouble(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ready"})
}
