package mpegts

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// channel is the demo's clip.
func channel(t testing.TB) []byte {
	t.Helper()
	clip, err := os.ReadFile("../../cmd/swarmgate/media/channel.ts")
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

func newLoop(t testing.TB, clip []byte) *Loop {
	t.Helper()
	l, err := NewLoop(clip)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// batch is what a loop handed out at once.
type batch struct {
	at   time.Time
	data []byte
}

// play runs a loop for a time of its clock, which stands at start when it begins. It must be
// called within a bubble.
func play(t *testing.T, l *Loop, start time.Time, length time.Duration) []batch {
	t.Helper()
	offset := time.Until(start)
	now := func() time.Time { return time.Now().Add(offset) }
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var all []batch
	err := l.Run(ctx, now, func(b []byte) error {
		all = append(all, batch{now().Round(0), bytes.Clone(b)})
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the loop ended with %v", err)
	}
	return all
}

func join(all []batch) []byte {
	var b []byte
	for _, one := range all {
		b = append(b, one.data...)
	}
	return b
}

func TestLoopIsAsLongAsItsClip(t *testing.T) {
	if d := newLoop(t, channel(t)).Duration(); d != 24*time.Second {
		t.Errorf("the channel's round lasts %v, want 24 s", d)
	}
	if d := newLoop(t, film(3)).Duration(); d != 3*time.Second {
		t.Errorf("the film's round lasts %v, want 3 s", d)
	}
}

// At unix time t the loop is at t mod 24 s: the frame that is handed out is floor(25 t) mod
// 600, and its PTS is the time itself.
func TestLoopIsLockedToTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, channel(t))
		start := time.Unix(1_700_000_005, 300_000_000)
		frames := 0
		for _, b := range play(t, l, start, 40*time.Second) {
			for _, p := range packetsOf(b.data) {
				h, ok := parsePES(p.Payload())
				if !p.UnitStart() || !ok || p.PID() != 0x100 {
					continue
				}
				ticks := b.at.UnixMilli() * 90
				late := elapsed(h.pts, uint64(ticks)%ptsModulus, ptsModulus)
				// A packet waits for the seventh of its batch.
				if late < 0 || late > 13_500 {
					t.Fatalf("at %v a frame comes out %d ticks late", b.at, late)
				}
				if frame := (ticks - late) / 3600; (ticks-late)%3600 != 0 || frame < 25*start.Unix() {
					t.Fatalf("PTS %d is no frame's time", h.pts)
				}
				frames++
			}
		}
		// The first keyframe is due 0.7 s after the start.
		if want := 39*25 + 7; frames < want-1 || frames > want+1 {
			t.Errorf("%d frames in 39.3 s, want %d", frames, want)
		}
	})
}

func TestLoopHandsOutWholeBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, b := range play(t, newLoop(t, channel(t)), time.Unix(1_700_000_000, 0), 30*time.Second) {
			if n := len(b.data) / PacketSize; len(b.data)%PacketSize != 0 || n < batchPackets || n > maxBatch {
				t.Fatalf("batch %d has %d bytes", i, len(b.data))
			}
		}
	})
}

// checkJoined holds that nothing in a stream tells where the rounds meet.
func checkJoined(t *testing.T, stream []byte, frame int64) {
	t.Helper()
	c := counters{last: map[uint16]uint8{}}
	c.check(stream)
	if c.breaks != 0 {
		t.Errorf("%d breaks of continuity", c.breaks)
	}
	times := map[uint16]uint64{}
	var clock uint64
	for i, p := range packetsOf(stream) {
		if p.Discontinuity() {
			t.Errorf("packet %d announces a discontinuity", i)
		}
		if pcr, ok := p.PCR(); ok {
			if step := PCRElapsed(clock, pcr); clock != 0 && (step <= 0 || step > PCRRate/10) {
				t.Errorf("packet %d: the clock steps by %d ticks", i, step)
			}
			clock = pcr
		}
		h, ok := parsePES(p.Payload())
		if !p.UnitStart() || !ok || !h.hasPTS {
			continue
		}
		step := elapsed(times[p.PID()], h.dts, ptsModulus)
		if last, seen := times[p.PID()]; seen && p.PID() == 0x100 && step != frame || seen && (step <= 0 || step > 9000) {
			t.Errorf("packet %d: DTS %d follows %d on PID %#x", i, h.dts, last, p.PID())
		}
		times[p.PID()] = h.dts
	}
}

func TestRoundsJoin(t *testing.T) {
	// 2^33 ticks of 90 kHz after 1970, times 17811, is about now; the start is 20 s before.
	wrap := time.Unix(0, 0).Add(17811 * ptsDuration(ptsModulus))
	for name, start := range map[string]time.Time{
		"anywhere":                time.Unix(1_700_000_003, 0),
		"over the wrap of PTS":    wrap.Add(-20 * time.Second),
		"before 1970's 2nd round": time.Unix(20, 0),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stream := join(play(t, newLoop(t, channel(t)), start, 60*time.Second))
				if seconds := len(stream) / (480_000 / 24); seconds < 55 {
					t.Fatalf("%d bytes for 60 s", len(stream))
				}
				checkJoined(t, stream, 3600)
			})
		})
	}
}

// A publisher that is started again goes on as if it had never stopped.
func TestLoopsOfOneClipAreEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clip := channel(t)
		start := time.Unix(1_700_000_000, 0)
		one := join(play(t, newLoop(t, clip), start, 40*time.Second))
		other := join(play(t, newLoop(t, clip), start.Add(17300*time.Millisecond), 20*time.Second))
		if !bytes.Contains(one, other) {
			t.Fatal("a later loop hands out other bytes")
		}
		if p := Packet(other); p.PID() != 0 || !p.UnitStart() {
			t.Errorf("it begins with PID %#x, not with the tables", p.PID())
		}
	})
}

func TestTablesStandBeforeEachKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, channel(t))
		packets := packetsOf(join(play(t, l, time.Unix(1_700_000_000, 0), 30*time.Second)))
		s := newProbe()
		tables := 0
		keyframes := 0
		for i, p := range packets {
			if p.PID() == 0 {
				tables++
			}
			if f := s.packet(p); f.frame && f.verdict == clean {
				keyframes++
				if i < 2 || packets[i-1].PID() != 0x1000 || packets[i-2].PID() != 0 {
					t.Fatalf("keyframe %d has no tables before it", keyframes)
				}
			}
		}
		if keyframes < 29 || tables-keyframes > 1 { // the last may be cut off
			t.Errorf("%d keyframes and %d tables in 30 s", keyframes, tables)
		}
	})
}

// setClock is a clock that is set by a step after some time of the bubble.
func setClock(after, step time.Duration) func() time.Time {
	begin := time.Now()
	return func() time.Time {
		if now := time.Now(); now.Sub(begin) < after {
			return now
		} else {
			return now.Add(step)
		}
	}
}

func TestLoopFollowsAClockThatIsSet(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour, "a little": 1500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLoop(t, channel(t))
				now := setClock(10*time.Second+300*time.Millisecond, step)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				bytesOut, last := 0, time.Now()
				l.Run(ctx, now, func(b []byte) error {
					if pause := time.Since(last); pause > 2500*time.Millisecond {
						t.Errorf("a pause of %v", pause)
					}
					last = time.Now()
					bytesOut += len(b)
					return nil
				})
				if rate := bytesOut / 20; rate < 15_000 || rate > 25_000 {
					t.Errorf("%d bytes/s, the clip has 20,000", rate)
				}
				if time.Since(last) > time.Second {
					t.Errorf("silent for %v at the end", time.Since(last))
				}
			})
		})
	}
}

// A consumer that holds the loop up for long gets the present, not the past.
func TestLoopSkipsWhatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, channel(t))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		held := false
		var after []byte
		l.Run(ctx, time.Now, func(b []byte) error {
			if held {
				after = append(after, b...)
			} else if time.Now().Second() == 5 {
				held = true
				<-time.After(10 * time.Second)
			}
			return nil
		})
		if p := Packet(after); p.PID() != 0 {
			t.Errorf("it goes on with PID %#x, not with the tables", p.PID())
		}
		if n := len(after); n > 17*20_000 {
			t.Errorf("%d bytes after being held up", n)
		}
	})
}

func TestLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, channel(t))
		full := errors.New("the disk is full")
		if err := l.Run(t.Context(), time.Now, func([]byte) error { return full }); err != full {
			t.Errorf("emit fails: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("stopped")
		cancel(gone)
		if err := l.Run(ctx, time.Now, func([]byte) error { t.Error("bytes after the end"); return nil }); err != gone {
			t.Errorf("context ends: %v", err)
		}
	})
}

func TestClipsThatCannotBeLooped(t *testing.T) {
	make := func(write func(b *builder)) []byte {
		b := newBuilder()
		write(b)
		return b.Bytes()
	}
	frames := func(b *builder, count int, pcr func(i uint64) uint64, pts func(i uint64) uint64) {
		b.tables(0x1b)
		for i := range uint64(count) {
			head := plainFrame
			if i%25 == 0 {
				head = idrFrame
			}
			b.unit(pes{pid: testVideo, pts: pts(i), pcr: pcr(i), content: frame(head, 300, 1)})
		}
	}
	steady := func(i uint64) uint64 { return 90_000 + i*3600 }
	clock := func(i uint64) uint64 { return steady(i)*300 + 1 }
	none := func(uint64) uint64 { return 0 }
	for _, c := range []struct {
		name, want string
		clip       []byte
	}{
		{"nothing", "no MPEG transport stream", nil},
		{"text", "no MPEG transport stream", bytes.Repeat([]byte("text "), 1000)},
		{"sound alone", "no video", make(func(b *builder) {
			b.radio()
			for i := range uint64(50) {
				b.unit(pes{pid: testAudio, pts: i * 1920, pcr: i*1920*300 + 1, content: frame(nil, 90, 1)})
			}
		})},
		{"no tables", "no video", film(2)[2*PacketSize : 22*PacketSize]},
		{"no keyframe", "no keyframe", make(func(b *builder) {
			b.tables(0x1b)
			for i := range uint64(50) {
				b.unit(pes{pid: testVideo, pts: i * 3600, pcr: clock(i), content: frame(plainFrame, 90, 1)})
			}
		})},
		{"one frame", "single frame", make(func(b *builder) { frames(b, 1, clock, steady) })},
		{"half a second", "shorter than a second", make(func(b *builder) { frames(b, 12, clock, steady) })},
		{"no clock", "no clock", make(func(b *builder) { frames(b, 50, none, steady) })},
		{"clock jumps", "clock jumps at packet", make(func(b *builder) {
			frames(b, 50, func(i uint64) uint64 { return clock(i) + i/30*PCRRate*60 }, steady)
		})},
		{"clock runs backwards", "clock jumps at packet", make(func(b *builder) {
			frames(b, 50, func(i uint64) uint64 { return clock(100 - i) }, steady)
		})},
		{"frames jump", "time stamps jump", make(func(b *builder) {
			frames(b, 50, clock, func(i uint64) uint64 { return steady(i) + i/30*ptsRate*60 })
		})},
	} {
		_, err := NewLoop(c.clip)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Frames that are sent in another order than they are shown keep both their times.
func TestLoopKeepsTheDistanceOfDTS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuilder()
		b.tables(0x1b)
		for i := range uint64(50) {
			dts := 90_000 + i*3600
			head, pts := plainFrame, dts+3600*[]uint64{1, 3, 0, 1, 0}[i%5]
			if i == 0 {
				head = idrFrame
			}
			b.unit(pes{pid: testVideo, pts: pts, dts: dts, pcr: dts*300 - 100*27_000, content: frame(head, 300, byte(i))})
		}
		stream := join(play(t, newLoop(t, b.Bytes()), time.Unix(1_700_000_000, 0), 10*time.Second))
		checkJoined(t, stream, 3600)
		first := true
		for _, p := range packetsOf(stream) {
			if h, ok := parsePES(p.Payload()); ok && p.UnitStart() && first {
				first = false
				if step := elapsed(h.dts, h.pts, ptsModulus); step != 3600 || uint64(1_700_000_000*90_000%ptsModulus) != h.pts {
					t.Errorf("the first frame has PTS %d, %d ticks behind its DTS", h.pts, step)
				}
			}
		}
	})
}

// Packets without payload take no number of their own, and what was a break in the clip is
// none in the loop.
func TestLoopNumbersPacketsWithoutPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuilder()
		b.tables(0x1b)
		for i := range uint64(50) {
			pts := 90_000 + i*3600
			head := plainFrame
			if i%25 == 0 {
				head = idrFrame
			}
			b.unit(pes{pid: testVideo, pts: pts, pcr: pts*300 - 27_000, content: frame(head, 300, byte(i))})
			b.clock(testVideo, pts*300+27_000*20)
			b.Write(packetOf(syncByte, 0x1f, 0xff, 0x10))
		}
		clip := b.Bytes()
		for _, p := range packetsOf(clip) {
			if _, ok := p.PCR(); ok {
				p[5] |= 0x80
				break
			}
		}
		stream := join(play(t, newLoop(t, clip), time.Unix(1_700_000_001, 0), 10*time.Second))
		checkJoined(t, stream, 3600)
		clocks := 0
		for _, p := range packetsOf(stream) {
			if !p.HasPayload() {
				clocks++
			}
			if p.PID() == NullPID {
				t.Fatal("a null packet")
			}
		}
		if clocks < 9*25 {
			t.Errorf("%d packets without payload", clocks)
		}
	})
}

// Any bytes: no panic, and a clip that is taken plays.
func FuzzLoop(f *testing.F) {
	f.Add(film(2))
	s := newBuilder()
	s.film(ptsModulus-3600, 1)
	f.Add(s.Bytes())
	f.Add(film(2)[:40*PacketSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		l, err := NewLoop(data)
		if err != nil {
			return
		}
		at := l.keyframe(time.Unix(1_700_000_000, 0))
		last := l.due(at)
		if last.Before(time.Unix(1_700_000_000, 0)) {
			t.Fatalf("the next keyframe is due in the past, at %v", last)
		}
		var p []byte
		for range 3 * len(l.clip.slots) {
			if due := l.due(at); due.Before(last) {
				t.Fatalf("%+v is due at %v, the packet before at %v", at, due, last)
			} else {
				last = due
			}
			if p = l.appendPacket(p[:0], at); len(p) != PacketSize || p[0] != syncByte {
				t.Fatalf("%+v is %d bytes", at, len(p))
			}
			at = l.next(at)
		}
	})
}
