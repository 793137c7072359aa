// Package transcode has ffmpeg, where the machine has it, turn a channel that browsers can't play
// (MPEG-2, AC-3, MP2, HEVC) into one that they can: H.264 and AAC, as a transport stream again.
//
//	TS -> ffmpeg (one child a channel, niced, reads and writes pipes only) -> TS
//
// Nothing else of the gateway needs ffmpeg, and it is never fetched or updated by us.
package transcode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Off is the setting by which ffmpeg is not used.
const Off = "off"

// Find returns the path of ffmpeg by the household's setting: a path, Off, or nothing, which has
// it looked for. No path and no error mean that there is none, or that it is off.
func Find(setting string) (string, error) {
	switch setting {
	case Off:
		return "", nil
	case "":
		path, err := exec.LookPath("ffmpeg")
		if err != nil {
			return "", nil //nolint:nilerr // it is not needed
		}
		return path, nil
	}
	path, err := exec.LookPath(setting)
	if err != nil {
		return "", fmt.Errorf("ffmpeg: %w; write its path, or %q", err, Off)
	}
	return path, nil
}

// Arguments are those by which ffmpeg makes of such a channel one that browsers play. What they play
// already stays as it is, as long as anything else has to change.
func Arguments(video, audio string) []string {
	args := []string{
		"-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe", "-fflags", "+genpts+discardcorrupt",
		"-probesize", "1000000", "-analyzeduration", "1000000", "-f", "mpegts", "-i", "pipe:0", "-map", "0:v:0?", "-map", "0:a:0?", "-sn", "-dn",
	}
	plays := audio == "AAC" || audio == ""
	if video == "H.264" && !plays {
		args = append(args, "-c:v", "copy")
	} else {
		// Fields of interlaced pictures become whole ones; more than 1280 points across is too much for a home server.
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-profile:v", "high",
			"-vf", `yadif=deint=interlaced,scale=w=min(1280\,iw):h=-2`, "-crf", "23", "-maxrate", "4M", "-bufsize", "4M",
			"-force_key_frames", "expr:gte(t,n_forced)", "-sc_threshold", "0")
	}
	if plays {
		args = append(args, "-c:a", "copy")
	} else {
		args = append(args, "-c:a", "aac", "-b:a", "128k", "-ac", "2")
	}
	return append(args, "-max_muxing_queue_size", "512", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "-f", "mpegts", "pipe:1")
}

const (
	// endTime is what a child has to end in when what it reads has ended.
	endTime = 3 * time.Second
	// maxWords bounds what is kept of what a child complains of, in bytes.
	maxWords = 1000
)

// Run has a program turn what it reads from in into what it writes to out, until either ends or ctx
// does. Reads of in must end with ctx. The error has the program's last words.
func Run(ctx context.Context, path string, args []string, in io.Reader, out io.Writer) error {
	var said words
	cmd := exec.CommandContext(ctx, path, args...) // killed by its own handle
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &said
	cmd.Env = []string{}
	cmd.WaitDelay = endTime
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	yield(cmd.Process.Pid)
	err := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return io.EOF
	}
	if text := said.last(); text != "" {
		return fmt.Errorf("ffmpeg: %s (%w)", text, err)
	}
	return fmt.Errorf("ffmpeg: %w", err)
}

// words keeps the end of what a child says.
type words struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p...)
	if over := len(w.b) - maxWords; over > 0 {
		w.b = append(w.b[:0], w.b[over:]...)
	}
	return len(p), nil
}

// last is the last line, without what can't be shown.
func (w *words) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := string(bytes.TrimSpace(w.b))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return -1
		}
		return r
	}, text)
}
