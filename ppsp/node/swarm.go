package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// inboxSize is how many datagrams may wait for a swarm's loop; more are dropped, as a full
// socket buffer would.
const inboxSize = 1024

// ErrEnded says that the swarm was left.
var ErrEnded = errors.New("the swarm was left")

// Swarm is a joined swarm. Its methods may be called from any goroutine while Run is at
// work; they are carried out between two batches of datagrams.
type Swarm struct {
	node   *Node
	engine *swarm.Swarm // touched by Run's goroutine only
	events func(swarm.Event)
	inbox  chan datagram
	asks   chan func()
	done   chan struct{} // closed when Run has returned
}

type datagram struct {
	from   netip.AddrPort
	buffer *[]byte
}

// buffers holds those of datagrams between reader and loop.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// deliver hands a copy of b to the loop.
func (s *Swarm) deliver(b []byte, from netip.AddrPort) {
	buffer, _ := buffers.Get().(*[]byte)
	*buffer = append((*buffer)[:0], b...)
	select {
	case s.inbox <- datagram{from, buffer}:
	default:
		buffers.Put(buffer)
	}
}

// Run is the swarm's loop. It returns after ctx has ended and the farewells are sent, and
// calls the events function of Join on its goroutine.
func (s *Swarm) Run(ctx context.Context) error {
	defer close(s.done)
	defer s.node.part(s)
	timer := time.NewTimer(0)
	defer timer.Stop()
	out := newOutbox(s.node)
	for {
		select {
		case <-ctx.Done():
			s.engine.Close(s.node.now())
			for range maxFarewell {
				if s.flush(out) {
					break
				}
			}
			return nil
		case d := <-s.inbox:
			s.receive(d)
		case ask := <-s.asks:
			ask()
		case <-timer.C:
			s.engine.HandleTimeout(s.node.now())
		}
		dry := s.flush(out)
		for event, ok := s.engine.NextEvent(); ok; event, ok = s.engine.NextEvent() {
			if s.events != nil {
				s.events(event)
			}
		}
		if dry {
			timer.Reset(s.wait())
		} else {
			timer.Reset(0)
		}
	}
}

// wait is the time until the engine wants to be woken, bounded so that a change of the
// system's clock or a sleep of the machine can't stop it.
func (s *Swarm) wait() time.Duration {
	d := time.Duration(min(s.engine.NextTimeout()-s.node.now(), int64(time.Second)))
	return max(d, time.Millisecond)
}

// receive handles d and what else has come, up to a batch, at one reading of the clock.
func (s *Swarm) receive(d datagram) {
	now := s.node.now()
	for i := 0; ; i++ {
		s.engine.HandleDatagram(now, d.from, *d.buffer)
		buffers.Put(d.buffer)
		if i == batch {
			return
		}
		select {
		case d = <-s.inbox:
		default:
			return
		}
	}
}

// maxFarewell bounds the batches of a closing swarm, which has one datagram for each peer.
const maxFarewell = 4

// maxFlush is how many batches go out before what has come in is looked at again.
const maxFlush = 8

// flush sends what the engine has to send; false when there may be more.
func (s *Swarm) flush(out *outbox) (dry bool) {
	now := s.node.now()
	for sent := 0; sent < maxFlush; {
		b, to, ok := s.engine.AppendDatagram(now, out.next())
		if !ok {
			out.send()
			return true
		}
		if out.add(b, to); out.full() {
			out.send()
			sent++
			now = s.node.now()
		}
	}
	return false
}

// do carries out f on the loop and waits for it.
func (s *Swarm) do(f func(now int64)) error {
	ran := make(chan struct{})
	select {
	case s.asks <- func() { defer close(ran); f(s.node.now()) }:
	case <-s.done:
		return ErrEnded
	}
	select {
	case <-ran:
		return nil
	case <-s.done:
		return ErrEnded
	}
}

// AddPeers names addresses at which peers listen.
func (s *Swarm) AddPeers(addrs []netip.AddrPort) error {
	return s.do(func(now int64) { s.engine.AddPeers(now, addrs) })
}

// Want says which chunks of a film are waited for; see swarm.Swarm.Want.
func (s *Swarm) Want(windows []chunk.Range, all bool) error {
	return s.do(func(now int64) { s.engine.Want(now, windows, all) })
}

// Lost takes back chunks that the store no longer has; see swarm.Swarm.Lost.
func (s *Swarm) Lost(chunks chunk.Set) error {
	return s.do(func(int64) { s.engine.Lost(&chunks) })
}

// Append adds the next chunk at the source of a live stream; see swarm.Swarm.Append.
func (s *Swarm) Append(b []byte) error {
	var err error
	if gone := s.do(func(now int64) { err = s.engine.Append(now, b) }); gone != nil {
		return gone
	}
	return err
}

// Stats is a picture of the swarm at one moment.
type Stats struct {
	Counters    swarm.Counters
	Peers       []swarm.PeerStats
	Connecting  int
	Unconnected int    // addresses known beyond the channels
	Have        uint64 // chunks
	Chunks      uint64 // of a film, 0 while unknown
	Edge, Next  uint64 // of a live stream
}

// Stats asks the loop for its numbers.
func (s *Swarm) Stats() (Stats, error) {
	var st Stats
	err := s.do(func(int64) {
		e := s.engine
		st = Stats{
			Counters: e.Counters(), Peers: e.AppendPeers(nil), Connecting: e.Connecting(),
			Unconnected: e.Unconnected(), Have: e.Have().Count(), Chunks: e.Chunks(),
		}
		st.Edge, st.Next = e.Edge()
	})
	return st, err
}

// Have returns a copy of the set of chunks that are verified and stored.
func (s *Swarm) Have() (chunk.Set, error) {
	var have chunk.Set
	err := s.do(func(int64) { have = s.engine.Have().Clone() })
	return have, err
}

// Metadata returns what the swarm was joined with.
func (s *Swarm) Metadata() ppsp.Metadata { return s.engine.Metadata() }

// outbox gathers datagrams for one system call.
type outbox struct {
	node     *Node
	messages []ipv4.Message
	addrs    []net.UDPAddr
	count    int
}

func newOutbox(n *Node) *outbox {
	o := &outbox{node: n, messages: make([]ipv4.Message, batch), addrs: make([]net.UDPAddr, batch)}
	for i := range o.messages {
		o.messages[i].Buffers = [][]byte{make([]byte, 0, 2048)}
		o.addrs[i].IP = make(net.IP, 0, 16)
	}
	return o
}

// next returns the empty buffer of the next datagram.
func (o *outbox) next() []byte { return o.messages[o.count].Buffers[0][:0] }

func (o *outbox) full() bool { return o.count == batch }

// add takes in the datagram that was built in next.
func (o *outbox) add(b []byte, to netip.AddrPort) {
	m, a := &o.messages[o.count], &o.addrs[o.count]
	m.Buffers[0] = b
	ip := to.Addr().As16()
	if to.Addr().Is4() {
		a.IP = append(a.IP[:0], ip[12:]...)
	} else {
		a.IP = append(a.IP[:0], ip[:]...)
	}
	a.Port, a.Zone = int(to.Port()), to.Addr().Zone()
	m.Addr = a
	o.count++
}

// send hands what was gathered to the kernel. A datagram that it refuses is lost, as on
// the way it could be; the engine copes.
func (o *outbox) send() {
	for sent := 0; sent < o.count; {
		n, err := o.node.packets.WriteBatch(o.messages[sent:o.count], 0)
		if err != nil {
			o.node.log.Debug().Err(err).Stringer("to", o.messages[sent].Addr).Msg("UDP send")
			n = 1
		}
		sent += max(n, 1)
	}
	o.count = 0
}
