package node

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// liar is a store that gives wrong bytes.
type liar struct{ memory }

func (l *liar) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	n := len(dst)
	b, err := l.memory.AppendChunk(dst, i)
	if err == nil {
		b[n] ^= 1
	}
	return b, err
}

// Who lies in one swarm is out of all (RFC 7574, 12.7).
func TestBansAreShared(t *testing.T) {
	f, g := newFilm(t, 20_000, 1024), newFilm(t, 21_000, 1024)
	polluter, home := open(t, loopback), open(t, loopback)
	bad := f.seed()
	honest, _ := bad.Store.(*memory)
	bad.Store = &liar{memory{chunks: honest.chunks}}
	join(t, polluter, bad)
	join(t, polluter, g.seed())
	config, _ := g.leech()
	other := join(t, home, config)
	other.meet(t, polluter.Addr())
	other.await(t, swarm.EventPeerUp)
	config, _ = f.leech()
	victim := join(t, home, config)
	victim.meet(t, polluter.Addr())
	if err := victim.Want(nil, true); err != nil {
		t.Fatal(err)
	}
	victim.await(t, swarm.EventBan)
	if e := other.await(t, swarm.EventPeerDown); e.Peer != polluter.Addr() {
		t.Errorf("the other swarm lost %v", e.Peer)
	}
	bans := home.Bans()
	if len(bans) != 1 || bans[0].Who() != polluter.Addr().String() || bans[0].Manual || time.Until(bans[0].Until) > time.Hour || time.Until(bans[0].Until) < 59*time.Minute {
		t.Fatalf("bans: %+v", bans)
	}
	changes := home.BanChanges()
	if !home.Unban(bans[0].ID()) || home.Unban(bans[0].ID()) || home.BanChanges() == changes || len(home.Bans()) != 0 {
		t.Error("the ban was not taken back once")
	}
	other.meet(t, polluter.Addr())
	other.await(t, swarm.EventPeerUp)
}

func TestBansByHand(t *testing.T) {
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	until := time.Now().Add(time.Hour).Round(time.Second)
	for _, b := range []Ban{
		{Net: netip.MustParsePrefix("192.0.2.1/32"), Port: 9, Until: until, Reason: "x"},
		{Net: netip.MustParsePrefix("192.0.2.1/32")},
		{Net: netip.MustParsePrefix("10.0.0.0/8")},
		{Member: "abc"},
	} {
		if err := n.Ban(b); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
	}
	if n.Ban(Ban{}) == nil || n.Ban(Ban{Member: "x", Until: time.Now().Add(-time.Second)}) == nil {
		t.Error("a ban of nobody, or one that is over, is taken")
	}
	bans := n.Bans()
	seen := map[string]bool{}
	for k, want := range []string{"192.0.2.1:9", "192.0.2.1", "10.0.0.0/8", "abc"} {
		if bans[k].Who() != want || seen[bans[k].ID()] || len(bans[k].ID()) != 16 {
			t.Errorf("ban %d: %+v", k, bans[k])
		}
		seen[bans[k].ID()] = true
	}
	if !bans[0].Until.Equal(until) || !bans[1].Until.IsZero() || bans[0].Reason != "x" {
		t.Errorf("%+v", bans)
	}
	if !n.banned(netip.MustParseAddrPort("10.1.1.1:1"), "") || !n.banned(netip.AddrPort{}, "abc") || n.banned(netip.MustParseAddrPort("11.1.1.1:1"), "") {
		t.Error("others are shut out")
	}
}

// Bans live on in another process.
func TestBansAreRestored(t *testing.T) {
	one, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	one.shut(netip.MustParseAddrPort("192.0.2.7:8"), "mallory", "bogus")
	if err := one.Ban(Ban{Member: "eve", Reason: "by hand"}); err != nil {
		t.Fatal(err)
	}
	two, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	list := one.Bans()
	two.RestoreBans(append(list, Ban{Member: "long ago", Until: time.Now().Add(-time.Hour)}, Ban{}))
	got := two.Bans()
	if len(got) != 4 || len(list) != 4 {
		t.Fatalf("%d bans, then %d: %+v", len(list), len(got), got)
	}
	for k := range got {
		if got[k].ID() != list[k].ID() || got[k].Manual != list[k].Manual || got[k].Reason != list[k].Reason || got[k].Until.Sub(list[k].Until).Abs() > time.Second {
			t.Errorf("%+v became %+v", list[k], got[k])
		}
	}
}
