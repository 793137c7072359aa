package web

import (
	"net/http"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// session is what is being watched, at /api/v1/sessions and in events.
type session struct {
	ID      string      `json:"id"`
	Channel string      `json:"channel"`
	State   proxy.State `json:"state"`
	Text    string      `json:"text"` // State in plain words
	Peers   int         `json:"peers"`
	DownBps int64       `json:"down_bps"`
	UpBps   int64       `json:"up_bps"`
	BufferS float64     `json:"buffer_s"`
	Viewers int         `json:"viewers"`
	Error   string      `json:"error,omitempty"`          // in the state "failed"
	Codecs  *codecs     `json:"codecs,omitempty"`         // of a channel, once they are known
	NoLL    string      `json:"no_low_latency,omitempty"` // why a channel can't be had by urls.ll, once that was tried
	Tracker *outage     `json:"tracker,omitempty"`        // while no tracker answers
}

// outage is why no tracker of a swarm answers.
type outage struct {
	Name    string             `json:"name"`    // host and port of the one asked last
	Problem membership.Problem `json:"problem"` // "no_answer", "name_unknown", …
	Since   time.Time          `json:"since"`
}

func outageOf(o membership.Outage) *outage {
	if o == (membership.Outage{}) {
		return nil
	}
	return &outage{o.Tracker, o.Problem, o.Since}
}

// codecs names how a channel is coded: "H.264", "HEVC", "MPEG-2", …; "AAC", "AC-3", "MP2", ….
type codecs struct {
	Video string `json:"video"` // empty for none or unknown
	Audio string `json:"audio"`

	Browser string `json:"browser"` // "plays", "some" where only some browsers do, "no"
}

func codecsOf(c proxy.Codecs) *codecs {
	if c == (proxy.Codecs{}) {
		return nil
	}
	return &codecs{c.Video, c.Audio, inBrowsers(c)}
}

func (s *Server) sessions() []session {
	all := s.config.Gateway.Sessions()
	list := make([]session, 0, len(all))
	for _, one := range all {
		list = append(list, session{
			ID: one.ID, Channel: one.Channel, State: one.State, Text: one.Text, Peers: one.Peers, DownBps: one.DownBps, UpBps: one.UpBps,
			BufferS: one.BufferS, Viewers: one.Viewers, Error: one.Error, Codecs: codecsOf(one.Codecs), NoLL: noLowLatency(one.NoFragments), Tracker: outageOf(one.Outage),
		})
	}
	return list
}

func (s *Server) listSessions(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, s.sessions())
}

// inBrowsers tells who plays a coding.
func inBrowsers(c proxy.Codecs) string {
	switch {
	case c.Video != "" && c.Video != "H.264" && c.Video != "HEVC", c.Audio != "" && c.Audio != "AAC":
		return "no"
	case c.Video == "HEVC":
		return "some"
	}
	return "plays"
}
