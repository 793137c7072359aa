package transcode

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFind(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "ffmpeg")
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for setting, want := range map[string]string{"": own, "off": "", own: own} {
		if path, err := Find(setting); path != want || err != nil {
			t.Errorf("%q: %q, %v", setting, path, err)
		}
	}
	if _, err := Find("/none/ffmpeg"); err == nil || !strings.Contains(err.Error(), `"off"`) {
		t.Errorf("a path that is wrong: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if path, err := Find(""); path != "" || err != nil {
		t.Errorf("a machine without it: %q, %v", path, err)
	}
}

// What browsers play already is not made anew.
func TestArguments(t *testing.T) {
	for _, c := range []struct{ video, audio, picture, sound string }{
		{"MPEG-2", "AC-3", "libx264", "aac"},
		{"HEVC", "AAC", "libx264", "copy"},
		{"H.264", "MP2", "copy", "aac"},
		{"H.264", "AAC", "libx264", "copy"}, // interlaced, say: nobody asks for it otherwise
		{"HEVC", "", "libx264", "copy"},
	} {
		args := Arguments(c.video, c.audio)
		after := func(flag string) string { return args[slices.Index(args, flag)+1] }
		if after("-c:v") != c.picture || after("-c:a") != c.sound {
			t.Errorf("%s and %s: %v", c.video, c.audio, args)
		}
		// The stream is a stranger's, and may not name other files or addresses.
		if after("-protocol_whitelist") != "pipe" || after("-i") != "pipe:0" || args[len(args)-1] != "pipe:1" {
			t.Errorf("reads or writes elsewhere: %v", args)
		}
	}
}

func shell(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), shell(t), []string{"-c", "while read -r line; do echo \"<$line>\"; done"}, strings.NewReader("a\nb\n"), &out); !errors.Is(err, io.EOF) || out.String() != "<a>\n<b>\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	err := Run(t.Context(), shell(t), []string{"-c", "printf 'first\\nno \\033[1mstream\\n' >&2; exit 3"}, strings.NewReader(""), io.Discard)
	if err == nil || !strings.HasPrefix(err.Error(), "ffmpeg: no [1mstream (") {
		t.Errorf("its last words: %v", err)
	}
	if err := Run(t.Context(), "/none/ffmpeg", nil, strings.NewReader(""), io.Discard); err == nil {
		t.Error("a program that is not there was run")
	}
	var said words
	for range 100 {
		_, _ = said.Write(bytes.Repeat([]byte("x"), 99))
	}
	if len(said.b) > maxWords {
		t.Errorf("%d bytes are kept", len(said.b))
	}
}

// endless never ends but with its context.
type endless struct{ ctx context.Context }

func (e endless) Read([]byte) (int, error) {
	<-e.ctx.Done()
	return 0, io.EOF
}

// A child ends with its context, also one that reads nothing.
func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, shell(t), []string{"-c", "echo here; exec sleep 600"}, endless{ctx}, w) }()
	if _, err := r.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel(enough)
	select {
	case err := <-done:
		if !errors.Is(err, enough) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
}
