package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// puppet adds a peer that the test plays.
func (l *lab) puppet() *host {
	h := &host{l: l, addr: addr(len(l.hosts) + 1)}
	l.hosts = append(l.hosts, h)
	return h
}

// messages returns what a datagram consists of.
func messages(t testing.TB, f wire.Format, b []byte) []wire.Message {
	t.Helper()
	var d wire.Decoder
	var all []wire.Message
	d.Reset(b, f)
	for {
		var m wire.Message
		ok, err := d.Next(&m)
		if err != nil {
			t.Fatalf("datagram %x: %v", b, err)
		}
		if !ok {
			return all
		}
		all = append(all, m)
	}
}

// types returns the types of the messages in a datagram.
func types(t testing.TB, f wire.Format, b []byte) []wire.Type {
	t.Helper()
	var all []wire.Type
	for _, m := range messages(t, f, b) {
		all = append(all, m.Type)
	}
	return all
}

// greeting is a HANDSHAKE that opens a channel to the swarm.
func greeting(meta ppsp.Metadata, id uint32) wire.Handshake {
	h := wire.Handshake{
		SourceChannel: id, Has: wire.HasIntegrity | wire.HasHash | wire.HasAddressing,
		Version: 1, MinVersion: 1, SwarmID: []byte(meta.SwarmID), Integrity: meta.Integrity, Hash: meta.Hash,
		Signature: meta.Signature, Addressing: meta.Addressing, ChunkSize: meta.ChunkSize,
	}
	if meta.Kind() == ppsp.Live {
		h.Has |= wire.HasDiscardWindow
		h.DiscardWindow = 1000
	}
	return h
}

// initiating is the datagram with that HANDSHAKE.
func initiating(h wire.Handshake) []byte {
	return wire.AppendHandshake(wire.AppendChannel(nil, 0), &h)
}

// link is a puppet's open channel to an engine.
type link struct {
	p  *host
	to *host
	f  wire.Format
	id uint32 // the engine's
}

// greet opens a channel from the puppet to the engine of h.
func (p *host) greet(h *host) link {
	p.l.t.Helper()
	p.inbox = nil
	p.l.send(p.addr, h.addr, initiating(greeting(h.s.meta, 0xabcd)))
	p.l.until(time.Second, "answered", func() bool { return len(p.inbox) > 0 })
	m := messages(p.l.t, h.s.format, p.inbox[0].b)
	k := link{p: p, to: h, f: h.s.format, id: m[0].Handshake.SourceChannel}
	p.inbox = nil
	k.say(nil)
	p.l.run(50 * time.Millisecond)
	return k
}

// accept answers the HANDSHAKE of an engine that was told of the puppet.
func (p *host) accept(h *host) link {
	p.l.t.Helper()
	p.inbox = nil
	h.meet(p)
	p.l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
	m := messages(p.l.t, h.s.format, p.inbox[0].b)
	k := link{p: p, to: h, f: h.s.format, id: m[0].Handshake.SourceChannel}
	reply := greeting(h.s.meta, 0xabcd)
	reply.SwarmID, reply.MinVersion = nil, 0
	p.inbox = nil
	p.l.send(p.addr, h.addr, wire.AppendHandshake(wire.AppendChannel(nil, k.id), &reply))
	p.l.run(50 * time.Millisecond)
	return k
}

// say sends messages on the channel.
func (k link) say(b []byte) {
	k.p.l.send(k.p.addr, k.to.addr, append(wire.AppendChannel(nil, k.id), b...))
}

// heard returns the messages that came since the last call.
func (k link) heard() []wire.Message {
	k.p.l.t.Helper()
	var all []wire.Message
	for _, d := range k.p.inbox {
		all = append(all, messages(k.p.l.t, k.f, d.b)...)
	}
	k.p.inbox = nil
	return all
}

// take acknowledges what comes for a while, and returns all messages.
func (k link) take(d time.Duration) []wire.Message {
	k.p.l.t.Helper()
	var all []wire.Message
	for until := k.p.l.now + int64(d); k.p.l.now < until; {
		k.p.l.run(10 * time.Millisecond)
		for _, m := range k.heard() {
			all = append(all, m)
			if m.Type == wire.TypeData {
				k.say(k.f.AppendAck(nil, m.Chunks, 1000))
			}
		}
	}
	return all
}

// data is a chunk of a film with all its hashes, peaks first.
func (k link) data(f film, i uint64) []byte {
	var b []byte
	for n := range chunk.Peaks(f.chunks()) {
		hash, _ := f.tree.Hash(n)
		b = k.f.AppendIntegrity(b, n.Range(), hash)
	}
	for _, n := range f.tree.AppendUncles(nil, i, func(chunk.Bin) bool { return false }) {
		hash, _ := f.tree.Hash(n)
		b = k.f.AppendIntegrity(b, n.Range(), hash)
	}
	return k.f.AppendData(b, i, 1, f.chunk(i))
}

// has counts the messages of a type.
func has(all []wire.Message, t wire.Type) int {
	n := 0
	for _, m := range all {
		if m.Type == t {
			n++
		}
	}
	return n
}

// spread returns the chunks that the messages of a type name.
func spread(all []wire.Message, t wire.Type) *chunk.Set {
	var set chunk.Set
	for _, m := range all {
		if m.Type == t {
			set.Add(m.Chunks)
		}
	}
	return &set
}
