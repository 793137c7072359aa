package web

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// playlistType is the media type of playlists (RFC 8216, 4).
const playlistType = "application/vnd.apple.mpegurl"

// hls serves /live/{id}/index.m3u8, and the segments beside it.
func (s *Server) hls(w http.ResponseWriter, r *http.Request) {
	item, found := s.config.Gateway.Item(r.PathValue("id"))
	if !found || item.Kind != ppsp.Live {
		s.fail(w, http.StatusNotFound, "There is no channel under this address; /channels.m3u lists those that there are.")
		return
	}
	if r.PathValue("part") == "index.m3u8" {
		s.hlsPlaylist(w, r, item)
		return
	}
	if part := r.PathValue("part"); part == lowLatencyList || strings.Contains(part, "_") {
		s.lowLatency(w, r, item)
		return
	}
	if r.PathValue("part") == convertedFile {
		s.converted(w, r, item)
		return
	}
	name, ts := strings.CutSuffix(r.PathValue("part"), ".ts")
	number, err := strconv.ParseUint(name, 10, 64)
	if err != nil || !ts {
		s.fail(w, http.StatusNotFound, "There is no such part of this channel; index.m3u8 lists those that there are.")
		return
	}
	s.hlsSegment(w, r, item, number)
}

func (s *Server) hlsPlaylist(w http.ResponseWriter, r *http.Request, item proxy.Item) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		h.Set("Content-Type", playlistType) // no swarm is joined for it
		return
	}
	if !s.enter(w) {
		return
	}
	defer s.streams.give()
	ctx, cancel := context.WithTimeoutCause(r.Context(), openTimeout, errTooSlow)
	defer cancel()
	list, err := s.config.Gateway.Segments(ctx, item.ID, player(r))
	if err != nil {
		if errors.Is(context.Cause(ctx), errTooSlow) {
			err = errTooSlow
		}
		s.failOpen(w, r, item.Title, err)
		return
	}
	h.Set("Content-Type", playlistType)
	h.Add("Vary", "Accept-Encoding")
	body := appendPlaylist(nil, list)
	// "HTTP servers SHOULD transfer text files -- such as Playlists … using the "gzip"
	// Content-Encoding if the client indicates that it is prepared to accept it" (RFC 8216, 6.2.1).
	if len(body) > gzipFrom && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a constant that exists
		_, _ = z.Write(body)                           // a client that has gone needs no answer
		_ = z.Close()
		return
	}
	_, _ = w.Write(body)
}

// gzipFrom is the length in bytes from which on compressing is worth its memory.
const gzipFrom = 4 << 10

// player names who asks, for counting viewers: by address, as players ask over several
// connections.
func player(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	agent := r.UserAgent()
	return host + " " + agent[:min(len(agent), maxAgent)]
}

// maxAgent bounds what is remembered of a User-Agent, in bytes.
const maxAgent = 200

// appendPlaylist writes a playlist (RFC 8216, 4.3).
func appendPlaylist(b []byte, list mpegts.Playlist) []byte {
	b = fmt.Appendf(b, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n",
		int(list.Target.Seconds()), list.Segments[0].Number, list.Discontinuities)
	for i, segment := range list.Segments {
		if segment.Discontinuity {
			b = append(b, "#EXT-X-DISCONTINUITY\n"...)
		}
		if i == 0 || segment.Discontinuity {
			b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
			b = append(segment.Date.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z"), '\n')
		}
		b = fmt.Appendf(b, "#EXTINF:%.5f,\n%d.ts\n", segment.Duration.Seconds(), segment.Number)
	}
	return b
}

func (s *Server) hlsSegment(w http.ResponseWriter, r *http.Request, item proxy.Item, number uint64) {
	segment, err := s.config.Gateway.Segment(item.ID, player(r), number)
	if err != nil {
		s.fail(w, http.StatusNotFound, "This part of the channel is no longer kept; load index.m3u8 again.")
		return
	}
	if !s.enter(w) {
		return
	}
	defer s.streams.give()
	h := w.Header()
	h.Set("Content-Type", "video/mp2t")
	h.Set("Cache-Control", "private, max-age=60")
	http.ServeContent(timedWriter{w, http.NewResponseController(w)}, withoutBadRange(r), "", time.Time{}, segment)
}

// timedWriter ends the response to a client that takes nothing.
type timedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write sends with a limit of time.
func (w timedWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(stuckLive)) // a connection without deadlines only waits longer
	return w.ResponseWriter.Write(b)
}
