//go:build program

package mpegts

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// encoded makes a transport stream of four seconds with ffmpeg's own generators.
func encoded(t *testing.T, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample.ts")
	words := []string{
		"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=4", "-map_metadata", "-1", "-pix_fmt", "yuv420p", "-threads", "1",
	}
	quiet(t, "ffmpeg", append(append(words, args...), "-f", "mpegts", path)...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var h264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-x264-params", "scenecut=0"}

func with(words []string, more ...string) []string {
	return append(append([]string(nil), words...), more...)
}

// packed are the packets of a stream without what stands between them.
func packed(b []byte) []byte {
	var f Framer
	var all []byte
	f.Feed(b, func(p Packet) { all = append(all, p...) })
	return all
}

// handedOut is what a bus gives a screen, and all of a player's segments, of a stream.
func handedOut(t *testing.T, stream []byte) (screen, segments []byte, info Info) {
	t.Helper()
	b := NewBus(8 << 20)
	for part := range slices.Chunk(stream, 1316) {
		write(t, b, part)
	}
	r, _ := b.NewReaderAt(t.Context(), 0)
	defer r.Close()
	list := listOf(t, b, noon)
	obeys(t, Playlist{}, list)
	for _, s := range list.Segments {
		segments = append(segments, segmentBytes(t, b, s.Number)...)
	}
	info = b.Info()
	b.Close()
	screen, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return screen, segments, info
}

// pictures decodes a stream and counts, and fails when the decoder has something to say.
func pictures(t *testing.T, stream []byte, probe ...string) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stream.ts")
	if err := os.WriteFile(path, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	out := quiet(t, "ffprobe", append(probe, "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames", "-of", "default=nw=1:nk=1", path)...)
	n := 0
	if _, err := fmt.Sscan(string(out), &n); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return n
}

// TestSamplesPassThrough sends streams beyond the easy one through a bus: a screen gets each
// packet from the first keyframe on byte for byte, and players the same in segments.
func TestSamplesPassThrough(t *testing.T) {
	for name, test := range map[string]struct {
		args         []string
		video, audio string
	}{
		"H.264 and AAC":    {with(h264, "-c:a", "aac"), "H.264", "AAC"},
		"MPEG-2 and AC-3":  {[]string{"-c:v", "mpeg2video", "-b:v", "2500k", "-g", "12", "-bf", "2", "-c:a", "ac3"}, "MPEG-2", "AC-3"},
		"MPEG-2 and MP2":   {[]string{"-c:v", "mpeg2video", "-b:v", "2500k", "-g", "12", "-c:a", "mp2"}, "MPEG-2", "MP2"},
		"HEVC":             {[]string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=25", "-c:a", "aac"}, "HEVC", "AAC"},
		"interlaced":       {with(h264[:4], "-flags", "+ildct+ilme", "-x264-params", "tff=1:keyint=25:min-keyint=25:scenecut=0:bframes=2", "-c:a", "aac"), "H.264", "AAC"},
		"open GOP":         {with(h264[:4], "-x264-params", "open-gop=1:keyint=25:min-keyint=25:scenecut=0:bframes=2", "-c:a", "aac"), "H.264", "AAC"},
		"time that wraps":  {with(h264, "-c:a", "aac", "-output_ts_offset", fmt.Sprint(ptsDuration(ptsModulus).Seconds()-3.4), "-muxdelay", "0"), "H.264", "AAC"},
		"192-byte packets": {with(h264, "-c:a", "ac3", "-mpegts_m2ts_mode", "1"), "H.264", "AC-3"},
		"one of several":   {with(h264, "-c:a", "aac", "-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a", "-program", "title=One:st=0:st=1", "-program", "title=Two:st=2:st=3"), "H.264", "AAC"},
	} {
		t.Run(name, func(t *testing.T) {
			stream := encoded(t, test.args...)
			screen, segments, info := handedOut(t, stream)
			if info.Video != test.video || info.Audio != test.audio {
				t.Errorf("codecs %q and %q, want %q and %q", info.Video, info.Audio, test.video, test.audio)
			}
			packets := packed(stream)
			if got := screen[2*PacketSize:]; !bytes.HasSuffix(packets, got) || len(got) < len(packets)*9/10 {
				t.Errorf("%d bytes, and not what the %d of the stream end with", len(got), len(packets))
			}
			if n := pictures(t, screen); n != 100 && name != "open GOP" {
				t.Errorf("a screen gets %d pictures of 100", n)
			}
			if n := pictures(t, segments); n < 60 {
				t.Errorf("segments have %d pictures", n)
			}
		})
	}
}

// TestProgrammeThatChanges puts broadcasts one behind the other whose tables differ: what a
// screen gets can be decoded before and behind, and goes on in time.
func TestProgrammeThatChanges(t *testing.T) {
	first := encoded(t, with(h264, "-c:a", "aac")...)
	second := encoded(t, with(h264, "-c:a", "ac3", "-mpegts_pmt_start_pid", "0x1010", "-mpegts_start_pid", "0x200")...)
	b := NewBus(8 << 20)
	write(t, b, first)
	r, _ := b.NewReaderAt(t.Context(), 0)
	defer r.Close()
	before := drain(t, r)
	write(t, b, second)
	behind := drain(t, r)
	if info := b.Info(); info.Video != "H.264" || info.Audio != "AC-3" {
		t.Errorf("codecs %q and %q", info.Video, info.Audio)
	}
	if !bytes.HasSuffix(first, before[2*PacketSize:]) || pictures(t, before) != 100 {
		t.Error("the first is not handed out as it is")
	}
	// What follows may end the first; then come the tables of the second, and all of its pictures.
	at := 0
	for packetsOf(behind)[at/PacketSize].PID() != 0x1010 {
		at += PacketSize
	}
	if n := pictures(t, behind[at-PacketSize:]); n != 100 {
		t.Errorf("%d pictures of the second", n)
	}
	var marks, early, late int
	for _, s := range listOf(t, b, noon).Segments {
		if s.Discontinuity {
			marks++
		}
		segment := segmentBytes(t, b, s.Number)
		early += packetsSeen(segment, 0x100)
		late += packetsSeen(segment, 0x200)
	}
	if marks != 1 || early < 100 || late < 75 {
		t.Errorf("%d discontinuities in the segments, %d packets of the first, %d of the second", marks, early, late)
	}
}

func packetsSeen(b []byte, pid uint16) (n int) {
	for _, p := range packetsOf(b) {
		if p.PID() == pid {
			n++
		}
	}
	return n
}
