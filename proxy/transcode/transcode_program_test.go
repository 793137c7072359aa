//go:build program

package transcode

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What browsers can't play comes out as what they can, each picture of it.
func TestFFmpeg(t *testing.T) {
	path, err := Find("")
	if err != nil || path == "" {
		t.Fatal("ffmpeg is missing: install the packages of .ci/packages.txt")
	}
	for name, c := range map[string]struct {
		coding, video, audio string
	}{
		"MPEG-2 and AC-3": {"-c:v mpeg2video -b:v 1500k -g 12 -bf 2 -c:a ac3", "MPEG-2", "AC-3"},
		"H.264 and MP2":   {"-c:v libx264 -preset ultrafast -g 25 -c:a mp2", "H.264", "MP2"},
		"HEVC":            {"-c:v libx265 -preset ultrafast -x265-params log-level=error -c:a aac", "HEVC", "AAC"},
		"interlaced":      {"-c:v libx264 -preset ultrafast -flags +ildct+ilme -x264-params tff=1 -c:a aac", "H.264", "AAC"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "from.ts"), filepath.Join(dir, "to.ts")
			words := "-nostdin -v error -f lavfi -i testsrc2=size=320x240:rate=25:duration=3 -f lavfi -i sine=duration=3 -pix_fmt yuv420p " + c.coding + " -f mpegts " + from
			if out, err := exec.CommandContext(t.Context(), path, strings.Fields(words)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			var made bytes.Buffer
			if err := Run(t.Context(), path, Arguments(c.video, c.audio), bytes.NewReader(b), &made); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, made.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0", to).CombinedOutput()
			if text := string(out); err != nil || !strings.Contains(text, "h264,75") || !strings.Contains(text, "aac,") {
				t.Errorf("%v: it is\n%s", err, text)
			}
		})
	}
	err = Run(t.Context(), path, Arguments("MPEG-2", "MP2"), strings.NewReader(strings.Repeat("no transport stream", 1000)), io.Discard)
	if err == nil || errors.Is(err, io.EOF) || !strings.HasPrefix(err.Error(), "ffmpeg: ") {
		t.Errorf("what is none: %v", err)
	}
}
