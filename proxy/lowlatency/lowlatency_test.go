package lowlatency

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clip is the demo's channel: H.264 and AAC, a keyframe a second.
func clip(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("../../cmd/swarmgate/media/channel.ts")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// endless gives bytes, and then waits for the end of a context.
type endless struct {
	ctx  context.Context
	from io.Reader
}

func (e endless) Read(p []byte) (int, error) {
	if n, err := e.from.Read(p); n > 0 || !errors.Is(err, io.EOF) {
		return n, err
	}
	<-e.ctx.Done()
	return 0, context.Cause(e.ctx)
}

// running has a stream of bytes run until the test ends.
func running(t *testing.T, b []byte, idle time.Duration) (s *Stream, ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s, ended = New(ctx, idle), make(chan error, 1)
	go func() {
		err := s.Run(endless{s.Context(), bytes.NewReader(b)})
		ended <- err
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		for range ended {
		}
	})
	return s, ended
}

func fetch(s *Stream, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Code = 0
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// The lists name each other, and parts that begin as fragmented MP4 does.
func TestListsAndParts(t *testing.T) {
	s, _ := running(t, clip(t)[:300_000/188*188], time.Minute)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := fetch(s, "/live/x/ll.m3u8").Body.String()
	if !strings.HasPrefix(all, "#EXTM3U") || !strings.Contains(all, "avc1.") || !strings.Contains(all, "mp4a.40.2") {
		t.Fatalf("the list of lists is\n%s", all)
	}
	media := regexp.MustCompile(`(?m)^video\S+`).FindString(all)
	list := fetch(s, "/live/x/"+media).Body.String()
	for _, want := range []string{"#EXT-X-PART-INF:", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES", "#EXT-X-MAP:", "#EXT-X-PROGRAM-DATE-TIME:"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}
	for _, c := range []struct{ form, box string }{{`#EXT-X-MAP:URI="([^"]+)"`, "ftyp"}, {`#EXT-X-PART:.*URI="([^"]+)"`, "moof"}} {
		found := regexp.MustCompile(c.form).FindStringSubmatch(list)
		if found == nil {
			t.Fatalf("no %s in\n%s", c.form, list)
		}
		if !strings.Contains(found[1], "_") {
			t.Errorf("%q is not told from segments of the transport stream", found[1])
		}
		if b := fetch(s, "/live/x/"+found[1]).Body.Bytes(); len(b) < 100 || string(b[4:8]) != c.box {
			t.Errorf("%s has %d bytes, and does not begin with %s", found[1], len(b), c.box)
		}
	}
	if w := fetch(s, "/live/x/none_seg1.mp4"); w.Code != 0 || w.Body.Len() != 0 {
		t.Errorf("what is not there was answered %d", w.Code)
	}
}

// A stream ends when nobody asks, when nothing comes, and with what it reads.
func TestStreamsEnd(t *testing.T) {
	s, ended := running(t, clip(t)[:200_000/188*188], 50*time.Millisecond)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("nobody asked: %v", err)
	}
	if s.Context().Err() == nil {
		t.Error("its context goes on")
	}
	if err := s.Open(t.Context()); err != nil { // it had opened
		t.Error(err)
	}
	if w := fetch(s, "/ll.m3u8"); w.Code == http.StatusOK {
		t.Error("a stream that has ended answers")
	}
	s = New(t.Context(), time.Minute)
	if err := s.Run(bytes.NewReader(clip(t)[:1880])); !errors.Is(err, io.EOF) {
		t.Errorf("the end of what it reads: %v", err)
	}
	if err := s.Open(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("opened after: %v", err)
	}
	if w := fetch(s, "/ll.m3u8"); w.Code != 0 {
		t.Errorf("answered %d", w.Code)
	}
}

// What can't be done is told as a Problem, at once.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ video, audio, why string }{
		{"H.264", "AAC", ""},
		{"HEVC", "AAC", ""},
		{"H.264", "", ""},
		{"", "AAC", ""},
		{"MPEG-2", "MP2", "its picture is MPEG-2"},
		{"H.264", "AC-3", "its sound is AC-3"},
		{"", "MP2", "its sound is MP2"},
		{"", "", "neither"},
	} {
		if why := Unplayable(c.video, c.audio); !strings.HasPrefix(why, c.why) && !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("%s and %s: %q, want %q", c.video, c.audio, why, c.why)
		}
	}
	// A stream whose tables name MPEG-2, and one whose pictures are no starts.
	plain := bytes.Clone(clip(t))
	for i := range len(plain) - 4 {
		if string(plain[i:i+3]) == "\x00\x00\x01" && plain[i+3]&0x1f == 5 {
			plain[i+3] = plain[i+3]&^0x1f | 1
		}
	}
	s := New(t.Context(), time.Minute)
	err := s.Run(bytes.NewReader(plain))
	if why, never := errors.AsType[Problem](err); !never || !strings.Contains(string(why), "start at") {
		t.Errorf("no keyframe: %v", err)
	}
	if opened := s.Open(t.Context()); !errors.Is(opened, err) {
		t.Errorf("opened: %v", opened)
	}
}

// Hostile streams: no panic gets out, and Run ends with what it reads.
func FuzzRun(f *testing.F) {
	b := clip(f)
	f.Add(b[:40*188], uint16(0), byte(0))
	f.Add(b[:200*188], uint16(7000), byte(0xff))
	f.Fuzz(func(t *testing.T, data []byte, at uint16, change byte) {
		stream := bytes.Clone(b[:400*188])
		stream[int(at)%len(stream)] ^= change
		stream = append(stream, data...)
		stream = append(stream, b[400*188:500*188]...)
		s := New(t.Context(), time.Minute)
		if err := s.Run(bytes.NewReader(stream)); err == nil {
			t.Error("it ended without a reason")
		} else if why, never := errors.AsType[Problem](err); never && strings.Contains(string(why), "understood") {
			t.Error(why)
		}
	})
}

// Who leaves a channel on for days sees the right time of the day.
func TestDays(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := muxing{began: began, first: 7}
	for _, after := range []time.Duration{0, time.Second / 8, 40 * time.Hour, 400 * 24 * time.Hour} {
		u := mpegts.Unit{Time: 7 + int64(after/time.Millisecond)*clock/1000}
		if at := m.at(u); !at.Equal(began.Add(after)) {
			t.Errorf("after %v it is %v", after, at)
		}
	}
}
