package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// channel is the demo's clip: 24 s, a clock every 40 ms.
func channel(t testing.TB) []byte {
	t.Helper()
	clip, err := os.ReadFile("../../cmd/swarmgate/media/channel.ts")
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

// packet is a packet of a PID filled with one byte.
func packet(pid uint16, fill byte) []byte {
	p := bytes.Repeat([]byte{fill}, mpegts.PacketSize)
	copy(p, []byte{0x47, byte(pid >> 8), byte(pid), 0x10})
	return p
}

// clock is a packet with a PCR, in ticks of 27 MHz.
func clock(pid uint16, ticks uint64) []byte {
	p := packet(pid, 0xff)
	base, extension := ticks/300, ticks%300
	copy(p[3:], []byte{
		0x30, 7, 0x10, byte(base >> 25), byte(base >> 17), byte(base >> 9), byte(base >> 1),
		byte(base<<7) | 0x7e | byte(extension>>8), byte(extension),
	})
	return p
}

const ms = mpegts.PCRRate / 1000

// collect runs a source to its end.
func collect(t *testing.T, s *Source) ([]byte, error) {
	t.Helper()
	var all []byte
	err := s.Run(t.Context(), func(b []byte) error {
		if len(b) == 0 || len(b)%mpegts.PacketSize != 0 || len(b) > maxBlock {
			t.Errorf("%d bytes at once", len(b))
		}
		all = append(all, b...)
		return nil
	})
	return all, err
}

func TestPipePassesPacketsAsTheyCome(t *testing.T) {
	clip := channel(t)
	for name, r := range map[string]io.Reader{
		"whole":             bytes.NewReader(clip),
		"byte by byte":      iotest.OneByteReader(bytes.NewReader(clip[:20_000*mpegts.PacketSize/1000])),
		"halves":            iotest.HalfReader(bytes.NewReader(clip)),
		"end with the data": iotest.DataErrReader(bytes.NewReader(clip)),
		"noise first":       io.MultiReader(strings.NewReader("a few bytes of noise"), bytes.NewReader(clip)),
	} {
		s := New(r, Options{})
		got, err := collect(t, s)
		want := clip
		if name == "byte by byte" {
			want = clip[:20_000*mpegts.PacketSize/1000/mpegts.PacketSize*mpegts.PacketSize]
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
		if st := s.Stats(); st.Packets != uint64(len(want)/mpegts.PacketSize) || st.Stride != 188 || st.Losses != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

func TestEveryStride(t *testing.T) {
	clip := channel(t)[:100*mpegts.PacketSize]
	for stride, lead := range map[int]int{188: 0, 192: 4, 204: 0} {
		var b []byte
		for i := 0; i < len(clip); i += mpegts.PacketSize {
			b = append(b, make([]byte, lead)...)
			b = append(b, clip[i:i+mpegts.PacketSize]...)
			b = append(b, make([]byte, stride-lead-mpegts.PacketSize)...)
		}
		s := New(bytes.NewReader(b), Options{})
		if got, err := collect(t, s); err != nil || !bytes.Equal(got, clip) || s.Stats().Stride != stride {
			t.Errorf("slots of %d: %d bytes, %v, %+v", stride, len(got), err, s.Stats())
		}
	}
}

func TestNullPacketsAreDropped(t *testing.T) {
	var in, want []byte
	for i := range 100 {
		p := packet(0x100, byte(i))
		in, want = append(in, p...), append(want, p...)
		if i%3 == 0 {
			in = append(in, packet(mpegts.NullPID, 0)...)
		}
	}
	s := New(bytes.NewReader(in), Options{})
	got, err := collect(t, s)
	if st := s.Stats(); err != nil || !bytes.Equal(got, want) || st.Nulls != 34 || st.Packets != 100 {
		t.Errorf("%d bytes, %v, %+v", len(got), err, st)
	}
}

func TestNoTransportStream(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"text":    strings.NewReader(strings.Repeat("some text. ", 1000)),
		"endless": endless{},
	} {
		got, err := collect(t, New(r, Options{}))
		if err == nil || !strings.Contains(err.Error(), "no packets") || !strings.Contains(err.Error(), "ffmpeg") || len(got) != 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// What was looked at is handed out all the same, whatever it was cut into, and counted once.
func TestLookTakesNothingAway(t *testing.T) {
	clip := channel(t)
	for name, r := range map[string]io.Reader{
		"whole":             bytes.NewReader(clip),
		"byte by byte":      iotest.OneByteReader(bytes.NewReader(clip[:2000])),
		"end with the data": iotest.DataErrReader(bytes.NewReader(clip[:10*mpegts.PacketSize])),
		"noise first":       io.MultiReader(strings.NewReader(strings.Repeat("noise", 1000)), bytes.NewReader(clip)),
	} {
		s := New(r, Options{})
		if err := s.Look(t.Context(), time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := collect(t, s)
		if err != nil || len(got) == 0 || !bytes.HasPrefix(clip, got) || s.Stats().Packets != uint64(len(got)/mpegts.PacketSize) || len(got) < 10*mpegts.PacketSize {
			t.Errorf("%s: %d bytes, %v, %+v", name, len(got), err, s.Stats())
		}
	}
}

// What can't be published is told by Look, in time, and nothing goes on behind it.
func TestLookRefuses(t *testing.T) {
	clocked := append(packet(0x100, 1), clock(0x100, 0)...)
	for name, c := range map[string]struct {
		in    io.Reader
		paced bool
		words string
	}{
		"nothing":       {strings.NewReader(""), false, "ended before its first byte"},
		"text":          {strings.NewReader(strings.Repeat("some text. ", 1000)), false, "ffmpeg"},
		"endless":       {endless{}, false, "no packets"},
		"broken":        {iotest.ErrReader(os.ErrPermission), false, "read the input"},
		"no clock":      {bytes.NewReader(bytes.Repeat(packet(0x100, 1), 100)), true, "no clock"},
		"a clock":       {bytes.NewReader(bytes.Repeat(clocked, 100)), true, ""},
		"no need of it": {bytes.NewReader(bytes.Repeat(packet(0x100, 1), 100)), false, ""},
	} {
		s := New(c.in, Options{Paced: c.paced})
		err := s.Look(t.Context(), time.Minute)
		if c.words == "" {
			s.Stop()
		}
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}

// An input that says nothing yet is waited for a moment, and then taken.
func TestLookIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := New(r, Options{})
		began := time.Now()
		if err := s.Look(t.Context(), 2*time.Second); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ended, end := context.WithCancel(t.Context())
		end()
		silent, _ := io.Pipe()
		other := New(silent, Options{})
		if err := other.Look(ended, time.Hour); err != nil {
			t.Errorf("stopped: %v", err)
		}
		go func() {
			_, _ = w.Write(channel(t))
			_ = w.Close()
		}()
		if got, err := collect(t, s); err != nil || !bytes.Equal(got, channel(t)) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		other.Stop()
	})
}

// endless is an input that never ends and never makes sense.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestErrorsEndTheRun(t *testing.T) {
	clip := channel(t)
	broken := errors.New("the cable is gone")
	got, err := collect(t, New(io.MultiReader(bytes.NewReader(clip), iotest.ErrReader(broken)), Options{}))
	if !errors.Is(err, broken) || !bytes.Equal(got, clip) {
		t.Errorf("the input fails: %d bytes, %v", len(got), err)
	}
	full := errors.New("no more")
	calls := 0
	err = New(bytes.NewReader(clip), Options{}).Run(t.Context(), func([]byte) error { calls++; return full })
	if err != full || calls != 1 {
		t.Errorf("emit fails: %v after %d calls", err, calls)
	}
}

// The end of the context ends a Read that waits, by closing the input.
func TestContextEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- New(r, Options{}).Run(ctx, func([]byte) error { return nil }) }()
		if _, err := w.Write(channel(t)[:1000*mpegts.PacketSize]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stopped := errors.New("stopped")
		cancel(stopped)
		synctest.Wait()
		select {
		case err := <-ended:
			if err != stopped {
				t.Errorf("ended with %v", err)
			}
		default:
			t.Fatal("it still runs")
		}
		if _, err := w.Write(make([]byte, 1)); err != io.ErrClosedPipe {
			t.Errorf("the input is not closed: %v", err)
		}
	})
}

// stuck is an input whose Read no Close can end.
type stuck struct{ release chan struct{} }

func (s stuck) Read([]byte) (int, error) {
	<-s.release
	return 0, io.EOF
}

func TestRunDoesNotWaitForAStuckRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := stuck{make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := New(in, Options{}).Run(ctx, func([]byte) error { return nil })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Minute+closeWait {
			t.Errorf("ended after %v with %v", took, err)
		}
		close(in.release)
	})
}

// A slow consumer slows the writer of a pipe down: what is under way is bounded.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		hold := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- New(r, Options{}).Run(ctx, func([]byte) error { <-hold; return nil })
		}()
		written := 0
		go func() {
			for p := packet(0x100, 1); ; written += len(p) {
				if _, err := w.Write(p); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if written == 0 || written > 3*blockSize {
			t.Errorf("%d bytes are under way", written)
		}
		cancel()
		close(hold)
		<-ended
		synctest.Wait()
	})
}

func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		alarms := make(chan Alarm, 10)
		s := New(r, Options{Stall: 3 * time.Second, Alarm: func(a Alarm) { alarms <- a }})
		ended := make(chan error, 1)
		go func() { ended <- s.Run(t.Context(), func([]byte) error { return nil }) }()
		packets := bytes.Repeat(packet(0x100, 1), 10)
		// speak writes after a pause, which raises the given alarms.
		speak := func(after time.Duration, want ...Alarm) {
			t.Helper()
			<-time.After(after)
			if _, err := w.Write(packets); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			for _, a := range want {
				if len(alarms) == 0 {
					t.Fatalf("no alarm %v", a)
				}
				if got := <-alarms; got != a {
					t.Errorf("alarm %v, want %v", got, a)
				}
			}
			if len(alarms) != 0 {
				t.Errorf("alarm %v for nothing", <-alarms)
			}
		}
		speak(time.Second)
		speak(2900 * time.Millisecond)
		speak(2900 * time.Millisecond)
		speak(10*time.Second, Alarm{Silent: 3 * time.Second}, Alarm{Silent: 10 * time.Second, Over: true})
		speak(time.Second)
		speak(4*time.Second, Alarm{Silent: 3 * time.Second}, Alarm{Silent: 4 * time.Second, Over: true})
		w.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAlarmCanBeOff(t *testing.T) {
	for name, o := range map[string]Options{
		"no function": {Stall: time.Second},
		"no stall":    {Stall: -1, Alarm: func(a Alarm) { t.Errorf("alarm %v", a) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				ended := make(chan error, 1)
				go func() { ended <- New(r, o).Run(t.Context(), func([]byte) error { return nil }) }()
				<-time.After(time.Hour)
				w.Write(bytes.Repeat(packet(0x100, 1), 10))
				<-time.After(time.Hour)
				w.Close()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
