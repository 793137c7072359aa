//go:build unix

package tracker

import (
	"bytes"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A server that stops is waited for no longer than a bound; requests are refused with 05 and in
// clear words, and succeed when it goes on.
func TestValkeyThatStops(t *testing.T) {
	server := startRedisProcess(t)
	v := openValkey(t, server.url, time.Minute)
	v.wait = 500 * time.Millisecond
	var log bytes.Buffer
	s := NewServer(ServerConfig{Registry: v, Now: func() time.Time { return at(0) }, Logger: zerolog.New(&log)})
	if _, r := post(t, s, connectBody("p", "", action("1111", ActionJoin, Leech))); r.ErrorCode != NoError {
		t.Fatalf("%+v", r)
	}
	if err := server.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{findBody("p", "1111"), statBody("p", ""), connectBody("p", "", action("1111", ActionJoin, Leech))} {
		began := time.Now()
		status, r := post(t, s, body)
		if took := time.Since(began); status != 503 || r.ErrorCode != ServiceUnavailable || r.TransactionID != "t" || took > patience {
			t.Errorf("%d, %+v after %v", status, r, took)
		}
	}
	if err := server.process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, r := post(t, s, findBody("p", "1111")); r.ErrorCode == NoError {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not come back")
		}
	}
	if text := log.String(); strings.Count(text, "does not answer, so peers") != 1 || strings.Count(text, "answers again") != 1 {
		t.Errorf("the log says:\n%s", text)
	}
}

// An operator's question ends when the server does not answer.
func TestGlanceEnds(t *testing.T) {
	r := startRedisProcess(t)
	v := openValkey(t, r.url, time.Minute)
	if err := v.Join(t.Context(), time.Now(), "s", Member{ID: "p", Mode: Leech, Source: address("192.0.2.1:7", Reflexive, 0)}); err != nil {
		t.Fatal(err)
	}
	v.wait, v.glances = 200*time.Millisecond, 200*time.Millisecond
	if err := r.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	now, table := time.Now(), v.Table("bans", 1)
	var all sync.WaitGroup
	for name, ask := range map[string]func() error{
		"Totals":      func() error { _, err := v.Totals(t.Context(), now); return err },
		"Swarms":      func() error { _, err := v.Swarms(t.Context(), now, "", 9); return err },
		"Swarm":       func() error { _, err := v.Swarm(t.Context(), now, "s"); return err },
		"Members":     func() error { _, err := v.Members(t.Context(), now, "s", "", 9); return err },
		"Memberships": func() error { _, err := v.Memberships(t.Context(), now, "p"); return err },
		"Evict": func() error {
			_, err := v.Evict(t.Context(), now, neighbours(address("192.0.2.1:7", "", 0).Addr()))
			return err
		},
		"Status":  func() error { _, err := v.Status(t.Context(), now); return err },
		"Version": func() error { _, err := table.Version(t.Context()); return err },
		"All":     func() error { _, err := table.All(t.Context()); return err },
		"Put":     func() error { return table.Put(t.Context(), "a", "b") },
		"Delete":  func() error { _, err := table.Delete(t.Context(), "a"); return err },
	} {
		all.Go(func() {
			if err := ask(); err == nil {
				t.Errorf("%s is answered by a server that stands still", name)
			}
		})
	}
	all.Wait() // else the test ends by its own time
}
