package web

import (
	"net"
	"net/http"
	"net/url"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// origin returns scheme and host as the client knows them: "http://192.168.1.5:8088". The
// guard has checked the host.
func (s *Server) origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || reachOf(r).secure {
		scheme = "https"
	}
	host := r.Host
	if host == "" { // a client of HTTP/1.0
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = addr.String()
		}
	}
	return scheme + "://" + host + reachOf(r).base
}

// itemURLs are the absolute addresses of an item.
type itemURLs struct {
	Page string `json:"page"`
	TS   string `json:"ts,omitempty"`
	HLS  string `json:"hls,omitempty"`
	LL   string `json:"ll,omitempty"`        // Low-Latency HLS with fragmented MP4; sends on to HLS where the coding does not allow it
	Conv string `json:"converted,omitempty"` // a transport stream with H.264 and AAC, made by ffmpeg; missing where there is none
	File string `json:"file,omitempty"`
}

func (s *Server) urlsOf(r *http.Request, item proxy.Item) itemURLs {
	origin, key := s.origin(r), s.streamKey(r)
	id := url.PathEscape(item.ID)
	urls := itemURLs{Page: origin + "/watch/" + id}
	if item.Kind == ppsp.Live {
		urls.TS = origin + key + "/live/" + id + ".ts"
		urls.HLS = origin + key + "/live/" + id + "/index.m3u8"
		if g := s.config.Gateway; g != nil && g.Converts() {
			urls.Conv = origin + key + "/live/" + id + "/" + convertedFile
		}
		urls.LL = origin + key + "/live/" + id + "/" + lowLatencyList
	} else {
		urls.File = origin + key + "/film/" + id
	}
	return urls
}
