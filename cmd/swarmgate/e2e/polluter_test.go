//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// relay is a peer that has nothing of its own: it hands on what an honest peer says. So
// its hashes, its signatures and what it claims to have are true. A polluter alters
// nothing but the payload of each chunk.
//
//	gateway ── UDP ──> relay ── UDP, a socket for each client ──> honest peer
type relay struct {
	link   ppsp.Link
	honest netip.AddrPort
	format wire.Format
	spoils bool
	delay  time.Duration // of what the honest peer says
	socket *net.UDPConn
	asked  atomic.Int64  // datagrams that came from clients
	chunks atomic.Int64  // that went to clients
	marks  chan struct{} // has a value for each mark that came

	running sync.WaitGroup
	mu      sync.Mutex
	clients map[netip.AddrPort]*net.UDPConn // towards the honest peer
}

// open starts the relay and has the link's tracker list it as a seeder. It ends with the
// test.
func (r *relay) open(t *testing.T) *relay {
	t.Helper()
	signature := 0
	if r.link.Kind == ppsp.Live {
		key, err := livesig.ParsePublicKey(r.link.SwarmID)
		if err != nil {
			t.Fatal(err)
		}
		signature = key.SignatureSize()
	}
	r.format = wire.NewFormat(r.link.Metadata, signature)
	r.clients = map[netip.AddrPort]*net.UDPConn{}
	r.marks = make(chan struct{}, 1)
	r.socket = listenUDP(t)
	r.running.Go(r.serve)
	t.Cleanup(r.close)
	announce(t, r.link, tracker.Address{AddrPort: r.addr(), Type: tracker.Host, Priority: 100, Protocol: tracker.PeerProtocol})
	return r
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

func (r *relay) addr() netip.AddrPort { return r.socket.LocalAddr().(*net.UDPAddr).AddrPort() }

// announce has the link's tracker list an address as that of a seeder.
func announce(t *testing.T, link ppsp.Link, address tracker.Address) {
	t.Helper()
	id, err := ppsp.NewPeerID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := tracker.NewClient(tracker.ClientConfig{URL: link.Trackers[0], PeerID: id})
	defer client.CloseIdleConnections()
	join := []tracker.SwarmAction{tracker.Join(link.SwarmID, tracker.Seeder)}
	if _, err := client.Connect(t.Context(), join, []tracker.Address{address}, nil); err != nil {
		t.Fatal(err)
	}
}

// mark is a datagram that we send to the relay ourselves: what came before it was counted.
const mark = "mark"

// serve hands on what clients say, until the socket is closed.
func (r *relay) serve() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := r.socket.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if string(b[:n]) == mark {
			r.marks <- struct{}{}
			continue
		}
		r.asked.Add(1)
		if to := r.upstream(from); to != nil {
			_, _ = to.Write(b[:n])
		}
	}
}

// upstream is the socket towards the honest peer that is kept for a client.
func (r *relay) upstream(client netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := r.clients[client]
	if to != nil {
		return to
	}
	to, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.honest))
	if err != nil {
		return nil
	}
	r.clients[client] = to
	r.running.Go(func() { r.answer(to, client) })
	return to
}

// close ends the relay.
func (r *relay) close() {
	r.socket.Close()
	r.mu.Lock()
	for _, c := range r.clients {
		c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

// late is a datagram on its way to a client.
type late struct {
	due  time.Time
	data []byte
}

// maxLate bounds how many datagrams are on their way to a client; more are lost.
const maxLate = 1000

// answer hands on what the honest peer says to one client, late but in its order.
func (r *relay) answer(from *net.UDPConn, client netip.AddrPort) {
	way := make(chan late, maxLate)
	r.running.Go(func() {
		for l := range way {
			time.Sleep(time.Until(l.due))
			_, _ = r.socket.WriteToUDPAddrPort(l.data, client)
		}
	})
	defer close(way)
	for {
		b := make([]byte, 1<<16)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		r.look(b[:n])
		select {
		case way <- late{time.Now().Add(r.delay), b[:n]}:
		default:
		}
	}
}

// look counts the chunks in a datagram, and spoils them if that is what the relay does.
func (r *relay) look(datagram []byte) {
	var d wire.Decoder
	var m wire.Message
	d.Reset(datagram, r.format)
	for {
		ok, err := d.Next(&m)
		if err != nil || !ok {
			return
		}
		if m.Type != wire.TypeData {
			continue
		}
		r.chunks.Add(1)
		if r.spoils {
			m.Payload[len(m.Payload)/2] ^= 0x55 // the payload lies in the datagram
		}
	}
}

// cutOff expects that the gateway shut the polluter out: it says so, says nothing to it any
// more, and does not answer when it knocks again as anyone may.
func (r *relay) cutOff(t *testing.T, gateway *process) {
	t.Helper()
	gateway.logged(5*time.Second, "peer shut out", r.addr().String())
	r.settle(t) // what was on its way
	asked := r.asked.Load()
	for range 20 {
		r.knock(r.socket)
	}
	r.settle(t)
	if more := r.asked.Load() - asked; more > 0 {
		t.Errorf("%d datagrams came to the polluter after it was shut out", more)
	}
	t.Logf("%d spoilt chunks were sent to the gateway", r.chunks.Load())
}

// settle waits until the gateway has dealt with all that was sent to it before, and the relay
// has counted what came of it: on the loopback interface nothing overtakes anything.
func (r *relay) settle(t *testing.T) {
	t.Helper()
	r.strangerIsWelcome(t)
	socket, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := socket.Write([]byte(mark)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.marks:
	case <-time.After(5 * time.Second):
		t.Fatal("the relay does not read")
	}
}

// strangerIsWelcome knocks from another address: else silence would prove nothing.
func (r *relay) strangerIsWelcome(t *testing.T) {
	t.Helper()
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	r.knock(socket)
	_ = socket.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, _, err := socket.ReadFromUDPAddrPort(make([]byte, 1<<16)); err != nil {
		t.Errorf("the gateway answers nobody: %v", err)
	}
}

// knock sends the HANDSHAKE that begins a channel to all clients that the polluter had.
func (r *relay) knock(from *net.UDPConn) {
	b := wire.AppendChannel(nil, 0)
	b = wire.AppendHandshake(b, &wire.Handshake{
		SourceChannel: 7574, Has: wire.HasIntegrity | wire.HasHash | wire.HasAddressing | wire.HasDiscardWindow,
		Version: wire.Version, MinVersion: wire.Version, SwarmID: []byte(r.link.SwarmID),
		Integrity: r.link.Integrity, Hash: r.link.Hash, Signature: r.link.Signature, Addressing: r.link.Addressing,
		ChunkSize: r.link.ChunkSize, DiscardWindow: wire.KeepsAll,
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for client := range r.clients {
		_, _ = from.WriteToUDPAddrPort(b, client)
	}
}

// polluted starts a publisher that no tracker knows, and a tracker that lists two who hand
// on what it says: a polluter, and an honest one that is slower, so that the polluter is
// the first to offer each chunk. It returns the polluter and the address of a gateway's page.
func polluted(t *testing.T, args ...string) (*relay, *process, string) {
	t.Helper()
	p := publish(t, append(args, "--dir", t.TempDir())...)
	link := p.link
	link.Trackers, link.Peers = []string{openTracker(t)}, nil
	honest := netip.MustParseAddrPort(p.listen)
	polluter := (&relay{link: link, honest: honest, spoils: true}).open(t)
	(&relay{link: link, honest: honest, delay: 30 * time.Millisecond}).open(t)
	g, page := gateway(t, t.TempDir(), link.String())
	return polluter, g, page
}

func TestPolluterOfTheFilm(t *testing.T) {
	polluter, g, page := polluted(t, "../media/film.mp4")
	got := command(t, 20*time.Second, "curl", "-sS", "--fail", item(t, page, "film").URLs.File)
	if !bytes.Equal(got, filmBytes(t)) {
		t.Errorf("the film has %d bytes and is not the original", len(got))
	}
	polluter.cutOff(t, g)
}

func TestPolluterOfTheChannel(t *testing.T) {
	polluter, g, page := polluted(t, "--live", "../media/channel.ts")
	v := watchStream(t, item(t, page, "live").URLs.TS, 10)
	polluter.cutOff(t, g)
	v.unbroken(10*frameRate-3, 15*time.Second)
}
