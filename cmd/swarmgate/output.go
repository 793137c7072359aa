package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// printer writes to people, or with --json to programs: one object a line. Logs go to
// standard error beside it.
type printer struct {
	json bool

	mu     sync.Mutex
	w, log io.Writer
	width  func() int // columns of the terminal, 0 if they can't be told; nil without a terminal
	status string     // the line that is kept current at the bottom, on a terminal
}

// newPrinter makes a printer to c.out; logs that are written to it go to c.err.
func newPrinter(c console, asJSON bool) *printer {
	p := &printer{w: c.out, log: c.err, json: asJSON}
	if f, ok := c.out.(*os.File); ok && !asJSON && isTerminal(f) {
		p.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return width
		}
	}
	return p
}

// isTerminal tells whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// event writes one JSON line; without --json it writes nothing.
func (p *printer) event(name string, fields map[string]any) {
	if !p.json {
		return
	}
	fields["event"] = name
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // the & of links stays one
	if encoder.Encode(fields) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.w.Write(line.Bytes())
}

// say writes a line for people; with --json it writes nothing.
func (p *printer) say(format string, args ...any) {
	if p.json {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
	p.draw()
}

// keep replaces the status line. Where there is no terminal it is written only when final.
func (p *printer) keep(line string, final bool) {
	if p.json {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width == nil {
		if final {
			fmt.Fprintln(p.w, line)
		}
		return
	}
	p.clear()
	p.status = line
	p.draw()
	if final {
		fmt.Fprintln(p.w)
		p.status = ""
	}
}

// leave ends the status line as it is: what is written next begins below it.
func (p *printer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != "" {
		fmt.Fprintln(p.w)
		p.status = ""
	}
}

func (p *printer) clear() {
	if p.status != "" {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// draw writes the status line, cut so that it does not wrap.
func (p *printer) draw() {
	if p.status == "" {
		return
	}
	line := []rune(p.status)
	if width := p.width(); width > 1 && len(line) >= width {
		line = append(line[:width-2], '…')
	}
	fmt.Fprint(p.w, string(line))
}

// Write lets a logger share the terminal with the status line.
func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	defer p.draw()
	return p.log.Write(b)
}

// rate writes bits per second for people.
func rate(bps int64) string {
	switch {
	case bps >= 10e6:
		return fmt.Sprintf("%.0f Mbit/s", float64(bps)/1e6)
	case bps >= 1e6:
		return fmt.Sprintf("%.1f Mbit/s", float64(bps)/1e6)
	}
	return fmt.Sprintf("%d kbit/s", bps/1000)
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return counted(int(n), "byte")
}

// counted writes a number with its noun.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// list joins words with commas.
func list(words []string) string { return strings.Join(words, ", ") }
