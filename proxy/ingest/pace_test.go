package ingest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// moment is when the first packet with some fill byte came out.
func moments(t *testing.T, in []byte, pause func(fill byte)) map[byte]time.Duration {
	t.Helper()
	start := time.Now()
	at := map[byte]time.Duration{}
	err := New(bytes.NewReader(in), Options{Paced: true}).Run(t.Context(), func(b []byte) error {
		for p := range slices.Chunk(b, mpegts.PacketSize) {
			fill := p[mpegts.PacketSize-1]
			if _, seen := at[fill]; fill != 0xff && !seen {
				at[fill] = time.Since(start)
				pause(fill)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func expect(t *testing.T, got map[byte]time.Duration, want map[byte]time.Duration) {
	t.Helper()
	for fill, at := range want {
		if got[fill] != at {
			t.Errorf("packet %q came after %v, want %v", fill, got[fill], at)
		}
	}
}

func never(byte) {}

func TestFilePlaysInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clip := channel(t)
		start := time.Now()
		var all []byte
		var clocks int
		var first uint64
		err := New(bytes.NewReader(clip), Options{Paced: true}).Run(t.Context(), func(b []byte) error {
			for p := range slices.Chunk(b, mpegts.PacketSize) {
				pcr, ok := mpegts.Packet(p).PCR()
				if !ok {
					continue
				}
				if clocks++; clocks == 1 {
					first = pcr
				}
				if due := mpegts.PCRDuration(mpegts.PCRElapsed(first, pcr)); time.Since(start) != due {
					t.Fatalf("the clock of %v came after %v", due, time.Since(start))
				}
			}
			all = append(all, b...)
			return nil
		})
		if err != nil || !bytes.Equal(all, clip) || clocks != 600 {
			t.Errorf("%d bytes, %d clocks, %v", len(all), clocks, err)
		}
		if took := time.Since(start); took != 24*time.Second-40*time.Millisecond {
			t.Errorf("24 s took %v", took)
		}
	})
}

func TestPaceOverTheWrapOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := slices.Concat(
			packet(1, 'a'), clock(1, mpegts.PCRModulus-100*ms), packet(1, 'b'), packet(1, 'c'),
			clock(1, 100*ms), packet(1, 'd'), clock(1, 300*ms), packet(1, 'e'))
		expect(t, moments(t, in, never), map[byte]time.Duration{
			'a': 0, 'b': 0, 'c': 0, 'd': 200 * time.Millisecond, 'e': 400 * time.Millisecond,
		})
	})
}

// Where two recordings were joined the clock jumps; the pace goes on.
func TestPaceOverJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flagged := clock(1, 3400*ms)
		flagged[5] |= 0x80
		in := slices.Concat(
			clock(1, 1000*ms), packet(1, 'a'), clock(1, 2000*ms), packet(1, 'b'),
			clock(1, 500*ms), packet(1, 'c'), // back
			clock(1, 1500*ms), packet(1, 'd'),
			clock(1, 60_000*ms), packet(1, 'e'), // far ahead
			clock(1, 61_000*ms), packet(1, 'f'),
			clock(1, 2400*ms), flagged, packet(1, 'g')) // back, then a jump that says so
		expect(t, moments(t, in, never), map[byte]time.Duration{
			'a': 0, 'b': time.Second, 'c': time.Second, 'd': 2 * time.Second,
			'e': 2 * time.Second, 'f': 3 * time.Second, 'g': 3 * time.Second,
		})
	})
}

func TestPaceCatchesUpWithALittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := slices.Concat(
			clock(1, 0), packet(1, 'a'), clock(1, 1000*ms), packet(1, 'b'), clock(1, 2000*ms), packet(1, 'c'),
			clock(1, 3000*ms), packet(1, 'd'), clock(1, 4000*ms), packet(1, 'e'), clock(1, 5000*ms), packet(1, 'f'))
		got := moments(t, in, func(fill byte) {
			switch fill {
			case 'b':
				<-time.After(1500 * time.Millisecond) // until 2.5 s: c is late, d is not
			case 'd':
				<-time.After(10 * time.Second) // until 13 s: e is so late that the pace starts anew
			}
		})
		expect(t, got, map[byte]time.Duration{
			'a': 0, 'b': time.Second, 'c': 2500 * time.Millisecond, 'd': 3 * time.Second,
			'e': 13 * time.Second, 'f': 14 * time.Second,
		})
	})
}

// The clock of one programme paces all; when it goes, that of another is taken.
func TestPaceWithSeveralClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := slices.Concat(
			clock(1, 0), packet(1, 'a'), clock(2, 5000*ms), packet(2, 'b'),
			clock(1, 1000*ms), packet(1, 'c'), clock(2, 6000*ms), packet(2, 'd'))
		in = append(in, bytes.Repeat(packet(2, 0xff), maxUnclocked)...)
		in = slices.Concat(in, clock(2, 9000*ms), packet(2, 'e'), clock(2, 10_000*ms), packet(2, 'f'))
		expect(t, moments(t, in, never), map[byte]time.Duration{
			'a': 0, 'b': 0, 'c': time.Second, 'd': time.Second, 'e': time.Second, 'f': 2 * time.Second,
		})
	})
}

func TestFileWithoutClock(t *testing.T) {
	for name, n := range map[string]int{"short": 100, "long": 2 * maxSearch / mpegts.PacketSize} {
		out := 0
		err := New(bytes.NewReader(bytes.Repeat(packet(1, 1), n)), Options{Paced: true}).Run(t.Context(), func(b []byte) error {
			out += len(b)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "no clock") || out != 0 {
			t.Errorf("%s: %v after %d bytes", name, err, out)
		}
	}
}

func TestContextEndsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := slices.Concat(clock(1, 0), packet(1, 'a'), clock(1, 4000*ms), packet(1, 'b'), packet(1, 'c'))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := New(bytes.NewReader(in), Options{Paced: true}).Run(ctx, func([]byte) error { return nil })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("ended after %v with %v", took, err)
		}
	})
}

// Between two clocks of a fast stream lie more bytes than are handed out at once.
func TestPacedBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := slices.Concat(clock(1, 0), bytes.Repeat(packet(1, 1), 2000), clock(1, 1000*ms), packet(1, 2), packet(1, 3))
		got, err := collect(t, New(bytes.NewReader(in), Options{Paced: true}))
		if err != nil || !bytes.Equal(got, in) {
			t.Errorf("%d bytes of %d, %v", len(got), len(in), err)
		}
	})
}
