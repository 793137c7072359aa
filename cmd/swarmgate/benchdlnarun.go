package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/dlna"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// serverStart bounds how long a server may take to answer, and to have looked through its films.
const (
	serverStart = 20 * time.Second
	serverScan  = 3 * time.Minute
)

// gateway runs a gateway as a child and measures it as a media server.
func (b *benchDLNA) gateway(ctx context.Context, dir string, links []ppsp.Link, live, film ppsp.Link, f *dlnaFigures) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "dir = %q\nlinks = [\n", filepath.Join(dir, "gateway"))
	for _, l := range links {
		fmt.Fprintf(&text, "%q,\n", l.String())
	}
	text.WriteString("]\n[http]\nlisten = \":0\"\n[peer]\nlisten = \"127.0.0.1:0\"\nnat = false\n[dlna]\nname = \"Swarmgate\"\ninterfaces = [\"lo\"]\n")
	config := filepath.Join(dir, "swarmgate.toml")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return err
	}
	tv, err := newControlPoint("Swarmgate/")
	if err != nil {
		return err
	}
	defer tv.close()
	child := exec.CommandContext(ctx, self, "run", "--config", config, "--json", "--log-level", "error")
	lines, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := child.Start(); err != nil {
		return err
	}
	var reading sync.WaitGroup
	defer func() {
		_ = child.Process.Signal(syscall.SIGTERM)
		reading.Wait() // the end of its output
		err = errors.Join(err, child.Wait())
	}()
	reading.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	answered, err := tv.find(ctx, serverStart)
	if err != nil {
		return err
	}
	f.FirstAnswerS = answered.Sub(began).Seconds()
	if err := tv.measureServer(ctx, child.Process.Pid, film.Title, filepath.Join(dir, "gateway"), b.Reads, &f.serverFigures); err != nil {
		return err
	}
	at := "http://" + tv.content.Host + dlna.MediaPath + proxy.ItemID(live.SwarmID) + ".ts"
	cold, err := firstBytes(ctx, at, true)
	if err != nil {
		return err
	}
	warm, err := firstBytes(ctx, at, false)
	f.ChannelColdS, f.ChannelWarmMS = cold.Seconds(), float64(warm)/1e6
	return err
}

// firstBytes asks for a channel and returns how long its first packet took. Where it is to
// stay warm, half a second is watched.
func firstBytes(ctx context.Context, address string, watch bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, serverStart)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", address, answer.Status)
	}
	if _, err := io.ReadFull(answer.Body, make([]byte, 188)); err != nil {
		return 0, err
	}
	took := time.Since(began)
	for watch && time.Since(began) < took+500*time.Millisecond {
		if _, err := answer.Body.Read(make([]byte, 4096)); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// runMiniDLNA lets minidlna look through as many films, and measures it from its next start on.
func (b *benchDLNA) runMiniDLNA(ctx context.Context, daemon, dir, film string) (f serverFigures, err error) {
	films := filepath.Join(dir, "films")
	if err := os.MkdirAll(films, 0o755); err != nil {
		return f, err
	}
	first := filepath.Join(films, "channel0001.mp4")
	if err := os.WriteFile(first, media.Film, 0o644); err != nil {
		return f, err
	}
	for i := 2; i <= b.Items; i++ {
		if err := os.Link(first, filepath.Join(films, fmt.Sprintf("channel%04d.mp4", i))); err != nil {
			return f, err
		}
	}
	if err := os.Link(film, filepath.Join(films, "longfilm.mp4")); err != nil {
		return f, err
	}
	config := filepath.Join(dir, "minidlna.conf")
	text := fmt.Sprintf("port=8200\nnetwork_interface=lo\nmedia_dir=V,%s\nfriendly_name=minidlna\ndb_dir=%s\nlog_dir=%s\ninotify=no\nminissdpdsocket=%s\n",
		films, filepath.Join(dir, "db"), filepath.Join(dir, "log"), filepath.Join(dir, "none"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return f, err
	}
	tv, err := newControlPoint("MiniDLNA/")
	if err != nil {
		return f, err
	}
	defer tv.close()
	run := func(with func(pid int, began time.Time) error) (err error) {
		child := exec.CommandContext(ctx, daemon, "-S", "-f", config, "-P", filepath.Join(dir, "pid"))
		began := time.Now()
		if err := child.Start(); err != nil {
			return err
		}
		defer func() {
			_ = child.Process.Signal(syscall.SIGTERM)
			_ = child.Wait() // its status says nothing
		}()
		return with(child.Process.Pid, began)
	}
	err = run(func(int, time.Time) error {
		if _, err := tv.find(ctx, serverStart); err != nil {
			return err
		}
		for began := time.Now(); ; time.Sleep(500 * time.Millisecond) {
			if _, items, _, err := tv.largest(ctx, "longfilm"); err == nil && items > b.Items {
				return nil
			}
			if ctx.Err() != nil || time.Since(began) > serverScan {
				return fmt.Errorf("it did not list its films in %v", serverScan)
			}
		}
	})
	if err != nil {
		return f, err
	}
	tv.client.CloseIdleConnections()
	err = run(func(pid int, began time.Time) error {
		answered, err := tv.find(ctx, serverStart)
		if err != nil {
			return err
		}
		f.FirstAnswerS = answered.Sub(began).Seconds()
		return tv.measureServer(ctx, pid, "longfilm", films, b.Reads, &f)
	})
	return f, err
}
