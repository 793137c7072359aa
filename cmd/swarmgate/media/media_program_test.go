//go:build program

package media

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pixels decodes a clip to luma, one picture after the other.
func pixels(t *testing.T, path string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-i", path,
		"-map", "0:v", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg %s: %v\n%s", path, err, stderr.Bytes())
	}
	return out
}

func checkBarcode(t *testing.T, path string, base int) {
	t.Helper()
	luma := pixels(t, path)
	if got := len(luma) / (Width * Height); got != Frames {
		t.Fatalf("%s has %d frames, want %d", path, got, Frames)
	}
	for i := range Frames {
		picture := luma[i*Width*Height:]
		n, ok := Frame(func(x, y int) uint8 { return picture[y*Width+x] })
		if n != base+i || !ok {
			t.Fatalf("%s: frame %d shows number %d, want %d", path, i, n, base+i)
		}
	}
}

// checkStreams holds that sound and picture last equally long and are what README.md says.
func checkStreams(t *testing.T, path string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_entries",
		"stream=codec_name,width,height,duration,start_time,nb_read_packets,sample_rate", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	var probe struct {
		Streams []struct {
			Codec    string `json:"codec_name"`
			Packets  string `json:"nb_read_packets"`
			Start    string `json:"start_time"`
			Duration string
			Width    int
			Height   int
			Rate     string `json:"sample_rate"`
		}
	}
	if err := json.Unmarshal(out, &probe); err != nil {
		t.Fatal(err)
	}
	if len(probe.Streams) != 2 {
		t.Fatalf("%s has %d streams, want 2:\n%s", path, len(probe.Streams), out)
	}
	v, a := probe.Streams[0], probe.Streams[1]
	if v.Codec != "h264" || v.Width != Width || v.Height != Height || v.Packets != "600" || v.Duration != "24.000000" {
		t.Errorf("%s: picture is %+v", path, v)
	}
	// 1125 frames of 1024 samples are 24 s. (The duration itself is a guess in MPEG-TS.)
	if a.Codec != "aac" || a.Rate != "48000" || a.Packets != "1125" {
		t.Errorf("%s: sound is %+v", path, a)
	}
	if v.Start != a.Start {
		t.Errorf("%s: picture starts at %s s, sound at %s s", path, v.Start, a.Start)
	}
}

func check(t *testing.T, dir string) {
	t.Helper()
	for name, base := range map[string]int{"channel.ts": ChannelBase, "film.mp4": FilmBase} {
		path := filepath.Join(dir, name)
		checkStreams(t, path)
		checkBarcode(t, path, base)
	}
}

func TestBundledMedia(t *testing.T) { check(t, ".") }

// The script must go on to work, whatever version of ffmpeg runs it; only equal versions
// promise equal bytes, so that these are not compared.
func TestMakeScript(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "sh", "make.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("make.sh: %v\n%s", err, out)
	}
	check(t, dir)
	for name, limit := range map[string]int64{"channel.ts": 500_000, "film.mp4": 400_000} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() > limit {
			t.Errorf("%s: %v, %d bytes, allowed are %d", name, err, info.Size(), limit)
		}
	}
}
