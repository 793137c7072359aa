//go:build program

package proxy

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/transcode"
)

// ffmpeg makes of a channel one with H.264 and AAC, for all who watch by one child, which ends behind them.
func TestConvertedChannel(t *testing.T) {
	path, err := transcode.Find("")
	if err != nil || path == "" {
		t.Fatal("ffmpeg is missing: install the packages of .ci/packages.txt")
	}
	w := newWorld(t)
	link := w.channel()
	g := w.gateway(link)
	id := ItemID(link.SwarmID)
	if _, err := g.OpenConverted(w.ctx, id); !errors.Is(err, ErrNoConverter) {
		t.Errorf("without ffmpeg: %v", err)
	}
	g.cfg.FFmpeg = path
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	a, err := g.OpenConverted(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := g.OpenConverted(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(g.convert); n != 1 {
		t.Errorf("%d children for one channel", n)
	}
	taken := make([]byte, 100_000)
	if _, err := io.ReadFull(a, taken); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "taken.ts")
	if err := os.WriteFile(file, taken, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", file).Output()
	if words := strings.Fields(string(out)); err != nil || !strings.Contains(string(out), "h264") || !strings.Contains(string(out), "aac") {
		t.Errorf("it is %q, %v", words, err)
	}
	for range maxConversions - 1 {
		g.convert <- struct{}{}
	}
	if c, err := g.OpenConverted(ctx, id); err != nil { // no further child is needed
		t.Error(err)
	} else {
		_ = c.Close()
	}
	for range maxConversions - 1 {
		<-g.convert
	}
	_ = a.Close()
	_ = b.Close()
	deadline := time.Now().Add(convertedWarm + 30*time.Second)
	for len(g.convert) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the child goes on without screens")
		}
		time.Sleep(50 * time.Millisecond)
	}
	// A program that is none is told, and not tried again at once.
	g.cfg.FFmpeg = "/bin/false"
	for range 2 {
		if _, err := g.OpenConverted(ctx, id); err == nil || !strings.Contains(err.Error(), "can't be converted") {
			t.Errorf("a program that fails: %v", err)
		}
	}
}
