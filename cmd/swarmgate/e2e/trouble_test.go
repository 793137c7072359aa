//go:build e2e

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatCannotWork starts the program where it can't work: one sentence that names the
// thing and what to do, and exit status 1.
func TestWhatCannotWork(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().String()
	file := filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Root may write anywhere but here.
	unwritable := "/proc/self/swarmgate"

	for name, test := range map[string]struct {
		args []string
		says []string
	}{
		"demo, port in use":              {[]string{"demo", "--no-dlna", "--http", port}, []string{port, "in use", "--http"}},
		"demo, folder not writable":      {[]string{"demo", "--no-dlna", "--http", "127.0.0.1:0", "--dir", unwritable}, []string{unwritable, "--dir"}},
		"demo, folder is a file":         {[]string{"demo", "--no-dlna", "--http", "127.0.0.1:0", "--dir", file}, []string{file, "--dir"}},
		"run, port in use":               {[]string{"run", "--no-dlna", "--no-nat", "--dir", t.TempDir(), "--http", port}, []string{port, "in use"}},
		"run, folder not writable":       {[]string{"run", "--no-dlna", "--no-nat", "--http", "127.0.0.1:0", "--dir", unwritable}, []string{unwritable}},
		"run, no configuration":          {[]string{"run", "--config", file + ".toml"}, []string{file + ".toml"}},
		"tracker, port in use":           {[]string{"tracker", "--http", "--listen", port}, []string{port, "in use", "--listen"}},
		"publish, no such file":          {[]string{"publish", file + ".mp4", "--dir", t.TempDir()}, []string{file + ".mp4"}},
		"publish, folder not writable":   {[]string{"publish", "../media/film.mp4", "--dir", unwritable}, []string{unwritable}},
		"publish, no transport stream":   {[]string{"publish", "--live", "../media/film.mp4", "--dir", t.TempDir()}, []string{"MPEG transport stream"}},
		"get, nobody there":              {[]string{"get", filmLink + "&peer=127.0.0.1:9", "-o", file + ".out", "--timeout", "1s", "--no-nat"}, []string{"1s"}},
		"get, folder is missing":         {[]string{"get", filmLink + "&peer=127.0.0.1:9", "-o", file + "/x", "--timeout", "1s", "--no-nat"}, []string{file}},
		"inspect, damaged link":          {[]string{"inspect", "ppsp:film/12"}, []string{"character 11"}},
		"inspect, neither link nor file": {[]string{"inspect", file + ".no"}, []string{file + ".no"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, test.args...)
			status := p.exit(10 * time.Second)
			if status == 0 || status > 2 {
				t.Errorf("exit status %d", status)
			}
			if status == 2 && !strings.HasPrefix(name, "inspect") {
				t.Errorf("exit status 2, want 1")
			}
			oneSentence(t, p.log(), test.says...)
			t.Logf("exit status %d, %s", status, p.log())
		})
	}
}

// filmLink is a link to the bundled film.
const filmLink = "ppsp:film/2dded483d45be85c4ed34b29624c7105bb8ea669c44765a56453534d8bc21968?len=366100"

// oneSentence expects that standard error ends with one line that holds the words. What the
// log says before is another matter.
func oneSentence(t *testing.T, log string, words ...string) {
	t.Helper()
	before, _, _ := strings.Cut(log, "swarmgate: ")
	log = strings.TrimPrefix(log, before)
	if strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "swarmgate: ") {
		t.Errorf("standard error does not end with one sentence:\n%s", log)
	}
	for _, w := range words {
		if !strings.Contains(log, w) {
			t.Errorf("no %q in %q", w, log)
		}
	}
}

// TestUnknownInterface: of one that the configuration names a gateway says what is wrong, and goes on with what works, since the
// network may come later.
func TestUnknownInterface(t *testing.T) {
	file := filepath.Join(t.TempDir(), "swarmgate.toml")
	if err := os.WriteFile(file, []byte("links = ['"+filmLink+"']\n[dlna]\ninterfaces = ['nosuch']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, "run", "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--no-nat", "--config", file, "--dir", t.TempDir())
	const page = "http://localhost:"
	p.await("the page's address", 5*time.Second, func() bool { return strings.Contains(p.output(), "/channels.m3u") })
	p.await("a sentence about nosuch", 5*time.Second, func() bool {
		return strings.Contains(p.output()+p.log(), "nosuch: there is no such interface")
	})
	_, rest, _ := strings.Cut(p.output(), page)
	port, _, _ := strings.Cut(rest, "/")
	var device struct{ Problem string }
	getJSON(t, page+port+"/api/v1/device", &device)
	if !strings.Contains(device.Problem, "nosuch") {
		t.Errorf("the page is told %q", device.Problem)
	}
	b := openBrowser(t)
	b.do(nil, "open", "url", page+port+"/")
	b.do(nil, "wait", "selector", filmTile)
	b.shot("page-unknown-interface")
	var says string
	if b.do(&says, "text", "selector", "main"); !strings.Contains(says, "nosuch") {
		t.Errorf("the page says nothing of it:\n%s", says)
	}
	p.end()
}

// TestEndsCleanly has each service end by SIGTERM in the midst of its work, in time, and
// leave nothing behind in the folder for temporary files.
func TestEndsCleanly(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	p, page := demo(t)
	v := watchStream(t, item(t, page, "live").URLs.TS, 60)
	v.sees(frameRate, 10*time.Second)
	began := time.Now()
	p.end()
	t.Logf("ended %v after SIGTERM, with a viewer", time.Since(began).Round(time.Millisecond))
	nothingLeft(t, dir)
}

// nothingLeft checks the folder for temporary files.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "swarmgate") {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
}

// TestEndsCleanlyByAnySignal: a terminal that is closed, and a Ctrl-C that comes twice, once to
// the program and once to its group, leave no more behind.
func TestEndsCleanlyByAnySignal(t *testing.T) {
	for _, signals := range [][]syscall.Signal{{syscall.SIGHUP}, {syscall.SIGINT, syscall.SIGINT}} {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		p, _ := demo(t)
		for _, s := range signals {
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Millisecond) // two at once would be one
		}
		if status := p.exit(5 * time.Second); status != 0 {
			t.Errorf("%v: exit status %d", signals, status)
		}
		nothingLeft(t, dir)
	}
}
