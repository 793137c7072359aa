package web

import (
	"net/http"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

// Network is how peers reach the gateway.
type Network struct {
	Addresses []Address
	Text      string // what the router and others said of it, sentences on lines of their own
	Problem   string // why peers elsewhere may not get through, and what to do; empty when they do
}

// Address is one at which peers reach the gateway.
type Address struct {
	Address string // host:port
	Type    string // "host", "mapped", "reflexive", "pinhole"
	By      string // who says so
}

// status is the overview at /api/v1/status.
type status struct {
	Version   string    `json:"version"`
	Since     time.Time `json:"since"` // of the start
	Peers     int       `json:"peers"`
	Viewers   int       `json:"viewers"`
	Sessions  int       `json:"sessions"`
	DownBps   int64     `json:"down_bps"`
	UpBps     int64     `json:"up_bps"`
	Received  uint64    `json:"received_bytes"` // since the start
	Sent      uint64    `json:"sent_bytes"`
	Ratio     *float64  `json:"share_ratio"` // sent by received, null while nothing was received
	Addresses []address `json:"addresses"`
	Network   string    `json:"network"`
	Trouble   []trouble `json:"trouble"`
	Samples   []sample  `json:"samples"` // oldest first
}

// address is an Address in a status.
type address struct {
	Address string `json:"address"`
	Type    string `json:"type"`
	By      string `json:"by"`
}

// trouble is something amiss.
type trouble struct {
	Code  string `json:"code"`  // "not_ready", "tvs", "peers", "tracker", "failed"
	About string `json:"about"` // a tracker's name or a channel's title, empty for the gateway
	Text  string `json:"text"`  // what is wrong and what to do, in English
}

// sample is what went on at a moment.
type sample struct {
	At      time.Time `json:"at"`
	DownBps int64     `json:"down_bps"`
	UpBps   int64     `json:"up_bps"`
	Peers   int       `json:"peers"`
	BufferS float64   `json:"buffer_s"` // of the session that has least
}

func (s *Server) showStatus(w http.ResponseWriter, _ *http.Request) {
	o := s.config.Gateway.Overview()
	out := status{
		Version: s.config.Version, Since: o.Since.UTC(), Received: o.Received, Sent: o.Sent,
		Addresses: []address{}, Trouble: []trouble{}, Samples: make([]sample, 0, len(o.Samples)),
	}
	if o.Received > 0 {
		out.Ratio = new(float64(o.Sent) / float64(o.Received))
	}
	sessions := s.config.Gateway.Sessions()
	out.Sessions = len(sessions)
	for _, one := range sessions {
		out.Peers += one.Peers
		out.Viewers += one.Viewers
		out.DownBps += one.DownBps
		out.UpBps += one.UpBps
	}
	for _, one := range o.Samples {
		at := one.At.UTC().Truncate(time.Second)
		out.Samples = append(out.Samples, sample{at, one.DownBps, one.UpBps, one.Peers, one.BufferS})
	}
	network := s.network()
	out.Network = network.Text
	for _, a := range network.Addresses {
		out.Addresses = append(out.Addresses, address(a))
	}
	out.Trouble = append(out.Trouble, s.trouble(network, sessions)...)
	answerJSON(w, http.StatusOK, out)
}

func (s *Server) network() Network {
	if s.config.Network == nil {
		return Network{}
	}
	return s.config.Network()
}

// trouble lists what is amiss, the worst first.
func (s *Server) trouble(network Network, sessions []proxy.Session) (all []trouble) {
	if s.config.Ready != nil {
		if err := s.config.Ready(); err != nil {
			all = append(all, trouble{Code: "not_ready", Text: err.Error()})
		}
	}
	silent := map[string]bool{}
	for _, one := range sessions {
		if name := one.Outage.Tracker; name != "" && !silent[name] {
			silent[name] = true
			all = append(all, trouble{"tracker", name, asSentence(one.Outage.Told())})
		}
		if one.Error != "" {
			title := one.Channel
			if item, known := s.config.Gateway.Item(one.Channel); known {
				title = item.Title
			}
			all = append(all, trouble{"failed", title, asSentence(one.Error)})
		}
	}
	if network.Problem != "" {
		all = append(all, trouble{Code: "peers", Text: network.Problem})
	}
	if s.config.Discovery != nil {
		if d := s.config.Discovery(); d.Problem != "" && !d.Off {
			all = append(all, trouble{Code: "tvs", Text: d.Problem})
		}
	}
	return all
}
