// Package logbook keeps the last lines of the log in memory, for owners who read it on the page.
package logbook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Bounds of what a Book keeps. Older lines make room for newer ones.
const (
	MaxLines = 1000
	MaxBytes = 256 << 10 // of all lines together
	maxLine  = 4 << 10   // of one line; longer ones are left out
)

// Line is one line of the log.
type Line struct {
	Number  uint64 // counts all lines of this process from 1
	Time    time.Time
	Level   zerolog.Level
	Message string
	Details string // the fields beside the message, as "peer=192.0.2.7 reason=…", in the order of their names
}

// Book keeps lines that zerolog writes. The zero value is an empty one; its methods may be
// called by any goroutine.
type Book struct {
	mu    sync.Mutex
	lines []line // a ring once there are MaxLines
	first int    // index of the oldest
	count int
	bytes int
	last  uint64 // number of the newest
}

type line struct {
	level zerolog.Level
	text  []byte // JSON, as zerolog writes it
}

// Write keeps a line without a level.
func (b *Book) Write(text []byte) (int, error) { return b.WriteLevel(zerolog.NoLevel, text) }

// WriteLevel keeps a line (zerolog.LevelWriter). It never fails.
func (b *Book) WriteLevel(level zerolog.Level, text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	kept := line{level, bytes.Clone(bytes.TrimSpace(text))}
	if len(kept.text) > maxLine {
		kept.text = fmt.Appendf(nil, `{"%s":%q,"%s":"a line of %d bytes was too long to keep here"}`,
			zerolog.TimestampFieldName, time.Now().Format(zerolog.TimeFieldFormat), zerolog.MessageFieldName, len(text))
	}
	if b.lines == nil {
		b.lines = make([]line, MaxLines)
	}
	b.bytes += len(kept.text)
	for b.count == MaxLines || b.bytes > MaxBytes {
		b.bytes -= len(b.lines[b.first].text)
		b.lines[b.first] = line{}
		b.first = (b.first + 1) % MaxLines
		b.count--
	}
	b.lines[(b.first+b.count)%MaxLines] = kept
	b.count++
	return len(text), nil
}

// Lines returns the newest lines of at least the level, at most limit, oldest first. after
// leaves out those with that number and lower ones; 0 leaves out none.
func (b *Book) Lines(level zerolog.Level, after uint64, limit int) []Line {
	var list []Line
	for number, l := range b.newest(level, after, limit) {
		list = append(list, read(number, l))
	}
	slices.SortFunc(list, func(x, y Line) int { return int(int64(x.Number) - int64(y.Number)) })
	return list
}

func (b *Book) newest(level zerolog.Level, after uint64, limit int) map[uint64]line {
	found := map[uint64]line{}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := b.count - 1; i >= 0 && len(found) < limit; i-- {
		number := b.last - uint64(b.count-1-i)
		if number <= after {
			break
		}
		if l := b.lines[(b.first+i)%MaxLines]; l.level >= level {
			found[number] = l
		}
	}
	return found
}

// read takes a line apart.
func read(number uint64, l line) Line {
	out := Line{Number: number, Level: l.level}
	fields := map[string]any{}
	if err := json.Unmarshal(l.text, &fields); err != nil {
		out.Message = string(l.text)
		return out
	}
	take := func(name string) string {
		s, _ := fields[name].(string)
		delete(fields, name)
		return s
	}
	out.Message = take(zerolog.MessageFieldName)
	out.Time, _ = time.Parse(zerolog.TimeFieldFormat, take(zerolog.TimestampFieldName)) // zero where there is none
	take(zerolog.LevelFieldName)
	details := make([]string, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		details = append(details, fmt.Sprintf("%s=%v", name, fields[name]))
	}
	out.Details = strings.Join(details, " ")
	return out
}
