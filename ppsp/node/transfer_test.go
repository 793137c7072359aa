package node

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// at returns where n is reached on this machine by ip.
func at(n *Node, ip string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), n.Addr().Port())
}

// A film goes from socket to socket, whatever kind of address each has, and with chunks
// that no pooled buffer holds.
func TestFilm(t *testing.T) {
	for _, c := range []struct {
		from, by, to string // the publisher listens on from and is known by by
		chunkSize    uint32
	}{
		{loopback, "127.0.0.1", loopback, 1024},
		{"[::1]:0", "::1", "[::1]:0", 1024},
		{":0", "127.0.0.1", ":0", 1024},
		{":0", "::1", ":0", 1024},
		{":0", "127.0.0.1", loopback, 1024},
		{loopback, "127.0.0.1", ":0", 1024},
		{"0.0.0.0:0", "127.0.0.1", ":0", 1024},
		{":0", "::ffff:127.0.0.1", ":0", 1024}, // as some systems write IPv4
		{loopback, "127.0.0.1", loopback, 1},
		{loopback, "127.0.0.1", loopback, 2049},
		{loopback, "127.0.0.1", loopback, 16 << 10},
		{":0", "::1", ":0", 60 << 10},
	} {
		t.Run(fmt.Sprintf("%s_by_%s_to_%s_%d", c.from, c.by, c.to, c.chunkSize), func(t *testing.T) {
			t.Parallel()
			f := newFilm(t, min(300*int(c.chunkSize), 3_000_000)+int(c.chunkSize)/2, c.chunkSize)
			publisher, receiver := open(t, c.from), open(t, c.to)
			join(t, publisher, f.seed())
			config, content := f.leech()
			p := join(t, receiver, config)
			p.meet(t, at(publisher, c.by))
			p.fetch(t, f, content)
		})
	}
}

// Three receivers, of which the publisher knows two by one protocol and one by the other.
func TestReceiversOfBothProtocols(t *testing.T) {
	f := newFilm(t, 200_000, 1024)
	publisher := open(t, ":0")
	join(t, publisher, f.seed())
	for _, ip := range []string{"127.0.0.1", "::1", "127.0.0.1"} {
		config, content := f.leech()
		p := join(t, open(t, ":0"), config)
		p.meet(t, at(publisher, ip))
		p.fetch(t, f, content)
	}
}

// One socket serves several swarms: the channel ID tells them apart.
func TestSwarmsShareASocket(t *testing.T) {
	publisher, receiver := open(t, loopback), open(t, loopback)
	type film2 struct {
		film
		p *part
		s *memory
	}
	var films []film2
	for k := range 4 {
		f := newFilm(t, 100_000+k, 1024)
		join(t, publisher, f.seed())
		config, content := f.leech()
		p := join(t, receiver, config)
		p.meet(t, publisher.Addr())
		films = append(films, film2{f, p, content})
	}
	for _, f := range films {
		f.p.fetch(t, f.film, f.s)
	}
}

func TestStats(t *testing.T) {
	f := newFilm(t, 50_500, 1024)
	publisher, receiver := open(t, loopback), open(t, loopback)
	source := join(t, publisher, f.seed())
	config, content := f.leech()
	p := join(t, receiver, config)
	p.meet(t, publisher.Addr())
	p.fetch(t, f, content)
	st, err := p.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if st.Have != 50 || st.Chunks != 50 || st.Counters.ChunksReceived != 50 || st.Counters.ChunkBytesReceived != 50_500 {
		t.Errorf("stats of the receiver %+v, want 50 chunks of 50 and 50500 bytes", st)
	}
	if len(st.Peers) != 1 || !st.Peers[0].Established || st.Peers[0].Addr != publisher.Addr() || st.Peers[0].Chunks != 50 {
		t.Errorf("peers of the receiver %+v, want the publisher with 50 chunks", st.Peers)
	}
	if st.Connecting != 0 || st.Unconnected != 0 || st.Edge != 0 || st.Next != 0 {
		t.Errorf("stats of the receiver %+v, want nobody else, and no edge of a film", st)
	}
	if p.Metadata() != f.meta {
		t.Errorf("metadata %+v, want %+v", p.Metadata(), f.meta)
	}
	have, err := p.Have()
	if err != nil || have.Count() != 50 || !have.ContainsAll(chunk.Range{End: 50}) {
		t.Errorf("have %v, error %v; want all 50 chunks", have, err)
	}
	st, err = source.Stats()
	if err != nil || st.Counters.ChunksSent < 50 || len(st.Peers) != 1 || st.Peers[0].Addr != receiver.Addr() {
		t.Errorf("stats of the publisher %+v, error %v; want 50 chunks sent to the receiver", st, err)
	}
}

// Chunks that the store has lost are fetched again.
func TestLostChunksComeAgain(t *testing.T) {
	f := newFilm(t, 50_000, 1024)
	publisher := open(t, loopback)
	join(t, publisher, f.seed())
	config, content := f.leech()
	p := join(t, open(t, loopback), config)
	p.meet(t, publisher.Addr())
	p.fetch(t, f, content)
	var lost chunk.Set
	lost.Add(chunk.Range{Start: 3, End: 9})
	content.mu.Lock()
	for i := uint64(3); i < 9; i++ {
		content.chunks[i] = nil
	}
	content.mu.Unlock()
	if err := p.Lost(lost); err != nil {
		t.Fatal(err)
	}
	p.fetch(t, f, content)
}

// Only what is wanted comes.
func TestWantedWindow(t *testing.T) {
	f := newFilm(t, 200*1024, 1024)
	publisher := open(t, loopback)
	join(t, publisher, f.seed())
	config, _ := f.leech()
	p := join(t, open(t, loopback), config)
	window := chunk.Range{Start: 100, End: 110}
	if err := p.Want([]chunk.Range{window}, false); err != nil {
		t.Fatal(err)
	}
	p.meet(t, publisher.Addr())
	p.await(t, swarm.EventSize)
	for {
		have, err := p.Have()
		if err != nil {
			t.Fatal(err)
		}
		if have.ContainsAll(window) {
			// The first chunk tells the peaks, the last one the size (RFC 7574, 5.6).
			if have.Count() > window.Len()+2 {
				t.Errorf("%d chunks came, wanted were %d", have.Count(), window.Len())
			}
			return
		}
		<-p.news
	}
}
