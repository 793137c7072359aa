package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy/config"
)

// terminal is a printer to a terminal of a width that can change.
func terminal(width *int) (*printer, *bytes.Buffer, *bytes.Buffer) {
	var out, log bytes.Buffer
	return &printer{w: &out, log: &log, width: func() int { return *width }}, &out, &log
}

// screen plays what was written on a terminal of one line after the other: a carriage
// return goes back, and the erasing that follows it empties the line.
func screen(s string) []string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if k := strings.LastIndex(line, "\r\x1b[K"); k >= 0 {
			line = line[k+len("\r\x1b[K"):]
		}
		lines = append(lines, line)
	}
	return lines
}

// The status line stays at the bottom, whatever is said meanwhile.
func TestStatusLineOnATerminal(t *testing.T) {
	width := 40
	p, out, log := terminal(&width)
	p.say("Hello.")
	p.keep("1 peer", false)
	p.keep("2 peers", false)
	p.say("Something happened.")
	if _, err := p.Write([]byte("logged\n")); err != nil {
		t.Fatal(err)
	}
	p.keep("3 peers", false)
	if got, want := strings.Join(screen(out.String()), "|"), "Hello.|Something happened.|3 peers"; got != want {
		t.Errorf("the screen shows %q, want %q", got, want)
	}
	if log.String() != "logged\n" || strings.Contains(out.String(), "logged") {
		t.Errorf("the log has %q", log)
	}
	p.keep("Stopped.", true)
	p.say("Bye.")
	if got, want := strings.Join(screen(out.String()), "|"), "Hello.|Something happened.|Stopped.|Bye.|"; got != want {
		t.Errorf("in the end the screen shows %q, want %q", got, want)
	}
}

// What comes when all is over, an error for one, does not stand in the status line.
func TestStatusLineIsLeft(t *testing.T) {
	width := 40
	p, out, _ := terminal(&width)
	p.leave()
	p.keep("50 %", false)
	p.leave()
	p.leave()
	p.say("It failed.")
	p.keep("Hashing", false)
	p.keep("", false)
	p.say("Done.")
	if got, want := strings.Join(screen(out.String()), "|"), "50 %|It failed.|Done.|"; got != want {
		t.Errorf("the screen shows %q, want %q", got, want)
	}
}

// A line that is too long would wrap and could not be taken back.
func TestStatusLineIsCut(t *testing.T) {
	width := 10
	p, out, _ := terminal(&width)
	for _, c := range []struct {
		width      int
		line, want string
	}{
		{10, "123456789", "123456789"},
		{10, "1234567890", "12345678…"},
		{10, "12345678901234", "12345678…"},
		{12, "äöüßäöüßäöüßäöüß", "äöüßäöüßäö…"}, // the terminal was made larger
		{1, "abc", "abc"},
		{0, "it has no width that it tells", "it has no width that it tells"},
	} {
		width = c.width
		p.keep(c.line, false)
		lines := screen(out.String())
		if got := lines[len(lines)-1]; got != c.want {
			t.Errorf("on %d columns %q becomes %q, want %q", c.width, c.line, got, c.want)
		}
	}
}

// Without a terminal only the last state is worth a line.
func TestStatusLineInAFile(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(console{out: &out, err: &out}, false)
	p.keep("10 %", false)
	p.say("A line.")
	p.keep("90 %", false)
	p.event("progress", map[string]any{"bytes": 1})
	p.keep("100 %", true)
	if got := out.String(); got != "A line.\n100 %\n" {
		t.Errorf("the file has %q", got)
	}
}

// With --json there are objects, one a line, and nothing for people.
func TestPrinterForPrograms(t *testing.T) {
	var out, log bytes.Buffer
	p := newPrinter(console{out: &out, err: &log}, true)
	p.say("Hello.")
	p.keep("10 %", false)
	p.keep("100 %", true)
	p.event("one", map[string]any{"link": "ppsp:film/11?len=1&t=<x>", "n": 3})
	p.event("two", map[string]any{"broken": make(chan int)}) // no such thing in JSON
	p.event("three", map[string]any{})
	if _, err := p.Write([]byte("logged\n")); err != nil {
		t.Fatal(err)
	}
	want := `{"event":"one","link":"ppsp:film/11?len=1&t=<x>","n":3}` + "\n" + `{"event":"three"}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("the program prints %q, want %q", got, want)
	}
	if log.String() != "logged\n" {
		t.Errorf("the log has %q", log.String())
	}
}

func TestLogFlags(t *testing.T) {
	for _, c := range []struct {
		flags logFlags
		level zerolog.Level // without --log-level
		want  string        // that is logged
	}{
		{logFlags{}, zerolog.WarnLevel, "warn error"},
		{logFlags{LogLevel: "debug"}, zerolog.WarnLevel, "debug info warn error"},
		{logFlags{LogLevel: "error"}, zerolog.InfoLevel, "error"},
		{logFlags{LogFormat: "json"}, zerolog.InfoLevel, "info warn error"},
	} {
		var out, log bytes.Buffer
		l := c.flags.logger(newPrinter(console{out: &out, err: &log}, true), c.level)
		l.Debug().Msg("It is debug.")
		l.Info().Msg("It is info.")
		l.Warn().Msg("It is warn.")
		l.Error().Msg("It is error.")
		var words []string
		for line := range strings.Lines(log.String()) {
			object := map[string]any{}
			asJSON := json.Unmarshal([]byte(line), &object) == nil
			if asJSON != (c.flags.LogFormat == "json") {
				t.Errorf("%+v logs %q", c.flags, line)
			}
			_, word, _ := strings.Cut(line, "It is ")
			word, _, _ = strings.Cut(word, ".")
			words = append(words, word)
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%+v logs %q, want %q", c.flags, got, c.want)
		}
		if out.Len() > 0 {
			t.Errorf("%+v prints %q beside the log", c.flags, out.String())
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for bps, want := range map[int64]string{
		0: "0 kbit/s", 999: "0 kbit/s", 64_000: "64 kbit/s", 999_999: "999 kbit/s", 1_000_000: "1.0 Mbit/s",
		5_420_000: "5.4 Mbit/s", 10_000_000: "10 Mbit/s", 123_456_789: "123 Mbit/s",
	} {
		if got := rate(bps); got != want {
			t.Errorf("%d bit/s are %q, want %q", bps, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 2: "2 bytes", 999: "999 bytes", 1000: "1.0 kB", 1_500_000: "1.5 MB", 2_345_000_000: "2.35 GB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	if got := counted(0, "peer") + counted(1, "peer") + counted(2, "viewer"); got != "0 peers1 peer2 viewers" {
		t.Errorf("counted %q", got)
	}
	for rate, want := range map[config.Rate]int64{0: 0, 1: 1, 8: 1, 9: 2, 8000: 1000} {
		if got := bytesPerSecond(rate); got != want {
			t.Errorf("%d bit/s are %d bytes per second, want %d", rate, got, want)
		}
	}
}

func TestBar(t *testing.T) {
	b := newBar(time.Now())
	full, empty := strings.Repeat("█", 12), strings.Repeat("░", 12)
	for _, c := range []struct {
		bytes, length, bps int64
		peers              int
		want               string
	}{
		{0, 0, 0, 0, "0 bytes · 0 bytes/s · 0 peers"},
		{5000, 0, 1000, 1, "5.0 kB · 1.0 kB/s · 1 peer"},
		{0, 1000, 0, 0, "[" + empty + empty + "]   0 % of 1.0 kB · 0 bytes/s · 0 peers · finding peers"},
		{0, 1000, 0, 2, "[" + empty + empty + "]   0 % of 1.0 kB · 0 bytes/s · 2 peers · waiting"},
		{500, 1000, 100, 2, "[" + full + empty + "]  50 % of 1.0 kB · 100 bytes/s · 2 peers · 5s left"},
		{1000, 1000, 100, 2, "[" + full + full + "] 100 % of 1.0 kB · 100 bytes/s · 2 peers · done"},
	} {
		if got := b.line(c.bytes, c.length, c.bps, c.peers); got != c.want {
			t.Errorf("%+v: %q, want %q", c, got, c.want)
		}
	}
}

// The rate follows what comes, but not every jump of it.
func TestBarRate(t *testing.T) {
	began := time.Now()
	b := newBar(began)
	if got := b.rate(began, 0); got != 0 {
		t.Errorf("at the beginning %d, want 0", got)
	}
	total := uint64(0)
	for k := 1; k <= 10; k++ {
		total += 1000
		if got := b.rate(began.Add(time.Duration(k)*time.Second), total); got != 1000 {
			t.Errorf("after %d s of 1000 a second %d", k, got)
		}
	}
	if got := b.rate(began.Add(11*time.Second), total); got != 750 {
		t.Errorf("after a second of nothing %d, want 750", got)
	}
	if got := b.rate(began.Add(11*time.Second), total); got != 750 {
		t.Errorf("asked again at once %d, want 750", got)
	}
}

func TestLists(t *testing.T) {
	if got := list([]string{"eth0", "wlan0"}); got != "eth0, wlan0" {
		t.Errorf("%q", got)
	}
	if isTerminal(new(bytes.Buffer)) {
		t.Error("a buffer counts as a terminal")
	}
}

// A real terminal is known as one.
func TestRealTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !isTerminal(f) {
		t.Fatal("a terminal is not known as one")
	}
	if p := newPrinter(console{out: f, err: f}, true); p.width != nil {
		t.Error("with --json the output counts as a terminal")
	}
	p := newPrinter(console{out: f, err: f}, false)
	if p.width == nil {
		t.Fatal("there is no status line on a terminal")
	}
	p.keep("1 peer", false)
	p.keep("Stopped.", true)
	_ = f.Close()
	if got := p.width(); got != 0 {
		t.Errorf("a terminal that has gone has %d columns", got)
	}
}
