package state

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/members"
)

var (
	_ proxy.BanStore = (*State)(nil)
	_ members.Store  = (*State)(nil)
)

func TestBansAreKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if got, err := s.Bans(); err != nil || len(got) != 0 {
		t.Errorf("a new store: %v, %v", got, err)
	}
	until := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	list := []node.Ban{
		{Net: netip.MustParsePrefix("192.0.2.1/32"), Port: 7, Until: until, Reason: "bogus"},
		{Net: netip.MustParsePrefix("2001:db8::/64"), Manual: true},
		{Member: strings.Repeat("ab", 32), Manual: true},
	}
	for range 300 { // more than a byte of keys counts
		list = append(list, node.Ban{Net: netip.MustParsePrefix("10.0.0.0/8"), Until: until.Add(time.Duration(len(list)) * time.Second)})
	}
	for range 2 { // the second time replaces
		if err := s.PutBans(list); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if got, err := s.Bans(); err != nil || !slices.Equal(got, list) {
		t.Errorf("%v, %v", got, err)
	}
	if err := s.PutBans(nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Bans(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestMembersAreKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if err := s.RemoveMember("nobody"); err != nil {
		t.Error(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var list []members.Member
	for _, name := range []string{"Zoe", "Alice", "Bob"} {
		m := members.Member{
			ID: strings.Repeat(name[:1], 64), Name: name, Address: "192.0.2.1:7",
			Swarms: []ppsp.SwarmID{"\x01\xff", "\x02"}, Until: at.AddDate(1, 0, 0), Added: at,
		}
		list = append(list, m)
		if err := s.PutMember(m); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	same := func(a, b members.Member) bool {
		return a.ID == b.ID && a.Name == b.Name && a.Address == b.Address && slices.Equal(a.Swarms, b.Swarms) && a.Until.Equal(b.Until) && a.Added.Equal(b.Added)
	}
	if got, err := s.Members(); err != nil || !slices.EqualFunc(got, list, same) {
		t.Errorf("%v, %v", got, err)
	}
	if err := s.RemoveMember(list[0].ID); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Members(); !slices.EqualFunc(got, list[1:], same) {
		t.Errorf("%v", got)
	}
}

// A record that the disk has changed is found when the store is opened.
func TestDamagedBan(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if err := s.PutBans([]node.Ban{{Member: "x"}}); err != nil {
		t.Fatal(err)
	}
	err := s.update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketBans).Put([]byte{0, 0}, []byte("{}\n00000000")) })
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if s.Notice() == nil {
		t.Error("a damaged ban is not noticed")
	}
}
