package web

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// Tuner is the HDHomeRun that programs such as Plex, Jellyfin, Emby and Channels take the gateway
// for, which is how they record and show live channels.
type Tuner struct {
	ID    uint32 // hdhomerun.DeviceID
	Count int    // of tuners, 1 at least
}

func (s *Server) tunerRoutes() map[string]http.Handler {
	get := func(f http.HandlerFunc) methods { return methods{http.MethodGet: f} }
	return map[string]http.Handler{
		"/discover.json":      get(s.discover),
		"/lineup.json":        get(s.lineup),
		"/lineup_status.json": get(s.lineupStatus),
		"/lineup.post":        methods{http.MethodPost: s.lineupScan},
		"/device.xml":         get(s.tunerDevice),
		"/ch/{number}":        get(s.byNumber),
	}
}

// The model that is told: one whose streams are plain transport streams.
const (
	tunerMaker = "Silicondust"
	tunerModel = "HDTC-2US"
)

func (s *Server) discover(w http.ResponseWriter, r *http.Request) {
	base := s.origin(r)
	answerJSON(w, http.StatusOK, map[string]any{
		"FriendlyName": s.config.Name, "Manufacturer": tunerMaker, "ModelNumber": tunerModel, "FirmwareName": "hdhomeruntc_atsc", "FirmwareVersion": "20150826",
		"DeviceID": fmt.Sprintf("%08X", s.config.Tuner.ID), "DeviceAuth": "swarmgate", "BaseURL": base, "LineupURL": base + "/lineup.json", "TunerCount": s.config.Tuner.Count,
	})
}

// tunedChannel is an entry of /lineup.json.
type tunedChannel struct {
	GuideNumber string
	GuideName   string
	VideoCodec  string `json:",omitempty"`
	AudioCodec  string `json:",omitempty"`
	URL         string
}

// tunerCodecs are the names by which tuners call codecs.
var tunerCodecs = map[string]string{"MPEG-2": "MPEG2", "H.264": "H264", "AC-3": "AC3", "E-AC-3": "AC3", "MP2": "MPEG"}

func (s *Server) lineup(w http.ResponseWriter, r *http.Request) {
	list := []tunedChannel{}
	for i, item := range s.liveItems() {
		list = append(list, tunedChannel{
			GuideNumber: strconv.Itoa(i + 1), GuideName: oneLine(item.Title), URL: s.urlsOf(r, item).TS,
			VideoCodec: cmp.Or(tunerCodecs[item.Codecs.Video], item.Codecs.Video), AudioCodec: cmp.Or(tunerCodecs[item.Codecs.Audio], item.Codecs.Audio),
		})
	}
	answerJSON(w, http.StatusOK, list)
}

// liveItems are the channels, whose numbers are their places from 1 on.
func (s *Server) liveItems() []proxy.Item {
	var list []proxy.Item
	for _, item := range s.config.Gateway.Items() {
		if item.Kind == ppsp.Live {
			list = append(list, item)
		}
	}
	return list
}

func (s *Server) lineupStatus(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{"ScanInProgress": 0, "ScanPossible": 1, "Source": "Cable", "SourceList": []string{"Cable"}})
}

// lineupScan answers who asks for a scan of channels: there is nothing to be sought.
func (s *Server) lineupScan(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (s *Server) tunerDevice(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/xml; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
<URLBase>%s</URLBase>
<specVersion><major>1</major><minor>0</minor></specVersion>
<device>
<deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>
<friendlyName>%s</friendlyName>
<manufacturer>%s</manufacturer>
<modelName>%s</modelName>
<modelNumber>%s</modelNumber>
<serialNumber>%08X</serialNumber>
<UDN>uuid:%08x-7377-6172-6d67-617465000000</UDN>
</device>
</root>
`, xmlText(s.origin(r)), xmlText(s.config.Name), tunerMaker, tunerModel, tunerModel, s.config.Tuner.ID, s.config.Tuner.ID)
}

// byNumber serves /ch/{number}: the stream of a channel by its number, for remote controls and
// scripts that want short addresses.
func (s *Server) byNumber(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("number"))
	live := s.liveItems()
	if err != nil || n < 1 || n > len(live) {
		s.fail(w, http.StatusNotFound, fmt.Sprintf("There is no channel of this number; they go from 1 to %d.", len(live)))
		return
	}
	r.SetPathValue("file", live[n-1].ID+".ts")
	s.live(w, r)
}
