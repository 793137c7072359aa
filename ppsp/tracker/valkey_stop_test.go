//go:build unix

package tracker

import (
	"bytes"
	"strings"
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
