package mpegts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := film(2)
		b := NewBus(1 << 20)
		r := b.NewReader(t.Context())
		defer r.Close()
		got := make(chan []byte)
		go func() {
			defer close(got)
			for {
				buf := make([]byte, ReadSize)
				n, err := r.Read(buf)
				if err != nil {
					return
				}
				got <- buf[:n]
			}
		}()
		expect := func(when string, want []byte) {
			t.Helper()
			synctest.Wait()
			var all []byte
			for more := true; more; synctest.Wait() {
				var p []byte
				select {
				case p, more = <-got:
					all = append(all, p...)
				default:
					more = false
				}
			}
			if !bytes.Equal(all, want) {
				t.Errorf("%s: %d bytes, want %d", when, len(all), len(want))
			}
		}
		expect("before anything", nil)
		tables, keyframe := second(t, f, 0)
		write(t, b, f[:tables])
		expect("before the first keyframe", nil)
		write(t, b, f[tables:keyframe+5*PacketSize])
		expect("with the keyframe", f[tables:keyframe+5*PacketSize])
		write(t, b, f[keyframe+5*PacketSize:keyframe+5*PacketSize+100])
		expect("with half a packet", nil)
		write(t, b, f[keyframe+5*PacketSize+100:])
		expect("with the rest", f[keyframe+5*PacketSize:])
		b.Close()
		expect("at the end", nil)
		if _, open := <-got; open {
			t.Error("the reader goes on behind the end")
		}
	})
}

func TestEndsOfAReader(t *testing.T) {
	gone := errors.New("the screen went away")
	for name, c := range map[string]struct {
		end  func(b *Bus, r *Reader, cancel context.CancelCauseFunc)
		want error
	}{
		"context": {func(_ *Bus, _ *Reader, cancel context.CancelCauseFunc) { cancel(gone) }, gone},
		"close":   {func(_ *Bus, r *Reader, _ context.CancelCauseFunc) { r.Close() }, io.ErrClosedPipe},
		"channel": {func(b *Bus, _ *Reader, _ context.CancelCauseFunc) { b.Close() }, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBus(1 << 20)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				r := b.NewReader(ctx)
				defer r.Close()
				failed := make(chan error, 1)
				go func() {
					_, err := r.Read(make([]byte, ReadSize))
					failed <- err
				}()
				synctest.Wait()
				c.end(b, r, cancel)
				synctest.Wait()
				select {
				case err := <-failed:
					if err != c.want {
						t.Errorf("the Read that waited: %v, want %v", err, c.want)
					}
				default:
					t.Fatal("the Read still waits")
				}
				if _, err := r.Read(make([]byte, ReadSize)); err != c.want {
					t.Errorf("the next Read: %v, want %v", err, c.want)
				}
			})
		})
	}
}

func TestWriteBehindTheEnd(t *testing.T) {
	b := NewBus(1 << 20)
	f := film(1)
	write(t, b, f)
	r := b.NewReader(t.Context())
	defer r.Close()
	b.Close()
	if _, err := b.Write(f); err != io.ErrClosedPipe {
		t.Errorf("write behind the end: %v", err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, f) {
		t.Errorf("behind the end: %d bytes, %v", len(got), err)
	}
}

func TestReadIsBounded(t *testing.T) {
	s := newBuilder()
	s.tables(0x1b)
	s.unit(pes{pid: testVideo, content: frame(idrFrame, 2*ReadSize, 1)})
	b := NewBus(1 << 20)
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	defer r.Close()
	if n, err := r.Read(make([]byte, 1<<20)); n != ReadSize || err != nil {
		t.Errorf("a read of %d bytes, %v; the bound is %d", n, err, ReadSize)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read: %d, %v", n, err)
	}
}

// Falling behind in the middle of a packet costs that packet nothing: it is handed out whole
// before the tables.
func TestRejoinFromWithinAPacket(t *testing.T) {
	f := film(12)
	tables, _ := second(t, f, 2)
	b := NewBus(len(f) / 4)
	write(t, b, f[:tables])
	r := b.NewReader(t.Context())
	defer r.Close()
	got := make([]byte, 2*PacketSize+100)
	for i := range got {
		if n, err := r.Read(got[i : i+1]); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	write(t, b, f[tables:])
	got = append(got, drain(t, r)...)
	from, _ := second(t, f, 1)
	to, _ := second(t, f, 11)
	want := bytes.Join([][]byte{f[from : from+3*PacketSize], f[to:]}, nil)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

// counters checks that a reader's stream connects: the counter of each PID grows by one with
// each payload.
type counters struct {
	last   map[uint16]uint8
	breaks int
}

func (c *counters) check(b []byte) {
	for _, p := range packetsOf(b) {
		want := c.last[p.PID()]
		if p.HasPayload() {
			want = (want + 1) & 0x0f
		}
		if _, ok := c.last[p.PID()]; ok && p.Counter() != want {
			c.breaks++
		}
		c.last[p.PID()] = p.Counter()
	}
}

func TestTablesConnectWithTheStream(t *testing.T) {
	s := newBuilder()
	s.film(0, 2)
	// A keyframe without tables before it, then tables again.
	s.unit(pes{pid: testVideo, pts: 180_000, content: frame(idrFrame, 2000, 1)})
	s.unit(pes{pid: testVideo, pts: 183_600, content: frame(plainFrame, 200, 2)})
	s.tables(0x1b)
	s.unit(pes{pid: testVideo, pts: 187_200, content: frame(plainFrame, 200, 3)})
	b := NewBus(1 << 20)
	write(t, b, s.Bytes())
	r := b.NewReader(t.Context())
	defer r.Close()
	c := counters{last: map[uint16]uint8{}}
	got := drain(t, r)
	c.check(got)
	if c.breaks != 0 || Packet(got).PID() != 0 {
		t.Errorf("%d breaks; the first packet has PID %#x", c.breaks, Packet(got).PID())
	}
}

// Many readers of different speed each get whole packets that connect, but for rejoins.
func TestManyReaders(t *testing.T) {
	f := film(30)
	b := NewBus(len(f) / 6)
	var all sync.WaitGroup
	for i := range 20 {
		r := b.NewReader(t.Context())
		all.Go(func() {
			defer r.Close()
			c := counters{last: map[uint16]uint8{}}
			buf := make([]byte, (1+i*i)*PacketSize)
			for {
				n, err := r.Read(buf)
				if err == io.EOF {
					break
				}
				if err != nil || n%PacketSize != 0 {
					t.Errorf("reader %d: %d bytes, %v", i, n, err)
					return
				}
				c.check(buf[:n])
			}
			// Each rejoin breaks the four PIDs at most.
			if c.breaks > 4*int(r.Rejoins()) {
				t.Errorf("reader %d: %d breaks, %d rejoins", i, c.breaks, r.Rejoins())
			}
		})
	}
	random := rand.New(rand.NewPCG(3, 4))
	for rest := f; len(rest) > 0; {
		n := min(random.IntN(3000), len(rest))
		if _, err := b.Write(rest[:n]); err != nil {
			t.Error(err)
		}
		rest = rest[n:]
	}
	b.Close()
	all.Wait()
}

// Neither a write nor a read allocates, however long the stream: memory is the capacity.
func TestBusDoesNotAllocate(t *testing.T) {
	f := film(4)
	b := NewBus(len(f) / 2)
	r := b.NewReader(t.Context())
	defer r.Close()
	buf := make([]byte, ReadSize)
	ring := cap(b.ring.data)
	round := func() {
		for i := 0; i < len(f); i += 7 * PacketSize {
			write(t, b, f[i:min(i+7*PacketSize, len(f))])
			if b.index.n > 0 {
				r.Read(buf)
			}
		}
	}
	round()
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations for %d packets", n, len(f)/PacketSize)
	}
	if cap(b.ring.data) != ring || ring != len(f)/2/PacketSize*PacketSize {
		t.Errorf("the ring has %d bytes, asked were %d", cap(b.ring.data), len(f)/2)
	}
}

func TestSmallestBus(t *testing.T) {
	for _, capacity := range []int{-5, 0, 1, minCapacity - 1} {
		if n := len(NewBus(capacity).ring.data); n != minCapacity {
			t.Errorf("capacity %d: a ring of %d bytes, want %d", capacity, n, minCapacity)
		}
	}
	if n := len(NewBus(minCapacity + 187).ring.data); n != minCapacity {
		t.Errorf("a ring of %d bytes, want whole packets", n)
	}
}
