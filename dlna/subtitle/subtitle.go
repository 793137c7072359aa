// Package subtitle serves the subtitles of films to screens.
package subtitle

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/proxy"
)

const (
	// Root is the path under which Server expects its requests.
	Root = "/dlna/subtitle/"
	// Type is the type of the files, as Samsung writes it.
	Type = "srt"
	// ProtocolInfo is the res@protocolInfo of DIDL-Lite.
	ProtocolInfo = "http-get:*:text/srt:*"

	contentType = "text/srt; charset=utf-8"
	suffix      = "." + Type
)

// Path returns the path at which a film's subtitles in a language lie.
func Path(id, language string) string {
	if language != "" {
		id += "." + language
	}
	return Root + url.PathEscape(id) + suffix
}

// First returns the path of a film's first subtitles, empty for none.
func First(item proxy.Item) string {
	if len(item.Subtitles) == 0 {
		return ""
	}
	return Path(item.ID, item.Subtitles[0].Language)
}

// Library is where subtitles come from.
type Library interface {
	// Subtitle returns a file of SubRip; proxy.ErrNotFound if there is none.
	Subtitle(id, language string) ([]byte, error)
}

// Server sends subtitles. It is an http.Handler for the paths that Path returns, with the last
// segment as the path value "file".
type Server struct {
	Library Library
	Product string // SERVER header
	Logger  zerolog.Logger
}

// ServeHTTP sends the file named by the path value "file".
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, language, _ := strings.Cut(strings.TrimSuffix(r.PathValue("file"), suffix), ".")
	b, err := s.Library.Subtitle(id, language)
	if errors.Is(err, proxy.ErrNotFound) {
		http.Error(w, "there are no such subtitles", http.StatusNotFound)
		return
	}
	if err != nil {
		s.Logger.Warn().Err(err).Str("film", id).Msg("subtitles can't be read")
		http.Error(w, "the subtitles can't be read", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h["SERVER"] = []string{s.Product}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "no-cache")
	h["transferMode.dlna.org"] = []string{"Background"}
	_, _ = w.Write(b)
}
