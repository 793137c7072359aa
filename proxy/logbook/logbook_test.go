package logbook

import (
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

func logger(b *Book) zerolog.Logger {
	return zerolog.New(b).Level(zerolog.InfoLevel).With().Timestamp().Logger()
}

func TestLines(t *testing.T) {
	var b Book
	l := logger(&b)
	l.Debug().Msg("nobody asked")
	l.Info().Str("title", "News").Int("peers", 7).Msg("session starts")
	l.Warn().Str("peer", "192.0.2.7").Msg("peer shut out")
	l.Error().Msg("disk full")
	all := b.Lines(zerolog.DebugLevel, 0, 10)
	if len(all) != 3 {
		t.Fatalf("%d lines, want 3", len(all))
	}
	if got := all[0]; got.Number != 1 || got.Message != "session starts" || got.Details != "peers=7 title=News" || got.Level != zerolog.InfoLevel || got.Time.IsZero() {
		t.Errorf("first line %+v", got)
	}
	if got := b.Lines(zerolog.WarnLevel, 0, 10); len(got) != 2 || got[0].Message != "peer shut out" {
		t.Errorf("warnings %+v", got)
	}
	if got := b.Lines(zerolog.DebugLevel, 0, 2); len(got) != 2 || got[1].Message != "disk full" {
		t.Errorf("the last two %+v", got)
	}
	if got := b.Lines(zerolog.DebugLevel, 2, 10); len(got) != 1 || got[0].Number != 3 {
		t.Errorf("after the second %+v", got)
	}
}

// However much is logged, the book holds its bounds and the newest lines.
func TestBounds(t *testing.T) {
	var b Book
	l := logger(&b)
	for range 3 * MaxLines {
		l.Info().Msg("short")
	}
	if got := len(b.Lines(zerolog.InfoLevel, 0, 5*MaxLines)); got != MaxLines {
		t.Errorf("%d lines, want %d", got, MaxLines)
	}
	for range MaxLines {
		l.Info().Str("text", strings.Repeat("x", 2000)).Msg("long")
	}
	l.Warn().Msg("last")
	list := b.Lines(zerolog.InfoLevel, 0, 5*MaxLines)
	if len(list) > MaxBytes/2000 || len(list) < MaxBytes/3000 {
		t.Errorf("%d long lines", len(list))
	}
	if got := list[len(list)-1]; got.Message != "last" || got.Number != 4*MaxLines+1 {
		t.Errorf("last line %+v", got)
	}
	if b.bytes > MaxBytes {
		t.Errorf("%d bytes", b.bytes)
	}
	l.Info().Str("text", strings.Repeat("x", maxLine)).Msg("huge")
	list = b.Lines(zerolog.InfoLevel, 0, 1)
	if got := list[0]; !strings.Contains(got.Message, "too long") || got.Time.IsZero() {
		t.Errorf("a huge line is %+v", got)
	}
}

func TestWhatIsNoJSON(t *testing.T) {
	var b Book
	if n, err := b.Write([]byte("plain\n")); n != 6 || err != nil {
		t.Error(n, err)
	}
	if got := b.Lines(zerolog.DebugLevel, 0, 1); len(got) != 1 || got[0].Message != "plain" {
		t.Errorf("%+v", got)
	}
}

func TestManyWriters(t *testing.T) {
	var b Book
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			l := logger(&b)
			for range 500 {
				l.Info().Msg("x")
				b.Lines(zerolog.InfoLevel, 0, 3)
			}
		})
	}
	group.Wait()
	if got := b.Lines(zerolog.InfoLevel, 0, 1); got[0].Number != 2000 {
		t.Errorf("last number %d", got[0].Number)
	}
}
