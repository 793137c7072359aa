package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/swarmgate/swarmgate/ppsp"
)

// filmsFeed serves /films.json: the films as a JSON Feed (version 1.1).
func (s *Server) filmsFeed(w http.ResponseWriter, r *http.Request) {
	type attachment struct {
		URL      string  `json:"url"`
		Type     string  `json:"mime_type"`
		Size     int64   `json:"size_in_bytes,omitempty"`
		Duration float64 `json:"duration_in_seconds,omitempty"`
	}
	type entry struct {
		ID          string       `json:"id"`
		URL         string       `json:"url"`
		Title       string       `json:"title"`
		Content     string       `json:"content_text"`
		Image       string       `json:"image,omitempty"`
		Tags        []string     `json:"tags,omitempty"`
		Attachments []attachment `json:"attachments"`
	}
	items := []entry{}
	for _, item := range s.config.Gateway.Items() {
		if item.Kind != ppsp.Film {
			continue
		}
		urls := s.urlsOf(r, item)
		one := entry{
			ID: item.ID, URL: urls.Page, Title: item.Title, Content: item.Title, Image: item.Logo,
			Attachments: []attachment{{urls.File, mediaType(item.MediaType), item.Length, item.Duration.Seconds()}},
		}
		if item.Group != "" {
			one.Tags = []string{item.Group}
		}
		items = append(items, one)
	}
	body, err := json.Marshal(map[string]any{
		"version": "https://jsonfeed.org/version/1.1", "title": s.config.Name, "home_page_url": s.origin(r) + "/", "feed_url": s.origin(r) + "/films.json", "items": items,
	})
	if err != nil {
		s.fail(w, http.StatusInternalServerError, "The films can't be written as JSON.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/feed+json")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// filmsRSS serves /films.rss: the films as RSS 2.0, with enclosures as podcast programs take them.
func (s *Server) filmsRSS(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/rss+xml; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"><channel><title>%s</title><link>%s</link><description>Films</description>\n",
		xmlText(s.config.Name), xmlText(s.origin(r)+"/"))
	for _, item := range s.config.Gateway.Items() {
		if item.Kind != ppsp.Film {
			continue
		}
		urls := s.urlsOf(r, item)
		fmt.Fprintf(w, "<item><title>%s</title><link>%s</link><guid isPermaLink=\"false\">%s</guid>", xmlText(item.Title), xmlText(urls.Page), xmlText(item.ID))
		if item.Group != "" {
			fmt.Fprintf(w, "<category>%s</category>", xmlText(item.Group))
		}
		fmt.Fprintf(w, "<enclosure url=\"%s\" length=\"%d\" type=\"%s\"/></item>\n", xmlText(urls.File), item.Length, xmlText(mediaType(item.MediaType)))
	}
	fmt.Fprint(w, "</channel></rss>\n")
}
