package proxy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A channel comes in fragmented MP4 while it is asked for so; its players count as viewers.
func TestChannelInFragments(t *testing.T) {
	w := newWorld(t)
	link := w.channel()
	g := w.gateway(link)
	id := ItemID(link.SwarmID)
	for range 2 {
		h, err := g.LowLatency(w.ctx, id, "player")
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/live/x/ll.m3u8", nil))
		if body := answer.Body.String(); !strings.Contains(body, "avc1.") || !strings.Contains(body, "mp4a.") {
			t.Fatalf("status %d, %s", answer.Code, body)
		}
	}
	if s := g.Sessions(); len(s) != 1 || s[0].Viewers != 1 || len(g.fragmenting) != 1 {
		t.Errorf("sessions %+v, want one viewer; %d in fragments", s, len(g.fragmenting))
	}
	if _, err := g.LowLatency(w.ctx, "other", "player"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another channel: %v", err)
	}
	g.mu.Lock()
	c := g.sessions[id].channelContent()
	g.mu.Unlock()
	c.fragments.mu.Lock()
	c.fragments.why, c.fragments.of = "its sound is AC-3", c.bus.Reference()
	c.fragments.mu.Unlock()
	if _, err := g.LowLatency(w.ctx, id, "player"); !errors.As(err, &NoFragmentsError{}) {
		t.Errorf("what can't be: %v", err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for g.Sessions()[0].NoFragments != "its sound is AC-3" {
		if time.Now().After(deadline) {
			t.Fatal("the session does not tell why")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for range maxLowLatency - 1 {
		g.fragmenting <- struct{}{}
	}
	c.fragments.mu.Lock()
	c.fragments.why, c.fragments.stream = "", nil
	c.fragments.mu.Unlock()
	if _, err := g.LowLatency(w.ctx, id, "player"); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	for range maxLowLatency - 1 {
		<-g.fragmenting
	}
}
