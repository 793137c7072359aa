package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// MaxPreview bounds how many links of a list are shown at once.
const MaxPreview = 500

// preview is what a text that a person pasted names, at /api/v1/preview. Nothing is joined, nobody
// is asked.
type preview struct {
	Found   []previewed `json:"found"`
	Problem string      `json:"problem"` // one sentence, empty when all of it was understood
}

// previewed is one channel or film of a preview.
type previewed struct {
	ID        string   `json:"id"`
	Link      string   `json:"link"`
	Title     string   `json:"title"`
	Kind      string   `json:"kind"`
	Group     string   `json:"group"`
	Logo      string   `json:"logo"`
	Length    int64    `json:"length"`     // bytes, 0 unknown
	DurationS float64  `json:"duration_s"` // 0 unknown
	RateBps   int64    `json:"rate_bps"`   // 0 unknown
	Trackers  []string `json:"trackers"`   // hosts that will be asked for peers
	Closed    bool     `json:"closed"`     // only members take part
	Known     bool     `json:"known"`      // is in the catalog
}

// showPreview takes {"text": "…"}: a link, a list (M3U) of links, or the address of such a list.
func (s *Server) showPreview(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Text string `json:"text"`
	}
	if !s.readJSON(w, r, &body, `{"text": "…"} with a link or a list of links, at most 64 KiB`) {
		return
	}
	address := listAddress(body.Text)
	if address == "" {
		answerJSON(w, http.StatusOK, s.preview(body.Text))
		return
	}
	text, err := s.fetchList(r.Context(), address)
	if err != nil {
		s.log.Info().Str("address", address).Str("client", r.RemoteAddr).Err(err).Msg("list not fetched")
		answerJSON(w, http.StatusOK, preview{Found: []previewed{}, Problem: fmt.Sprintf(
			"The list at %s can't be fetched: %v; save it as a file and choose that.", address, err)})
		return
	}
	p := s.preview(text)
	if len(p.Found) == 0 {
		p.Problem = fmt.Sprintf("What lies at %s is no list of swarms; its lines would begin with \"ppsp:\".", address)
	}
	answerJSON(w, http.StatusOK, p)
}

func (s *Server) preview(text string) preview {
	p := preview{Found: []previewed{}}
	var words extinf
	seen := map[string]bool{}
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r", "\n"), "\n")
	foreign := 0
	for _, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXTINF:"):
			words = parseEXTINF(line)
			continue
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case !looksLikeLink(line) && len(p.Found)+foreign > 0 || isAddress(line):
			foreign++
			words = extinf{} // they were said of this line
			continue
		}
		l, err := ppsp.ParseLink(line)
		if err != nil {
			words = extinf{}
			p.Problem = asSentence(err.Error())
			continue
		}
		words.fill(&l)
		words = extinf{}
		one := s.previewed(l)
		if seen[one.ID] {
			continue
		}
		if len(p.Found) == MaxPreview {
			p.Problem = "The list is longer than what is shown at once; add these, then paste the rest."
			break
		}
		seen[one.ID] = true
		p.Found = append(p.Found, one)
	}
	switch {
	case strings.TrimSpace(text) == "":
		p.Problem = "Nothing was pasted; copy the link that the publisher gave you."
	case len(p.Found) == 0 && foreign > 0:
		p.Problem = "This is a web address, and no link of a swarm, which begins with \"ppsp:\"; ask its publisher for that link, or open the address and copy it from there."
	case len(p.Found) == 0 && p.Problem == "":
		p.Problem = "This names no channel and no film; a link begins with \"ppsp:\"."
	}
	return p
}

func looksLikeLink(line string) bool {
	return len(line) > 5 && strings.EqualFold(line[:5], "ppsp:")
}

// isAddress tells whether a line is an address of the web rather than a link.
func isAddress(line string) bool {
	u, err := url.Parse(line)
	return err == nil && slices.Contains([]string{"http", "https", "udp", "rtp", "rtsp", "rtmp", "srt", "magnet", "acestream"}, strings.ToLower(u.Scheme))
}

func (s *Server) previewed(l ppsp.Link) previewed {
	one := previewed{
		ID: proxy.ItemID(l.SwarmID), Link: l.String(), Title: l.Title, Kind: l.Kind.String(), Group: l.Group, Logo: proxy.PublicLogo(l.Logo),
		Length: l.Length, DurationS: l.Duration.Seconds(), RateBps: l.Rate, Trackers: []string{}, Closed: l.Closed,
	}
	if one.Title == "" {
		one.Title = "Swarm " + l.SwarmID.Short()
	}
	_, one.Known = s.config.Gateway.Item(one.ID)
	for _, tracker := range l.Trackers {
		if u, err := url.Parse(tracker); err == nil {
			one.Trackers = append(one.Trackers, u.Host)
		}
	}
	return one
}

// extinf is what a list says of the link on its next line.
type extinf struct{ title, group, logo string }

// parseEXTINF reads a line "#EXTINF:-1 tvg-logo="…" group-title="…",Title".
func parseEXTINF(line string) extinf {
	var e extinf
	rest := strings.TrimPrefix(line, "#EXTINF:")
	for {
		before, after, found := strings.Cut(rest, `="`)
		if !found {
			break
		}
		value, behind, closed := strings.Cut(after, `"`)
		if !closed {
			break
		}
		switch name := before[strings.LastIndexAny(before, " ,:\t")+1:]; name {
		case "group-title":
			e.group = value
		case "tvg-logo":
			e.logo = value
		case "tvg-name":
			e.title = value
		}
		rest = behind
	}
	if _, title, found := strings.Cut(rest, ","); found && strings.TrimSpace(title) != "" {
		e.title = strings.TrimSpace(title)
	}
	return e
}

// fill puts the list's words where the link has none of its own.
func (e extinf) fill(l *ppsp.Link) {
	filled := *l
	for _, word := range []struct {
		to   *string
		from string
	}{{&filled.Title, e.title}, {&filled.Group, e.group}, {&filled.Logo, e.logo}} {
		if *word.to == "" {
			*word.to = word.from
		}
	}
	if filled.Validate() == nil { // words that no link can have stay away
		*l = filled
	}
}
