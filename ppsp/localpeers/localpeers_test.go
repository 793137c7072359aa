package localpeers

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

var (
	anna   = netip.MustParseAddr("192.168.7.1")
	bert   = netip.MustParseAddr("192.168.7.2")
	eve    = netip.MustParseAddr("192.168.7.66")
	nobody = func(netip.AddrPort) bool { return false }
)

const news, films = ppsp.SwarmID("news"), ppsp.SwarmID("films")

func directory(swarms ...ppsp.SwarmID) *Directory {
	d := NewDirectory(rand.New(rand.NewPCG(1, 2)))
	for _, id := range swarms {
		d.Join(0, id)
	}
	return d
}

func hear(t *testing.T, d *Directory, now int64, from netip.Addr, b []byte) []Found {
	t.Helper()
	found, err := d.Hear(now, from, b, nobody)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Two peers of one swarm hear of each other, and of no other swarm.
func TestTwoFindEachOther(t *testing.T) {
	a, b := directory(news, films), directory("sports", news)
	said := a.Compose(anna, 7001)
	if len(said) != 1 {
		t.Fatalf("%d datagrams", len(said))
	}
	want := []Found{{news, netip.AddrPortFrom(anna, 7001)}}
	if got := hear(t, b, 0, anna, said[0]); !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
	if got := hear(t, b, 1, netip.AddrFrom16(anna.As16()), said[0]); !slices.Equal(got, want) {
		t.Errorf("by a socket of both families heard %v, want %v", got, want)
	}
	if got := hear(t, directory("others"), 0, anna, said[0]); len(got) != 0 {
		t.Errorf("who is in another swarm heard %v", got)
	}
	if got := hear(t, directory(), 0, anna, said[0]); len(got) != 0 {
		t.Errorf("who is in none heard %v", got)
	}
}

// Who listens learns neither which swarms there are nor that two datagrams are of the same.
func TestSwarmsAreNotNamed(t *testing.T) {
	a := directory(news)
	one, two := a.Compose(anna, 7001)[0], a.Compose(anna, 7001)[0]
	first, err := Parse(one)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Parse(two)
	if err != nil {
		t.Fatal(err)
	}
	if first.Tags[0] == second.Tags[0] || first.Nonce == second.Nonce || bytes.Contains(one, []byte(news)) {
		t.Errorf("%x and %x", one, two)
	}
}

// Who repeats a datagram from another address, or with another port, is not believed.
func TestRepeatedByAnother(t *testing.T) {
	a, b := directory(news), directory(news)
	said := a.Compose(anna, 7001)[0]
	if got := hear(t, b, 0, eve, said); len(got) != 0 {
		t.Errorf("repeated from elsewhere: %v", got)
	}
	said[12] ^= 1
	if got := hear(t, b, 0, anna, said); len(got) != 0 {
		t.Errorf("with another port: %v", got)
	}
}

func TestOwnDatagrams(t *testing.T) {
	a := directory(news)
	own := func(at netip.AddrPort) bool { return at == netip.AddrPortFrom(anna, 7001) }
	if found, err := a.Hear(0, anna, a.Compose(anna, 7001)[0], own); err != nil || len(found) != 0 {
		t.Errorf("found myself: %v, %v", found, err)
	}
	// Another program on the same machine is another peer.
	if found, err := a.Hear(0, anna, a.Compose(anna, 7002)[0], own); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestWhenIsAnnounced(t *testing.T) {
	d := directory()
	if _, ok := d.Next(); ok {
		t.Error("something is to be announced in no swarm")
	}
	now := 10 * second
	d.Join(now, news)
	var times []int64
	for range 8 {
		at, ok := d.Next()
		if !ok || at < now {
			t.Fatalf("next at %d, %v", at, ok)
		}
		now = at
		times = append(times, now-10*second)
		d.Announced(now)
	}
	if times[0] != 0 || times[1] > 3*second || times[2] > 8*second || times[3] > 20*second {
		t.Errorf("the first announcements are at %v", times)
	}
	for i := 4; i < len(times); i++ {
		if gap := times[i] - times[i-1]; gap < interval*3/4 || gap > interval*5/4 {
			t.Errorf("%d s between announcements", gap/second)
		}
	}
	// A newcomer is answered soon; who was heard of is not, nor is anybody more often than every 2 s.
	said := directory(news).Compose(anna, 7001)[0]
	hear(t, d, now+5*second, anna, said)
	if at, _ := d.Next(); at > now+6*second {
		t.Errorf("a newcomer is answered after %d s", (at-now)/second-5)
	}
	d.Announced(now + 5*second)
	hear(t, d, now+6*second, bert, directory(news).Compose(bert, 7001)[0])
	if at, _ := d.Next(); at < now+7*second || at > now+8*second {
		t.Errorf("the second newcomer is answered at %d ns after the first answer", at-now-5*second)
	}
	now += 10 * second
	d.Announced(now)
	hear(t, d, now+second, anna, said)
	if at, _ := d.Next(); at < now+interval/2 {
		t.Errorf("a peer that is known is answered after %d s", (at-now)/second)
	}
	d.Moved(now + 3*second)
	if at, _ := d.Next(); at != now+3*second {
		t.Error("a move is not announced at once")
	}
	d.Leave(news)
	if _, ok := d.Next(); ok {
		t.Error("after leaving there is something to announce")
	}
}

func TestFloodsAreBounded(t *testing.T) {
	d := directory(news)
	heard := 0
	for i := range 1000 {
		heard += len(hear(t, d, 0, anna, directory(news).Compose(anna, uint16(i+1))[0]))
	}
	if heard != perSource {
		t.Errorf("of one address %d datagrams were heeded in a window, want %d", heard, perSource)
	}
	for i := range 1000 {
		at := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		heard += len(hear(t, d, second, at, directory(news).Compose(at, 1)[0]))
	}
	if heard != perWindow || len(d.sources) > maxSources {
		t.Errorf("%d datagrams were heeded in a window, of %d addresses; want %d", heard, len(d.sources), perWindow)
	}
	for w := range int64(40) {
		for i := range 100 {
			at := netip.AddrFrom4([4]byte{10, byte(w), byte(i >> 8), byte(i)})
			hear(t, d, w*window, at, directory(news).Compose(at, 1)[0])
		}
	}
	if len(d.met) > maxMet {
		t.Errorf("%d peers are remembered", len(d.met))
	}
	for i := range 2 * MaxSwarms {
		d.Join(0, ppsp.SwarmID(fmt.Sprint(i)))
	}
	if len(d.swarms) != MaxSwarms || d.Join(0, "more") || !d.Join(0, news) {
		t.Errorf("in %d swarms", len(d.swarms))
	}
	datagrams := d.Compose(anna, 1)
	if len(datagrams) != MaxSwarms/MaxTags || len(datagrams[0]) != MaxDatagram {
		t.Errorf("%d datagrams, the first of %d bytes", len(datagrams), len(datagrams[0]))
	}
}

func TestParseRefuses(t *testing.T) {
	good := directory(news).Compose(anna, 7001)[0]
	change := func(at int, to byte) []byte { b := slices.Clone(good); b[at] = to; return b }
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:headerSize], "cut": good[:len(good)-1], "long": append(slices.Clone(good), 0),
		"magic": change(0, 'x'), "no tags": change(14, 0)[:headerSize], "many tags": change(14, 255),
		"port": {0: 's', 1: 'g', 2: 'l', 3: '1', 14: 1, 30: 0},
	} {
		if _, err := Parse(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzParse holds that what is accepted is written as it was.
func FuzzParse(f *testing.F) {
	f.Add(directory(news).Compose(anna, 7001)[0])
	f.Add(directory(news, films, "x").Compose(anna, 1)[0])
	f.Add([]byte("sgl1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if got := m.Append(nil); !bytes.Equal(got, b) || len(m.Tags) == 0 || len(m.Tags) > MaxTags || m.Port == 0 {
			t.Fatalf("%x became %x", b, got)
		}
	})
}

// FuzzHear holds that whatever is heard, in whatever order, the bounds hold and nobody is found who
// does not know the swarm.
func FuzzHear(f *testing.F) {
	f.Add(directory(news).Compose(anna, 7001)[0], uint32(3), uint64(9))
	f.Fuzz(func(t *testing.T, b []byte, source uint32, now uint64) {
		d := directory(news)
		at := netip.AddrFrom4([4]byte{byte(source), byte(source >> 8), byte(source >> 16), byte(source >> 24)})
		found, _ := d.Hear(int64(now>>1), at, b, nobody)
		m, err := Parse(b)
		for _, x := range found {
			if err != nil || x.Swarm != news || x.Addr != netip.AddrPortFrom(at, m.Port) || !slices.Contains(m.Tags, TagOf(news, m.Nonce, at, m.Port)) {
				t.Fatalf("found %v in %x", x, b)
			}
		}
	})
}
