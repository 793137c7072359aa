//go:build program

package ingest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What ffmpeg pipes, in either slot and with a constant rate, comes out as a stream that
// ffprobe takes, with every frame in it and none of the filling.
func TestPipeFromFFmpeg(t *testing.T) {
	for name, c := range map[string]struct {
		stride int
		args   []string
	}{
		"TS, constant rate": {188, []string{"-muxrate", "800k", "-f", "mpegts"}},
		"M2TS":              {192, []string{"-mpegts_m2ts_mode", "1", "-f", "mpegts"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-nostdin", "-v", "error", "-i", "../../cmd/swarmgate/media/channel.ts", "-c", "copy"}, c.args...)
			ffmpeg := exec.CommandContext(t.Context(), "ffmpeg", append(args, "-")...)
			var stderr bytes.Buffer
			ffmpeg.Stderr = &stderr
			pipe, err := ffmpeg.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := ffmpeg.Start(); err != nil {
				t.Fatal(err)
			}
			s := New(pipe, Options{})
			got, err := collect(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := ffmpeg.Wait(); err != nil || stderr.Len() > 0 {
				t.Fatalf("ffmpeg: %v\n%s", err, stderr.Bytes())
			}
			if st := s.Stats(); st.Stride != c.stride || st.Losses != 0 || c.stride == 188 && st.Nulls < 1000 {
				t.Errorf("%+v", st)
			}
			checkFrames(t, got)
		})
	}
}

// checkFrames holds that all 600 frames and 1125 pieces of sound of the clip are there.
func checkFrames(t *testing.T, stream []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ingested.ts")
	if err := os.WriteFile(path, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "warning", "-count_packets", "-of", "csv=p=0",
		"-show_entries", "stream=codec_name,nb_read_packets", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, out)
	}
	for _, want := range []string{"h264,600", "aac,1125"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("ffprobe says %q, want %s", out, want)
		}
	}
}
