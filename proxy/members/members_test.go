package members

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
)

// memory is a Store.
type memory struct {
	list []Member
	err  error
}

func (m *memory) Members() ([]Member, error) { return slices.Clone(m.list), nil }

func (m *memory) PutMember(e Member) error {
	if m.err == nil {
		m.list = append(m.list, e)
	}
	return m.err
}

func (m *memory) RemoveMember(id member.ID) error {
	m.list = slices.DeleteFunc(m.list, func(e Member) bool { return e.ID == id })
	return nil
}

var (
	swarmA = ppsp.SwarmID(strings.Repeat("a", 32))
	swarmB = ppsp.SwarmID(strings.Repeat("b", 32))
	now    = time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)
)

func TestAddAndRemove(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	store, expelled := &memory{}, map[member.ID]time.Time{}
	r := New(Config{File: file, Store: store, Expelled: func(id member.ID, until time.Time) error { expelled[id] = until; return nil }})
	alice, err := r.Add(Request{Name: " Alice ", Address: "192.0.2.1:7", Swarms: []ppsp.SwarmID{swarmA, swarmB}, Valid: 24 * time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := member.ParseCredential(alice.Certificates, alice.Key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := member.ParseAuthorityKey(alice.Authority)
	if err != nil {
		t.Fatal(err)
	}
	for _, swarm := range []ppsp.SwarmID{swarmA, swarmB} {
		o, ok := c.For(swarm)
		if !ok || o.Verify(key, swarm, now) != nil || o.Address() != "192.0.2.1:7" || o.ID != alice.ID {
			t.Errorf("certificate for %s: %+v", swarm.Short(), o)
		}
	}
	if alice.Name != "Alice" || !alice.Until.Equal(now.Truncate(time.Second).Add(24*time.Hour)) {
		t.Errorf("%+v", alice.Member)
	}
	if _, err := r.Add(Request{Name: "Alice", Swarms: []ppsp.SwarmID{swarmA}}, now); err == nil {
		t.Error("two members of one name")
	}
	if bob, err := r.Add(Request{Name: "Bob", Swarms: []ppsp.SwarmID{swarmA}}, now); err != nil || bob.Authority != alice.Authority || bob.Until.Sub(now).Round(time.Hour) != DefaultValid {
		t.Errorf("Bob: %+v, %v", bob.Member, err)
	}
	if m, err := r.Remove("Alice", now); err != nil || m.ID != alice.ID || len(store.list) != 1 {
		t.Errorf("removed %+v, %v", m, err)
	}
	if !expelled[alice.ID].Equal(alice.Until.Add(member.Leeway)) || len(expelled) != 1 {
		t.Errorf("expelled %v", expelled)
	}
	if revoked, err := Revoked(file, now); err != nil || !revoked[alice.ID].Equal(alice.Until) || len(revoked) != 1 {
		t.Errorf("revoked %v, %v", revoked, err)
	}
	if !r.Removed(alice.ID, now) || !r.Removed(alice.ID[:16], now) || r.Removed(alice.ID[:4], now) || r.Removed(alice.ID, alice.Until.Add(member.Leeway+time.Second)) {
		t.Error("it is not told that Alice was removed")
	}
	if revoked, _ := Revoked(file, alice.Until.Add(member.Leeway/2)); len(revoked) != 1 {
		t.Error("let in again while peers may still take the certificate")
	}
	if revoked, _ := Revoked(file, alice.Until.Add(member.Leeway+time.Second)); len(revoked) != 0 {
		t.Errorf("revoked for ever: %v", revoked)
	}
	if _, err := r.Remove("Alice", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestRequestsThatCantBe(t *testing.T) {
	r := New(Config{File: filepath.Join(t.TempDir(), "ca.pem"), Store: &memory{}})
	one := []ppsp.SwarmID{swarmA}
	for name, q := range map[string]Request{
		"no name": {Swarms: one}, "two lines": {Name: "a\nb", Swarms: one}, "long name": {Name: strings.Repeat("a", MaxName+1), Swarms: one},
		"not UTF-8": {Name: "\xff", Swarms: one}, "no swarm": {Name: "a"}, "too many swarms": {Name: "a", Swarms: make([]ppsp.SwarmID, MaxSwarms+1)},
		"for ever": {Name: "a", Swarms: one, Valid: member.MaxValidity + 1}, "no time": {Name: "a", Swarms: one, Valid: -1},
		"bad address": {Name: "a", Swarms: one, Address: "here"},
	} {
		if _, err := r.Add(q, now); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
	full := &memory{list: make([]Member, MaxMembers)}
	if _, err := New(Config{File: r.cfg.File, Store: full}).Add(Request{Name: "a", Swarms: one}, now); err == nil {
		t.Error("one member too many")
	}
	broken := &memory{err: errors.New("disk")}
	if _, err := New(Config{File: r.cfg.File, Store: broken}).Add(Request{Name: "a", Swarms: one}, now); err == nil {
		t.Error("issued to a member that is not listed")
	}
}

// Many processes that need the authority at the same time get the same.
func TestAuthorityIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	var mu sync.Mutex
	keys := map[member.AuthorityKey]bool{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			a, err := OpenAuthority(file)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			keys[a.Key()] = true
		})
	}
	group.Wait()
	if len(keys) != 1 {
		t.Errorf("%d authorities", len(keys))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := OpenAuthority(filepath.Join(t.TempDir(), "no", "folder", "ca.pem")); err == nil || !strings.Contains(err.Error(), "start the gateway first") {
		t.Errorf("a file in a folder that is not there: %v", err)
	}
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(file); err == nil {
		t.Error("a damaged file is taken")
	}
	if b, _ := os.ReadFile(file); string(b) != "damaged" {
		t.Error("a damaged file was overwritten")
	}
}

// A publisher hears of each who is a member no more, once, also of those to come.
func TestFollow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	until := time.Now().Add(time.Hour)
	first, second := strings.Repeat("1", 64), strings.Repeat("2", 64)
	if err := revoke(file, first, until, time.Now()); err != nil {
		t.Fatal(err)
	}
	heard := make(chan member.ID, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	failed := false
	group.Go(func() {
		Follow(ctx, file, 10*time.Millisecond, func(id member.ID, _ time.Time) error {
			if id == second && !failed {
				failed = true
				return errors.New("not now")
			}
			heard <- id
			return nil
		}, func(error) {})
	})
	if id := <-heard; id != first {
		t.Errorf("heard of %s", id)
	}
	if err := revoke(file, second, until, time.Now()); err != nil {
		t.Fatal(err)
	}
	if id := <-heard; id != second {
		t.Errorf("heard of %s", id)
	}
	cancel()
	group.Wait()
	if len(heard) != 0 {
		t.Errorf("heard %d times more", len(heard))
	}
}

// Lines of others are skipped, and too long a file is an error.
func TestRevokedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	id := strings.Repeat("f", 64)
	text := "hello\n\n" + id + "\n" + id + " yesterday\nshort 2031-01-01T00:00:00Z\n" + id + " 2031-01-01T00:00:00Z\n"
	if err := os.WriteFile(file+RevokedSuffix, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Revoked(file, now); err != nil || len(got) != 1 || got[id].Year() != 2031 {
		t.Errorf("%v, %v", got, err)
	}
	if err := os.WriteFile(file+RevokedSuffix, make([]byte, maxRevoked+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Revoked(file, now); err == nil {
		t.Error("a file without end is read")
	}
}

func TestReadCredential(t *testing.T) {
	dir := t.TempDir()
	issued, err := New(Config{File: filepath.Join(dir, "ca.pem")}).Add(Request{Name: "a", Swarms: []ppsp.SwarmID{swarmA}}, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	if err := errors.Join(os.WriteFile(cert, issued.Certificates, 0o600), os.WriteFile(key, issued.Key, 0o600)); err != nil {
		t.Fatal(err)
	}
	if c, err := ReadCredential(cert, key); err != nil || len(c.Certificates) != 1 {
		t.Errorf("%v, %v", c, err)
	}
	for _, paths := range [][2]string{{key, key}, {cert, cert}, {cert, filepath.Join(dir, "none")}, {filepath.Join(dir, "none"), key}} {
		if _, err := ReadCredential(paths[0], paths[1]); err == nil || !strings.Contains(err.Error(), "membership certificate") {
			t.Errorf("%v: %v", paths, err)
		}
	}
}

func TestAddSwarm(t *testing.T) {
	id := ppsp.SwarmID(make([]byte, 32))
	for s, links := range map[string]int{id.String(): 0, " " + strings.ToUpper(id.String()) + "\n": 0, "ppsp:film/" + id.String() + "?t=x": 1, "PPSP:film/" + id.String(): 1} {
		var q Request
		if err := q.AddSwarm(s); err != nil || len(q.Swarms) != 1 || q.Swarms[0] != id || len(q.Links) != links {
			t.Errorf("%q: %+v, %v", s, q, err)
		}
	}
	for _, s := range []string{"", "ppsp:", "ppsp:film/", "zz", "http://a/"} {
		var q Request
		if err := q.AddSwarm(s); err == nil || len(q.Swarms)+len(q.Links) != 0 {
			t.Errorf("%q is taken", s)
		}
	}
}

// What a link's swarm would not take is not issued, and nobody is listed for it.
func TestLinksOfOthers(t *testing.T) {
	dir, store := t.TempDir(), &memory{}
	r := New(Config{File: filepath.Join(dir, "ca.pem"), Store: store})
	own, err := OpenAuthority(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenAuthority(filepath.Join(dir, "other.pem"))
	if err != nil {
		t.Fatal(err)
	}
	closed := func(a *member.Authority) ppsp.Link {
		l := ppsp.NewLink(ppsp.StaticDefaults(swarmA))
		l.Closed = a != nil
		if a != nil {
			l.Authority = a.Key().String()
		}
		return l
	}
	for _, c := range []struct {
		link  ppsp.Link
		words string
	}{{closed(other), "another authority than"}, {closed(nil), "open to everyone"}} {
		q := Request{Name: "Alice"}
		q.AddLink(closed(own))
		q.AddLink(c.link)
		if _, err := r.Add(q, now); err == nil || !strings.Contains(err.Error(), c.words) || len(store.list) != 0 {
			t.Errorf("%s: %v, listed %v", c.words, err, store.list)
		}
	}
	q := Request{Name: "Alice"}
	q.AddLink(closed(own))
	if _, err := r.Add(q, now); err != nil {
		t.Errorf("its own: %v", err)
	}
}

// A member is found by what the list shows of him, and never another one.
func TestFind(t *testing.T) {
	a, b := strings.Repeat("ab", 32), "abababab"+strings.Repeat("cd", 28)
	r := New(Config{File: filepath.Join(t.TempDir(), "ca.pem"), Store: &memory{list: []Member{{ID: a, Name: "Alice"}, {ID: b, Name: "Bob"}}}})
	for who, want := range map[string]string{
		"Alice": a, "Bob": b, a: a, a[:16]: a, "ABABABABCDCD": b, a[:9]: a,
		a[:8]: "", a[:7]: "", "": "", "alice": "", "Carol": "", a + "0": "",
	} {
		m, err := r.Find(who)
		if m.ID != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %s, %v; want %q", who, m.Name, err, want)
		}
	}
	if _, err := r.Remove(a[:16], now); err != nil {
		t.Errorf("removed by its short ID: %v", err)
	}
	if r.Removed(a, now) { // its certificates had ended
		t.Error("noted for nothing")
	}
}

// There is always room to remove a member: before there is none, nobody is added.
func TestManyRemoved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	r := New(Config{File: file, Store: &memory{}})
	alice, err := r.Add(Request{Name: "Alice", Swarms: []ppsp.SwarmID{swarmA}}, now)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for k := range MaxRemoved - 1 {
		fmt.Fprintf(&b, "%064x %s\n", k, now.Add(time.Hour).Format(time.RFC3339))
	}
	if err := os.WriteFile(file+RevokedSuffix, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(Request{Name: "Bob", Swarms: []ppsp.SwarmID{swarmA}}, now); err == nil || !strings.Contains(err.Error(), "--member-ca") {
		t.Errorf("one more is added, who could not be removed: %v", err)
	}
	if _, err := r.Remove("Alice", now); err != nil {
		t.Errorf("there is no room to remove one: %v", err)
	}
	if revoked, err := Revoked(file, now); err != nil || len(revoked) != MaxRemoved || revoked[alice.ID].IsZero() {
		t.Errorf("%d are removed, %v", len(revoked), err)
	}
	if _, err := r.Add(Request{Name: "Bob", Swarms: []ppsp.SwarmID{swarmA}}, now.Add(2*time.Hour)); err != nil {
		t.Errorf("when certificates have ended: %v", err)
	}
}
