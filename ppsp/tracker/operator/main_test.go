package operator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The registries are what the desk needs.
var (
	_ Registry = (*tracker.Memory)(nil)
	_ Registry = (*tracker.Valkey)(nil)
)

const (
	swarmA = "47a013e660d4b03b"
	swarmB = "0d01020304050607"
	peerA  = "0123456789abcdef0123456789abcdef"
)

// lab is a tracker with its desk, at a time that stands still.
type lab struct {
	t      *testing.T
	now    time.Time
	memory *tracker.Memory
	server *tracker.Server
	desk   *Desk
	path   string
}

func newLab(t *testing.T, change func(*Config)) *lab {
	t.Helper()
	l := &lab{t: t, now: time.Unix(1_700_000_000, 0), memory: tracker.NewMemory(tracker.MemoryConfig{}), path: filepath.Join(t.TempDir(), "bans.json")}
	bans, err := OpenBans(l.path)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Registry: l.memory, Bans: bans, Version: `1.0 "x"`, Now: l.clock, Fresh: time.Nanosecond}
	if change != nil {
		change(&c)
	}
	l.desk = New(c)
	l.server = tracker.NewServer(tracker.ServerConfig{
		Registry: l.memory, Now: l.clock, Watch: l.desk.Watch,
		Banned: func(from netip.Addr, peer string) bool { return bans.Holds(from, peer, l.clock()) },
	})
	return l
}

func (l *lab) clock() time.Time {
	l.now = l.now.Add(time.Millisecond)
	return l.now
}

// request sends PPSTP and returns the error code of the answer.
func (l *lab) request(from string, q *tracker.Request) tracker.ErrorCode {
	l.t.Helper()
	q.TransactionID = fmt.Sprint(l.now.UnixNano())
	body, err := tracker.EncodeRequest(q)
	if err != nil {
		l.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
	r.RemoteAddr = from + ":7574"
	r.Header.Set("Content-Type", tracker.MediaType)
	w := httptest.NewRecorder()
	l.server.ServeHTTP(w, r)
	answer, err := tracker.DecodeResponse(w.Body.Bytes())
	if err != nil {
		l.t.Fatal(err)
	}
	return answer.ErrorCode
}

func (l *lab) join(from, peer, swarm string, mode tracker.Mode) tracker.ErrorCode {
	l.t.Helper()
	action := tracker.SwarmAction{SwarmID: swarm, Action: tracker.ActionJoin, Mode: mode}
	return l.request(from, &tracker.Request{Type: tracker.TypeConnect, PeerID: peer, Connect: &tracker.Connect{Actions: tracker.List[tracker.SwarmAction]{action}}})
}

// some fills it with two swarms.
func (l *lab) some() {
	l.t.Helper()
	l.join("192.0.2.1", peerA, swarmA, tracker.Seeder)
	for i := range 4 {
		l.join(fmt.Sprint("198.51.100.", i), fmt.Sprintf("%032x", i), swarmA, tracker.Leech)
	}
	l.join("192.0.2.1", peerA, swarmB, tracker.Leech)
	l.request("192.0.2.1", &tracker.Request{Type: tracker.TypeStatReport, PeerID: peerA, StatReport: &tracker.StatReport{Stats: tracker.List[tracker.StreamStats]{
		{SwarmID: swarmA, UploadedBytes: 5_200_000, DownloadedBytes: 1_000, AvailableBandwidth: 8_000_000, ConcurrentLinks: 4, ChunksHeld: "0-999", ChunksLate: 3},
	}}})
}

// ask asks the desk.
func (l *lab) ask(method, path, body string, header ...string) *http.Response {
	l.t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:7847"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	l.desk.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
