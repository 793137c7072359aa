package web

import "net/http"

// Discovery is whether TVs of the home find the gateway's media server.
type Discovery struct {
	Name    string   // under which TVs list it, empty when there is none
	FoundOn []string // names of the network interfaces on which they find it
	Problem string   // why they don't, or not on every network, and what to do; one sentence, empty when all is well
	Off     bool     // none was wanted
}

// device is a Discovery at /api/v1/device and in events.
type device struct {
	Name    string   `json:"name"`
	FoundOn []string `json:"found_on"`
	Problem string   `json:"problem"`
}

func (s *Server) device() device {
	if s.config.Discovery == nil {
		return device{FoundOn: []string{}, Problem: "This gateway is no media server, so TVs can't find it."}
	}
	found := s.config.Discovery()
	d := device{found.Name, found.FoundOn, found.Problem}
	if d.FoundOn == nil {
		d.FoundOn = []string{}
	}
	return d
}

func (s *Server) showDevice(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, s.device())
}
