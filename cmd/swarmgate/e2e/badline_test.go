//go:build e2e

package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// line is a UDP line to a peer that delays every datagram and loses some.
type line struct {
	front *net.UDPConn
	to    *net.UDPAddr
	delay time.Duration // each way
	loss  float64

	mu     sync.Mutex
	random *rand.Rand
	ways   map[string]chan delayed // to the peer, by who sends
	group  sync.WaitGroup
	ctx    context.Context
}

type delayed struct {
	due     time.Time
	content []byte
}

// openLine returns the address at which a line to a peer begins. It ends with the test.
func openLine(t *testing.T, to string, delay time.Duration, loss float64) string {
	t.Helper()
	peer, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := &line{front: front, to: peer, delay: delay, loss: loss, random: rand.New(rand.NewPCG(1, 2)), ways: map[string]chan delayed{}, ctx: t.Context()}
	l.group.Go(l.run)
	t.Cleanup(func() { // t's context has ended
		_ = front.Close()
		l.group.Wait()
	})
	return front.LocalAddr().String()
}

// run takes what is sent to the peer.
func (l *line) run() {
	for buf := make([]byte, 64<<10); ; {
		n, from, err := l.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		way := l.ways[from.String()]
		if way == nil {
			back, err := net.DialUDP("udp4", nil, l.to)
			if err != nil {
				return
			}
			way = l.carry(func(b []byte) { _, _ = back.Write(b) })
			l.ways[from.String()] = way
			context.AfterFunc(l.ctx, func() { _ = back.Close() })
			l.group.Go(func() { l.answers(back, from) })
		}
		l.send(way, buf[:n])
	}
}

// answers takes what the peer sends back.
func (l *line) answers(back *net.UDPConn, to *net.UDPAddr) {
	way := l.carry(func(b []byte) { _, _ = l.front.WriteToUDP(b, to) })
	for buf := make([]byte, 64<<10); ; {
		n, err := back.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		l.send(way, buf[:n])
	}
}

// send puts a datagram on its way, or loses it.
func (l *line) send(way chan delayed, b []byte) {
	l.mu.Lock()
	lost := l.random.Float64() < l.loss
	l.mu.Unlock()
	if lost {
		return
	}
	select {
	case way <- delayed{time.Now().Add(l.delay), append([]byte(nil), b...)}:
	default: // the line is full
	}
}

// carry starts one direction of the line.
func (l *line) carry(deliver func([]byte)) chan delayed {
	way := make(chan delayed, 4096)
	l.group.Go(func() {
		for {
			select {
			case d := <-way:
				time.Sleep(time.Until(d.due))
				deliver(d.content)
			case <-l.ctx.Done():
				return
			}
		}
	})
	return way
}

// launchWithClock starts a publisher of its standard input, and gives it the bundled channel for ever, in step with the
// clock. The longest time between two writes tells how long a busy machine held that up.
func (p *process) launchWithClock() (heldUp func() time.Duration) {
	p.t.Helper()
	var longest atomic.Int64
	in, err := p.cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.launch()
	loop, err := mpegts.NewLoop(media.Channel)
	if err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		last := time.Now()
		_ = loop.Run(p.t.Context(), time.Now, func(b []byte) error {
			longest.Store(max(longest.Load(), int64(time.Since(last))))
			_, err := in.Write(b)
			last = time.Now()
			return err
		})
		_ = in.Close()
	}()
	p.t.Cleanup(func() { p.kill(); <-done })
	return func() time.Duration { return time.Duration(longest.Load()) }
}

// publishClock publishes the bundled channel in step with the clock, from standard input, for who
// knows its address alone.
func publishClock(t *testing.T) (source publisher, heldUp func() time.Duration) {
	t.Helper()
	p := prepare(t, swarmgate, "publish", "--json", "--live", "-", "--title", "Clock", "--listen", "127.0.0.1:0", "--no-nat", "--no-local", "--dir", t.TempDir())
	heldUp = p.launchWithClock()
	e := p.event("swarm", 20*time.Second, nil)
	link, err := ppsp.ParseLink(e["link"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return publisher{p, link, e["link"].(string), e["listen"].(string)}, heldUp
}

// TestWatchOverABadLine watches a channel with little delay for a minute, over a line to the only peer
// that takes 40 ms each way and loses one datagram of a hundred.
func TestWatchOverABadLine(t *testing.T) {
	source, heldUp := publishClock(t)
	link := source.link
	link.Trackers, link.Peers = nil, []string{openLine(t, source.listen, 40*time.Millisecond, 0.01)}
	_, page := gateway(t, t.TempDir(), link.String())
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", channelTile)
	b.do(nil, "click", "selector", channelTile)
	clicked, frames := b.watch(15*time.Second, func(f []frame) bool { _, ok := firstLive(f); return ok })
	start, ok := firstLive(frames)
	if !ok {
		t.Fatal("no frame of the channel within 15 s of the click")
	}
	t.Logf("first frame %d ms after the click, the swarm cold", start.At-clicked)
	const settle, long = 5000, 60000 // ms
	_, more := b.watch((settle+long+1000)*time.Millisecond, nil)
	frames = append(frames, more...)
	v := view(frames, start.At+settle, start.At+settle+long)
	t.Log("for 60 s:", v)
	tellGaps(t, frames)
	held := max(0, heldUp()-100*time.Millisecond) // by this machine alone
	t.Logf("the machine held the publisher's input up for %v", held)
	if v.gap > 500*time.Millisecond+held { // from there on the page says that it waits
		t.Errorf("the picture stood for %v", v.gap)
	}
	if v.delay(95) > 1500*time.Millisecond+held {
		t.Errorf("%v behind the publisher (p95), want at most 1.5 s", v.delay(95))
	}
	if v.backwards > 0 || v.strange > 0 {
		t.Errorf("picture went back %d times, %d frames without barcode", v.backwards, v.strange)
	}
	b.shot("bad-line")
}
