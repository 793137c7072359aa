package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/proxy"
)

// A channel as ffmpeg makes it is served, and named, where there is one.
func TestConvertedChannel(t *testing.T) {
	g := newFakeGateway()
	if w := ask(t, g, http.MethodGet, "/live/news/browser.ts", ""); w.Code != http.StatusNotImplemented || !strings.Contains(sentence(t, w), "ffmpeg") {
		t.Errorf("without ffmpeg: status %d, %s", w.Code, w.Body)
	}
	if w := ask(t, g, http.MethodGet, "/api/v1/channels/news", ""); strings.Contains(w.Body.String(), "converted") {
		t.Errorf("without ffmpeg: %s", w.Body)
	}
	g.converted = func(_ context.Context, id string) (io.ReadCloser, error) {
		if id != "news" {
			t.Errorf("%q is opened", id)
		}
		return io.NopCloser(strings.NewReader("GGGG")), nil
	}
	if w := ask(t, g, http.MethodGet, "/live/news/browser.ts", ""); w.Code != http.StatusOK || w.Body.String() != "GGGG" || w.Header().Get("Content-Type") != "video/mp2t" {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
	if w := ask(t, g, http.MethodGet, "/api/v1/channels/news", ""); !strings.Contains(w.Body.String(), `"converted":"http://192.168.1.5:8088/live/news/browser.ts"`) {
		t.Error(w.Body)
	}
	for _, path := range []string{"/live/short/browser.ts", "/live/none/browser.ts"} {
		if w := ask(t, g, http.MethodGet, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	for err, status := range map[error]int{proxy.ErrBusy: 503, errors.New("it can't be converted for browsers: ffmpeg: Invalid data"): 502} {
		g.converted = func(context.Context, string) (io.ReadCloser, error) { return nil, err }
		if w := ask(t, g, http.MethodGet, "/live/news/browser.ts", ""); w.Code != status {
			t.Errorf("%v: status %d", err, w.Code)
		}
	}
}

func TestWhoPlaysACoding(t *testing.T) {
	for _, c := range []struct{ video, audio, want string }{
		{"H.264", "AAC", "plays"}, {"H.264", "", "plays"}, {"", "AAC", "plays"}, {"HEVC", "AAC", "some"}, {"HEVC", "AC-3", "no"}, {"H.264", "MP2", "no"}, {"MPEG-2", "AAC", "no"},
	} {
		if got := inBrowsers(proxy.Codecs{Video: c.video, Audio: c.audio}); got != c.want {
			t.Errorf("%s and %s: %q, want %q", c.video, c.audio, got, c.want)
		}
	}
}
