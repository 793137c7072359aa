package ssdp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

// errGone ends a link whose interface has vanished or changed: nothing is said there.
var errGone = errors.New("the interface is gone")

// secondAlive is when the first announcements are repeated, since datagrams get lost
// (UDA 1.1, 1.2.2 asks for more than one set).
const secondAlive = 250 * time.Millisecond

// link announces the device on one interface and answers the searches of its hosts.
type link struct {
	config *Config
	ifi    atomic.Pointer[lan.Interface] // with the addresses of one family
	conn   Conn
	voices []voice
	status func(error) // hears of every failure, and with nil that all is well
	well   bool        // the last announcement was sent
	out    outbox
	buf    []byte
}

// asked is a search and who sent it.
type asked struct {
	search
	from netip.AddrPort
}

// run serves the interface until ctx ends, then takes leave, unless the cause is errGone.
// It returns early if nothing can be received any more. Where it is afresh, control points
// may hold what is no longer true, and are told to forget it first (UDA 1.1, 1.2.2: "devices
// … SHOULD first send … ssdp:byebye messages").
func (l *link) run(ctx context.Context, afresh bool) error {
	if afresh {
		l.takeLeave() // of the instance that may have crashed, or had another address
	}
	searches := make(chan asked)
	stop := make(chan struct{})
	var broken error
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(searches)
		broken = l.read(searches, stop)
	})
	l.loop(ctx, searches)
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errGone) {
		l.takeLeave()
		l.takeLeave()
	}
	close(stop)
	_ = l.conn.Close()
	reader.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return broken
}

// read hands over the searches of hosts that may ask, until the socket is closed.
func (l *link) read(searches chan<- asked, stop <-chan struct{}) error {
	b := make([]byte, maxDatagram+1)
	for {
		n, from, err := l.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		s, err := parseSearch(b[:n])
		if errors.Is(err, errNotSearch) {
			continue
		}
		if err != nil || !l.config.mayAsk(from.Addr()) {
			l.config.Logger.Debug().Err(err).Stringer("from", from).Msg("ssdp: search ignored")
			continue
		}
		select {
		case searches <- asked{s, from}:
		case <-stop:
			return nil
		}
	}
}

func (l *link) loop(ctx context.Context, searches <-chan asked) {
	targets := l.config.Device.targets()
	start := time.Now()
	l.out.announce(start, targets)
	l.out.announce(start.Add(secondAlive), targets)
	nextAlive := start.Add(l.config.period())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case a, ok := <-searches:
			if !ok {
				return
			}
			l.queue(a)
		case <-timer.C:
		}
		now := time.Now()
		if !now.Before(nextAlive) {
			l.out.announce(now, targets)
			nextAlive = now.Add(l.config.period())
		}
		l.sendDue(now)
		wake := nextAlive
		if due, ok := l.out.next(); ok && due.Before(wake) {
			wake = due
		}
		timer.Reset(time.Until(wake))
	}
}

func (l *link) queue(a asked) {
	targets := l.config.Device.match(a.target)
	if len(targets) == 0 {
		return
	}
	delay := rand.N(answerSpread)
	if a.wait < answerSpread {
		delay = 0
	}
	if !l.out.answer(time.Now(), delay, a.from, targets) {
		l.config.Logger.Debug().Stringer("from", a.from).Msg("ssdp: too many searches, one left unanswered")
	}
}

func (l *link) sendDue(now time.Time) {
	for {
		m, ok := l.out.take(now)
		if !ok {
			return
		}
		if !m.to.IsValid() {
			l.announce(func(b []byte, v voice) []byte {
				return l.config.Device.appendAlive(b, v.group, m.target, l.config.Location(v.own))
			})
			continue
		}
		own := l.ifi.Load().Facing(m.to.Addr())
		l.buf = l.config.Device.appendAnswer(l.buf[:0], m.target, l.config.Location(own), now, own.Is6())
		if err := l.conn.Answer(l.buf, m.to, own); err != nil {
			// It says more about that host than about the interface.
			l.config.Logger.Debug().Err(err).Stringer("to", m.to).Msg("ssdp: answer not sent")
		}
	}
}

// takeLeave says at once that the device is gone.
func (l *link) takeLeave() {
	for _, target := range l.config.Device.targets() {
		l.announce(func(b []byte, v voice) []byte { return l.config.Device.appendByebye(b, v.group, target) })
	}
}

// announce sends a message to all groups.
func (l *link) announce(write func(b []byte, v voice) []byte) {
	var errs []error
	for _, v := range l.voices {
		l.buf = write(l.buf[:0], v)
		errs = append(errs, l.conn.Announce(l.buf, v.group.to))
	}
	l.sent(errors.Join(errs...))
}

// sent passes on that an announcement failed, or that one was sent again.
func (l *link) sent(err error) {
	if err != nil {
		err = fmt.Errorf("announce: %w", err)
	}
	if err != nil || !l.well {
		l.status(err)
	}
	l.well = err == nil
}
