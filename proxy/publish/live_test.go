package publish

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/ingest"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
	"github.com/swarmgate/swarmgate/proxy/state"
)

// feed is a live input by hand: what is sent to it is emitted, in one call each. It ends
// with the channel.
type feed chan []byte

func (f feed) Run(ctx context.Context, emit func([]byte) error) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case b, more := <-f:
			if !more {
				return nil
			}
			if err := emit(b); err != nil {
				return err
			}
			clear(b) // it was lent for the call only
		}
	}
}

// packets makes n transport stream packets, of which each tells its number.
func packets(first, n int) []byte {
	b := make([]byte, 0, n*mpegts.PacketSize)
	for i := first; i < first+n; i++ {
		p := bytes.Repeat([]byte{byte(i)}, mpegts.PacketSize)
		p[0], p[1], p[2], p[3] = 0x47, byte(i>>16)&0x1f, byte(i>>8), byte(i)
		b = append(b, p...)
	}
	return b
}

func openLive(t *testing.T, c LiveConfig) (*Live, *node.Node) {
	t.Helper()
	c.Node, c.Logger = openNode(t), zerolog.Nop()
	l, err := OpenLive(c)
	if err != nil {
		t.Fatal(err)
	}
	return l, c.Node
}

// Packets are cut into chunks wherever the runs begin and end, in order and without gap.
func TestChunksAreCutFromOddRuns(t *testing.T) {
	in := make(feed)
	l, n := openLive(t, LiveConfig{Source: in, Key: newKey(t), Title: "Odd", ChunksPerSignature: 4})
	run := start(t, l.Run)
	v := watch(t, l.Link(), n)
	v.await(t, swarm.EventPeerUp)
	random := rand.New(rand.NewPCG(3, 0))
	const total = 4 * 7 * 20 // packets of 20 signatures
	var sent []byte
	for at := 0; at < total; {
		k := min(1+random.IntN(40), total-at)
		b := packets(at, k)
		in <- b
		sent = append(sent, packets(at, k)...)
		at += k
	}
	end := uint64(0)
	for end < 80 {
		e := v.await(t, swarm.EventPlay)
		if e.Chunks.Start != end {
			t.Fatalf("chunk %d follows chunk %d", e.Chunks.Start, end)
		}
		end = e.Chunks.End
	}
	if !bytes.Equal(v.store.from(0), sent) {
		t.Error("what was played is not what was sent")
	}
	run.stop()
	if err := run.wait(t); err != nil {
		t.Errorf("at its end: %v", err)
	}
}

// emit keeps nothing of a run, and holds back what fills no chunk.
func TestRestOfARunWaits(t *testing.T) {
	l, _ := openLive(t, LiveConfig{Source: make(feed), Key: newKey(t), ChunksPerSignature: 2})
	for k, want := range []int{188, 376, 0, 188, 188 * 6, 0} {
		b := packets(k, map[int]int{0: 1, 1: 1, 2: 5 + 7, 3: 1, 4: 5 + 14, 5: 1}[k])
		if err := l.emit(b); err != nil {
			t.Fatal(err)
		}
		if len(l.pending) != want {
			t.Errorf("after run %d %d bytes wait, want %d", k, len(l.pending), want)
		}
	}
	if l.next != 5 {
		t.Errorf("%d chunks, want 5", l.next)
	}
}

func TestEndOfTheInputEndsRun(t *testing.T) {
	in := make(feed)
	l, n := openLive(t, LiveConfig{Source: in, Key: newKey(t), ChunksPerSignature: 2})
	run := start(t, l.Run)
	v := watch(t, l.Link(), n)
	v.await(t, swarm.EventPeerUp)
	close(in)
	if err := run.wait(t); err != nil {
		t.Errorf("at the end of the input: %v", err)
	}
	v.await(t, swarm.EventPeerDown) // the viewers are told
	if err := l.Member().Swarm().Append(make([]byte, LiveChunkSize)); !errors.Is(err, node.ErrEnded) {
		t.Errorf("afterwards: error %v, want ErrEnded", err)
	}
}

// broken is an input that fails.
type broken struct{ error }

func (b broken) Run(context.Context, func([]byte) error) error { return b.error }

func TestFailureOfTheInputIsTold(t *testing.T) {
	failure := errors.New("the cable was pulled")
	l, _ := openLive(t, LiveConfig{Source: broken{failure}, Key: newKey(t)})
	if err := l.Run(t.Context()); !errors.Is(err, failure) {
		t.Errorf("error %v, want that of the input", err)
	}
}

// The end of the time is no failure, whatever ended it.
func TestLiveEndsWithItsContext(t *testing.T) {
	timeout, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	caused, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { stop(errors.New("another part failed")) })
	for name, ctx := range map[string]context.Context{"time-out": timeout, "cause": caused} {
		l, _ := openLive(t, LiveConfig{Source: make(feed), Key: newKey(t)})
		if err := l.Run(ctx); err != nil {
			t.Errorf("after the %s: %v", name, err)
		}
	}
}

// openState opens the state that remembers which numbers were reserved.
func openState(t *testing.T, dir string) *state.State {
	t.Helper()
	s, err := state.Open(state.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A publisher that starts again goes on behind every number that it may have given before.
func TestNumbersGoOnAfterARestart(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	before := uint64(0)
	for round := range 4 {
		s := openState(t, dir)
		per := uint64(2) << round // another count of chunks in each round
		in := make(feed)
		l, n := openLive(t, LiveConfig{Source: in, Key: key, Numbers: s, ChunksPerSignature: per})
		if l.next%per != 0 {
			t.Errorf("round %d begins with chunk %d, no multiple of %d", round, l.next, per)
		}
		if l.next < before {
			t.Errorf("round %d begins with chunk %d, but %d was given", round, l.next, before-1)
		}
		first := l.next
		run := start(t, l.Run)
		v := watch(t, l.Link(), n)
		v.await(t, swarm.EventPeerUp)
		in <- packets(0, int(per)*7)
		if e := v.await(t, swarm.EventPlay); e.Chunks.Start != first {
			t.Errorf("round %d plays from chunk %d, want %d", round, e.Chunks.Start, first)
		}
		run.stop()
		if err := run.wait(t); err != nil {
			t.Fatal(err)
		}
		before = l.next
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// counting is a Numbers that fails when told to, and skips when told to.
type counting struct {
	next   uint64
	calls  int
	skip   uint64
	failed error
}

func (c *counting) ReserveChunks(_ ppsp.SwarmID, n uint64) (uint64, error) {
	c.calls++
	first := c.next + c.skip
	c.next = first + n
	return first, c.failed
}

// No number is given that was not reserved before.
func TestNumbersAreReservedAhead(t *testing.T) {
	c := &counting{next: 3 * reserveAhead}
	l, _ := openLive(t, LiveConfig{Source: make(feed), Key: newKey(t), Numbers: c, ChunksPerSignature: 64})
	run := packets(0, 64*7)
	for l.next < 5*reserveAhead {
		if err := l.emit(run); err != nil {
			t.Fatal(err)
		}
		if l.next > c.next {
			t.Fatalf("chunk %d was given, reserved are those before %d", l.next-1, c.next)
		}
	}
	if c.calls != 2 {
		t.Errorf("%d reservations for %d chunks, want 2", c.calls, 2*reserveAhead)
	}
	c.skip = reserveAhead
	if err := l.emit(run); err == nil || !strings.Contains(err.Error(), "somebody else publishes with the same key") {
		t.Errorf("numbers that another took: error %v", err)
	}
	c.failed = errors.New("the disk is full")
	if err := l.emit(run); err == nil || !errors.Is(err, c.failed) || !strings.Contains(err.Error(), "reserve chunk numbers") {
		t.Errorf("error %v, want that of the disk", err)
	}
	if _, err := OpenLive(LiveConfig{Source: make(feed), Key: newKey(t), Numbers: c, Node: openNode(t)}); !errors.Is(err, c.failed) {
		t.Errorf("error %v, want that of the disk", err)
	}
}

func TestChunksPerSignature(t *testing.T) {
	for _, c := range []struct {
		rate int64 // bits per second
		size uint32
		want uint64
	}{
		{0, 1316, 2},
		{-5, 1316, 2},
		{160e3, 1316, 2},
		{1e6, 1316, 16},
		{2e6, 1316, 32},
		{5e6, 1316, 64},
		{20e6, 1316, 64},
		{20e6, 8 * 1316, 32},
		{1e6, 188, 64},
		{1 << 62, 1, 64},
		{3e6, 60 << 10, 2},
	} {
		got := perSignature(c.rate, c.size)
		if got != c.want {
			t.Errorf("%d bit/s in chunks of %d: %d, want %d", c.rate, c.size, got, c.want)
		}
		// The engine takes a power of two from 2 on (RFC 7574, 6.1.2.1).
		if got < 2 || got&(got-1) != 0 || got > swarm.MaxMunro {
			t.Errorf("%d bit/s: %d is no power of two that works", c.rate, got)
		}
		if span := float64(got) * float64(c.size) * 8000 / float64(max(c.rate, 1)); c.rate >= 1e6 && got > 2 && span > signatureInterval {
			t.Errorf("%d bit/s: a signature covers %.0f ms, want at most %d", c.rate, span, signatureInterval)
		}
	}
}

func TestLinkOfALiveStream(t *testing.T) {
	key := newKey(t)
	l, _ := openLive(t, LiveConfig{
		Source: make(feed), Key: key, Title: "One", Rate: 3e6,
		Trackers: []string{"https://tracker.example/"}, Contacts: []string{"127.0.0.1:7000"},
	})
	link := l.Link()
	if link.SwarmID != key.SwarmID() || link.Kind != ppsp.Live || link.Title != "One" || link.Rate != 3e6 ||
		link.ChunkSize != LiveChunkSize || link.Signature != key.Algorithm() || link.Integrity != ppsp.IntegrityUnified {
		t.Errorf("link %+v, want that of the key with title, rate and defaults", link)
	}
	if back, err := ppsp.ParseLink(link.String()); err != nil || !back.Equal(link) {
		t.Errorf("read back %+v, error %v; want %+v", back, err, link)
	}
}

func TestStreamsThatCannotBePublished(t *testing.T) {
	n := openNode(t)
	key := newKey(t)
	for name, c := range map[string]LiveConfig{
		"chunks per signature": {ChunksPerSignature: 3},
		"tracker":              {Trackers: []string{"nonsense"}},
		"window too large":     {ChunksPerSignature: 1 << 20},
	} {
		c.Source, c.Key, c.Node, c.Title, c.Logger = make(feed), key, n, "Broken", zerolog.Nop()
		if _, err := OpenLive(c); err == nil || !strings.HasPrefix(err.Error(), "publish Broken: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line that names the stream", name, err)
		}
	}
}

// The window is as long as the memory that it may take, whatever the numbers are.
func TestSmallWindow(t *testing.T) {
	for _, c := range []LiveConfig{
		{Window: 1, ChunksPerSignature: 2}, {Window: 1, ChunksPerSignature: 4096}, {Window: 1 << 40, ChunksPerSignature: 64}, {},
	} {
		c.Source, c.Key = make(feed), newKey(t)
		openLive(t, c)
	}
}

// From a recording to the viewer: what is played is a whole transport stream.
func TestRecordingIsPublishedLive(t *testing.T) {
	b, err := os.ReadFile("../../cmd/swarmgate/media/channel.ts")
	if err != nil {
		t.Fatal(err)
	}
	key, err := livesig.Generate(ppsp.Ed25519, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	source := ingest.New(bytes.NewReader(b), ingest.Options{})
	gate := make(chan struct{})
	l, n := openLive(t, LiveConfig{Source: gated{source, gate}, Key: key, ChunksPerSignature: 8})
	start(t, l.Run)
	v := watch(t, l.Link(), n)
	v.await(t, swarm.EventPeerUp)
	close(gate)
	v.await(t, swarm.EventPlay)
	got := v.store.from(0)
	for at := 0; at < len(got); at += mpegts.PacketSize {
		if got[at] != 0x47 {
			t.Fatalf("packet %d begins with %#x, want 0x47", at/mpegts.PacketSize, got[at])
		}
	}
	if !bytes.Equal(got, b[:len(got)]) {
		t.Error("what is played is not the recording")
	}
}

// gated is an input that begins when somebody watches, and does not end.
type gated struct {
	Source
	begin chan struct{}
}

func (g gated) Run(ctx context.Context, emit func([]byte) error) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-g.begin:
	}
	if err := g.Source.Run(ctx, emit); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}
