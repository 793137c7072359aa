//go:build program

package lowlatency

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Streams beyond the easy one come in fragments that ffmpeg decodes without a word, or it is said in a sentence why not.
func TestSamples(t *testing.T) {
	for name, c := range map[string]struct {
		coding string
		says   string // of the Problem, "" where it plays

		pictures bool
	}{
		"H.264 and AAC":   {"-c:v libx264 -preset ultrafast -g 25 -c:a aac", "", true},
		"B frames":        {"-c:v libx264 -preset veryfast -g 25 -bf 3 -c:a aac", "", true},
		"HEVC":            {"-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25 -c:a aac", "", true},
		"time that wraps": {"-c:v libx264 -preset ultrafast -g 25 -c:a aac -output_ts_offset 95440.7 -muxdelay 0", "", true},
		"picture alone":   {"-c:v libx264 -preset ultrafast -g 25 -an", "", true},
		"sound alone":     {"-vn -c:a aac", "", false},
		"MPEG-2 and AC-3": {"-c:v mpeg2video -b:v 1500k -g 12 -c:a ac3", "MPEG-2", true},
		"AC-3":            {"-c:v libx264 -preset ultrafast -g 25 -c:a ac3", "AC-3", true},
		"open GOP":        {"-c:v libx264 -preset ultrafast -x264-params open-gop=1:keyint=25:min-keyint=25:scenecut=0:bframes=2 -c:a aac", "open GOP", true},
		"interlaced":      {"-c:v libx264 -preset ultrafast -flags +ildct+ilme -x264-params tff=1:keyint=25:min-keyint=25:scenecut=0:bframes=2 -c:a aac", "interlaced", true},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sample.ts")
			seconds := "6"
			if c.says == "open GOP" {
				seconds = "14" // until patience ends
			}
			words := "-nostdin -v error -f lavfi -i testsrc2=size=320x240:rate=25:duration=" + seconds + " -f lavfi -i sine=duration=" + seconds + " -pix_fmt yuv420p " + c.coding + " -f mpegts " + file
			if out, err := exec.CommandContext(t.Context(), "ffmpeg", strings.Fields(words)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, ended := running(t, b, time.Minute)
			err = s.Open(t.Context())
			if err == nil && c.says != "" {
				err = <-ended
			}
			if why, never := errors.AsType[Problem](err); c.says != "" {
				if !never || !strings.Contains(string(why), c.says) {
					t.Errorf("it says %v, want a problem with %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s.plays(t, c.pictures)
		})
	}
}

// plays has ffmpeg decode what the first list of the stream's leading track names.
func (s *Stream) plays(t *testing.T, pictures bool) {
	t.Helper()
	kind := "audio"
	if pictures {
		kind = "video"
	}
	deadline := time.Now().Add(30 * time.Second)
	list := ""
	for !strings.Contains(list, "#EXTINF") { // it is being written
		if time.Now().After(deadline) {
			t.Fatalf("no segment in\n%s", list)
		}
		media := regexp.MustCompile(`(?m)^` + kind + `\S+`).FindString(fetch(s, "/ll.m3u8").Body.String())
		list = fetch(s, "/"+media).Body.String()
	}
	names := regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`).FindStringSubmatch(list)[1:]
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); strings.HasSuffix(line, ".mp4") && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "gap") {
			names = append(names, line)
		}
	}
	var whole []byte
	for _, name := range names {
		whole = append(whole, fetch(s, "/"+name).Body.Bytes()...)
	}
	file := filepath.Join(t.TempDir(), "whole.mp4")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 || len(names) < 2 {
		t.Errorf("%d segments: %v: %s", len(names)-1, err, out)
	}
}
