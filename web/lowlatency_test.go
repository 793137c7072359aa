package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/swarmgate/swarmgate/proxy"
)

func TestLowLatencyHLS(t *testing.T) {
	g := newFakeGateway()
	var client string
	g.lowLatency = func(_ context.Context, who string) (http.Handler, error) {
		client = who
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/gone_seg1.mp4") {
				w.Header().Set("Content-Type", playlistType)
				_, _ = w.Write([]byte("#EXTM3U " + r.URL.Path + "?" + r.URL.RawQuery))
			}
		}), nil
	}
	for _, path := range []string{"/live/news/ll.m3u8?", "/live/news/video1_stream.m3u8?_HLS_msn=8&_HLS_part=1", "/live/news/0a_video1_part3.mp4?"} {
		if w := ask(t, g, http.MethodGet, path, "", header("User-Agent", "Safari")); w.Code != http.StatusOK || w.Body.String() != "#EXTM3U "+path {
			t.Errorf("%s: status %d, %s", path, w.Code, w.Body)
		}
	}
	if client != "192.168.1.20 Safari" {
		t.Errorf("the player is %q", client)
	}
	if w := ask(t, g, http.MethodGet, "/live/news/gone_seg1.mp4", ""); w.Code != http.StatusNotFound {
		t.Errorf("what is gone: status %d", w.Code)
	} else {
		sentence(t, w)
	}
	for _, path := range []string{"/live/none/ll.m3u8", "/live/short/ll.m3u8"} {
		if w := ask(t, g, http.MethodGet, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	g.lowLatency = nil
	if w := ask(t, g, http.MethodHead, "/live/news/ll.m3u8", ""); w.Code != http.StatusOK || w.Header().Get("Content-Type") != playlistType {
		t.Errorf("HEAD: status %d", w.Code)
	}
}

// Players of a channel whose coding does not allow it get it in segments of its transport stream, and the word why.
func TestLowLatencyFallsBack(t *testing.T) {
	g := newFakeGateway()
	g.lowLatency = func(context.Context, string) (http.Handler, error) {
		return nil, proxy.NoFragmentsError{Why: "its sound is AC-3"}
	}
	w := ask(t, g, http.MethodGet, "/live/news/ll.m3u8", "")
	if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != "index.m3u8" || !strings.Contains(sentence(t, w), "AC-3") {
		t.Errorf("status %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	if w := ask(t, g, http.MethodGet, "/live/news/0a_video1_part3.mp4", ""); w.Code != http.StatusNotFound {
		t.Errorf("a part: status %d", w.Code)
	}
	g.sessions = []proxy.Session{{ID: "s", Channel: "news", NoFragments: "its sound is AC-3"}}
	if w := ask(t, g, http.MethodGet, "/api/v1/sessions", ""); !strings.Contains(w.Body.String(), `"no_low_latency":"This channel can't be had in fragmented MP4: its sound is AC-3."`) {
		t.Error(w.Body)
	}
	for err, status := range map[error]int{proxy.ErrBusy: 503, errors.New("tracker says no"): 502} {
		g.lowLatency = func(context.Context, string) (http.Handler, error) { return nil, err }
		if w := ask(t, g, http.MethodGet, "/live/news/ll.m3u8", ""); w.Code != status {
			t.Errorf("%v: status %d", err, w.Code)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.lowLatency = func(ctx context.Context, _ string) (http.Handler, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if w := ask(t, g, http.MethodGet, "/live/news/ll.m3u8", ""); w.Code != http.StatusGatewayTimeout {
			t.Errorf("nobody sends: status %d", w.Code)
		}
	})
}
