package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/swarmgate/swarmgate/proxy"
)

// Subtitles has the texts with which films can be watched.
type Subtitles interface {
	// Subtitle returns one of them as a file of SubRip: proxy.ErrNotFound if there is none.
	Subtitle(id, language string) ([]byte, error)
}

// subtitle is a text of a film at /api/v1/channels.
type subtitle struct {
	Language string `json:"language"` // ISO 639, empty where nobody said
	URL      string `json:"url"`      // of the text as WebVTT, which browsers read
}

func subtitlesOf(origin string, item proxy.Item) []subtitle {
	list := make([]subtitle, 0, len(item.Subtitles))
	for _, one := range item.Subtitles {
		name := one.Language
		if name == "" {
			name = unnamed
		}
		list = append(list, subtitle{one.Language, origin + "/film/" + url.PathEscape(item.ID) + "/subtitles/" + name + ".vtt"})
	}
	return list
}

// unnamed stands in a URL for the language of a text of which nobody said it (ISO 639-2, "undetermined").
const unnamed = "und"

// subtitles serves /film/{id}/subtitles/{file}: a language with the suffix ".vtt".
func (s *Server) subtitles(w http.ResponseWriter, r *http.Request) {
	language, ok := strings.CutSuffix(r.PathValue("file"), ".vtt")
	if language == unnamed {
		language = ""
	}
	text, err := s.config.Gateway.Subtitle(r.PathValue("id"), language)
	if !ok || errors.Is(err, proxy.ErrNotFound) {
		s.fail(w, http.StatusNotFound, "There are no subtitles under this address; /api/v1/channels lists those that there are.")
		return
	}
	if err != nil {
		s.log.Warn().Err(err).Msg("subtitles can't be read")
		s.fail(w, http.StatusInternalServerError, asSentence(err.Error()))
		return
	}
	w.Header().Set("Content-Type", "text/vtt; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(webVTT(text)) // a client that has gone needs no answer
}

// srtTimes is the line of a cue with its times; SubRip has a comma where WebVTT has a point.
var srtTimes = regexp.MustCompile(`(?m)^([ \t]*\d+:\d\d:\d\d)[,.](\d{3})([ \t]*-->[ \t]*\d+:\d\d:\d\d)[,.](\d{3})[^\n]*$`)

// webVTT turns SubRip into WebVTT. What is no UTF-8 is taken for Latin-1, as old files are.
func webVTT(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	if !utf8.Valid(text) {
		text = fromLatin1(text)
	}
	return append([]byte("WEBVTT\n\n"), srtTimes.ReplaceAll(text, []byte("$1.$2$3.$4"))...)
}

func fromLatin1(text []byte) []byte {
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return []byte(string(runes))
}
