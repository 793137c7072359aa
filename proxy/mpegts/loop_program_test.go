//go:build program

package mpegts

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// looped is a file with what the channel hands out in 60 s, two wraps of the clip and one of
// the time stamps among them.
func looped(t *testing.T) string {
	t.Helper()
	wrap := time.Unix(0, 0).Add(17811 * ptsDuration(ptsModulus))
	var stream []byte
	synctest.Test(t, func(t *testing.T) {
		stream = join(play(t, newLoop(t, channel(t)), wrap.Add(-30*time.Second), 60*time.Second))
	})
	path := filepath.Join(t.TempDir(), "looped.ts")
	if err := os.WriteFile(path, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// quiet runs a program that must say nothing on its standard error, and returns its output.
func quiet(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	return out
}

func TestProbeFindsNoSeamInTheLoop(t *testing.T) {
	path := looped(t)
	// The level "verbose" would also tell of broken counters, among much else.
	out := quiet(t, "ffprobe", "-v", "warning", "-of", "json", "-show_entries",
		"packet=codec_type,pts_time,dts_time,duration_time,flags:stream=codec_name", path)
	var probe struct {
		Packets []struct {
			Type     string `json:"codec_type"`
			PTS      string `json:"pts_time"`
			DTS      string `json:"dts_time"`
			Duration string `json:"duration_time"`
			Flags    string
		}
		Streams []struct {
			Codec string `json:"codec_name"`
		}
	}
	if err := json.Unmarshal(out, &probe); err != nil {
		t.Fatal(err)
	}
	if s := probe.Streams; len(s) != 2 || s[0].Codec != "h264" || s[1].Codec != "aac" {
		t.Fatalf("streams %+v", probe.Streams)
	}
	last := map[string]float64{}
	count := map[string]int{}
	for _, p := range probe.Packets {
		if strings.Contains(p.Flags, "C") {
			t.Fatalf("packet at %s s is damaged", p.PTS)
		}
		dts, err := strconv.ParseFloat(p.DTS, 64)
		if err != nil {
			t.Fatalf("packet without DTS: %+v", p)
		}
		want := map[string]float64{"video": 0.04, "audio": 1024. / 48000}[p.Type]
		if before, seen := last[p.Type]; seen && math.Abs(dts-before-want) > 0.0001 {
			t.Fatalf("%s: packet at %f s follows one at %f s", p.Type, dts, before)
		}
		last[p.Type] = dts
		count[p.Type]++
	}
	if count["video"] < 58*25 || count["audio"] < 58*46 {
		t.Errorf("packets %v in 59 s", count)
	}
}

// A decoder finds nothing to complain about, and every frame of the second round follows that
// of the first.
func TestDecoderFindsNoSeamInTheLoop(t *testing.T) {
	path := looped(t)
	out := quiet(t, "ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", path,
		"-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var sums []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(line, ",")
			sums = append(sums, strings.TrimSpace(fields[len(fields)-1]))
		}
	}
	if len(sums) < 58*25 {
		t.Fatalf("%d frames in 59 s", len(sums))
	}
	for i := 600; i < len(sums); i++ {
		if sums[i] != sums[i-600] {
			t.Fatalf("frame %d is not that of the round before", i)
		}
	}
	quiet(t, "ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", path, "-map", "0:a", "-f", "null", "-")
}

// What a reader of a bus gets from its first byte on is a stream that a decoder takes.
func TestDecoderTakesAReadersStream(t *testing.T) {
	stream, err := os.ReadFile(looped(t))
	if err != nil {
		t.Fatal(err)
	}
	b := NewBus(1 << 20)
	begin := len(stream) / 3 / PacketSize * PacketSize
	write(t, b, stream[:begin])
	r := b.NewReader(t.Context())
	defer r.Close()
	got := drain(t, r)
	for rest := stream[begin:]; len(rest) > 0; {
		n := min(len(rest), 7*PacketSize)
		write(t, b, rest[:n])
		rest = rest[n:]
		got = append(got, drain(t, r)...)
	}
	path := filepath.Join(t.TempDir(), "reader.ts")
	if err := os.WriteFile(path, got, 0o600); err != nil {
		t.Fatal(err)
	}
	out := quiet(t, "ffprobe", "-v", "warning", "-of", "csv=p=0", "-count_frames", "-select_streams", "v",
		"-show_entries", "stream=nb_read_frames", path)
	frames, err := strconv.Atoi(strings.Fields(string(out))[0])
	if want := (len(stream) - begin) / (len(stream) / (59 * 25)); err != nil || frames < want-50 {
		t.Errorf("%d frames, want about %d: %v", frames, want, err)
	}
}
