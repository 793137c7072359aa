package web

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// Guide is what this package needs of a programme guide (proxy/guide).
type Guide interface {
	// OnAir returns what is on a channel at a time, and what comes then; zero ones are not known.
	OnAir(id string, at time.Time) (now, next proxy.Programme)
	// Programmes returns what is on a channel between two times, in order.
	Programmes(id string, from, to time.Time) []proxy.Programme
}

// programme is a broadcast at /api/v1/guide and in /api/v1/channels.
type programme struct {
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
}

func programmeOf(p proxy.Programme) *programme {
	if p.Title == "" {
		return nil
	}
	return &programme{p.Title, p.Description, p.Start.UTC(), p.End.UTC()}
}

// onAir is what is on a channel now and next, nil for unknown.
func (s *Server) onAir(id string, at time.Time) (now, next *programme) {
	if s.config.Guide == nil {
		return nil, nil
	}
	a, b := s.config.Guide.OnAir(id, at)
	return programmeOf(a), programmeOf(b)
}

// maxGuideHours bounds what one answer of the guide covers.
const maxGuideHours = 8 * 24

// showGuide serves /api/v1/guide?channel=ID&hours=N: what is on a channel, or on all, from now on.
func (s *Server) showGuide(w http.ResponseWriter, r *http.Request) {
	hours := 24
	if text := r.FormValue("hours"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxGuideHours {
			s.fail(w, http.StatusBadRequest, fmt.Sprintf("hours has to be a number from 1 to %d.", maxGuideHours))
			return
		}
		hours = n
	}
	wanted := r.FormValue("channel")
	if _, found := s.config.Gateway.Item(wanted); wanted != "" && !found {
		s.noChannel(w)
		return
	}
	if !s.guides.take() {
		s.busy(w, "The gateway is telling the guide to as many as it may already; try again in a moment.")
		return
	}
	defer s.guides.give()
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	b := bufio.NewWriter(timedWriter{w, http.NewResponseController(w)})
	defer func() { _ = b.Flush() }() // a client that has gone needs no answer
	now, text, comma := time.Now(), maxGuideText, ""
	fmt.Fprint(b, "{")
	for _, item := range s.config.Gateway.Items() {
		if item.Kind != ppsp.Live || wanted != "" && item.ID != wanted {
			continue
		}
		list := []programme{}
		for _, p := range s.programmes(item.ID, now, now.Add(time.Duration(hours)*time.Hour), &text) {
			list = append(list, *programmeOf(p))
		}
		name, _ := json.Marshal(item.ID) // texts and times can always be written
		body, _ := json.Marshal(list)
		if _, err := fmt.Fprintf(b, "%s%s:%s", comma, name, body); err != nil {
			return
		}
		comma = ","
	}
	fmt.Fprint(b, "}\n")
}

const (
	// MaxGuides bounds the answers with the guide under way: each reads all of it.
	MaxGuides = 8
	// maxGuideText bounds the bytes of descriptions in one answer; broadcasts beyond have a title only.
	maxGuideText = 4 << 20
)

// programmes are the broadcasts of a channel with as many descriptions as the text that is left has room for.
func (s *Server) programmes(id string, from, to time.Time, text *int) []proxy.Programme {
	if s.config.Guide == nil {
		return nil
	}
	list := s.config.Guide.Programmes(id, from, to)
	for i := range list {
		if *text < len(list[i].Description) {
			list[i].Description = ""
		}
		*text -= len(list[i].Description)
	}
	return list
}

// xmltv serves /xmltv.xml, and /xmltv.xml.gz, with the catalog's IDs as in tvg-id of the playlists.
func (s *Server) xmltv(w http.ResponseWriter, r *http.Request) {
	if !s.guides.take() {
		s.busy(w, "The gateway is telling the guide to as many as it may already; try again in a moment.")
		return
	}
	defer s.guides.give()
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	timed := timedWriter{w, http.NewResponseController(w)}
	to := io.Writer(timed)
	if strings.HasSuffix(r.URL.Path, ".gz") {
		h.Set("Content-Type", "application/gzip")
		z, _ := gzip.NewWriterLevel(timed, gzip.BestSpeed) // the level is a constant that exists
		defer z.Close()
		to = z
	} else {
		h.Set("Content-Type", "application/xml; charset=utf-8")
	}
	if r.Method == http.MethodHead {
		return
	}
	b := bufio.NewWriter(to)
	defer func() { _ = b.Flush() }() // a client that has gone needs no answer
	fmt.Fprintf(b, "%s<tv generator-info-name=%q>\n", xml.Header, "Swarmgate")
	items := s.config.Gateway.Items()
	for _, item := range items {
		if item.Kind == ppsp.Live {
			fmt.Fprintf(b, "<channel id=\"%s\"><display-name>%s</display-name>", xmlText(item.ID), xmlText(item.Title))
			if strings.HasPrefix(item.Logo, "https:") {
				fmt.Fprintf(b, "<icon src=\"%s\"/>", xmlText(item.Logo))
			}
			fmt.Fprint(b, "</channel>\n")
		}
	}
	now, text := time.Now(), maxGuideText
	const form = "20060102150405 -0700"
	for _, item := range items {
		if item.Kind != ppsp.Live {
			continue
		}
		for _, p := range s.programmes(item.ID, now.Add(-time.Hour), now.Add(maxGuideHours*time.Hour), &text) {
			fmt.Fprintf(b, "<programme start=\"%s\" stop=\"%s\" channel=\"%s\"><title>%s</title>", p.Start.Format(form), p.End.Format(form), xmlText(item.ID), xmlText(p.Title))
			if p.Description != "" {
				fmt.Fprintf(b, "<desc>%s</desc>", xmlText(p.Description))
			}
			fmt.Fprint(b, "</programme>\n")
		}
	}
	fmt.Fprint(b, "</tv>\n")
}

// xmlText escapes text for XML; what XML can't hold becomes U+FFFD.
func xmlText(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}
