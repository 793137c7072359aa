package proxy

import (
	"bytes"
	crand "crypto/rand"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy/members"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// closedFilm publishes a film for the members of a.
func (w *world) closedFilm(a *member.Authority, size int) (content []byte, link string) {
	w.t.Helper()
	content = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content)
	path := filepath.Join(w.t.TempDir(), "film.mp4")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	n, tracking := w.node()
	f, err := publish.OpenFilm(w.ctx, publish.FilmConfig{
		Path: path, Title: "Closed", Trackers: []string{w.tracker.URL}, Node: n, Tracking: tracking, Authority: a, Closed: true, Logger: zerolog.Nop(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.background(f.Run)
	return content, f.Link().String()
}

// A gateway with a membership certificate shows the film of a closed swarm; one without says why not.
func TestClosedFilmIsWatched(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	authority, err := members.OpenAuthority(file)
	if err != nil {
		t.Fatal(err)
	}
	content, link := w.closedFilm(authority, 150_000)
	parsed, err := ppsp.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	credential, err := member.NewCredential(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue(crand.Reader, member.Grant{Swarm: parsed.SwarmID, From: time.Now(), Until: time.Now().Add(time.Hour), PublicKey: &credential.Key.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	credential.Certificates = append(credential.Certificates, certificate)
	for _, own := range []*member.Credential{credential, nil} {
		n, tracking := w.node()
		g, err := New(Config{Node: n, Trackers: tracking, FilmDir: t.TempDir(), Credential: own, Logger: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		w.background(g.Run)
		item, err := g.Add(link)
		if err != nil {
			t.Fatal(err)
		}
		f, err := g.OpenFilm(w.ctx, item.ID)
		if own == nil {
			if err == nil || !strings.Contains(err.Error(), "membership certificate") {
				t.Errorf("without certificate: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		_ = f.Close()
	}
}

// keeper is a BanStore.
type keeper struct {
	list []node.Ban
	err  error // of reading
	full error // of writing
}

func (k *keeper) Bans() ([]node.Ban, error) { return k.list, k.err }

func (k *keeper) PutBans(list []node.Ban) error {
	if k.full == nil {
		k.list = list
	}
	return k.full
}

// Bans are kept when the gateway ends, and are there when it begins.
func TestBansOfGateway(t *testing.T) {
	w := newWorld(t)
	k := &keeper{}
	n, tracking := w.node()
	c := Config{Node: n, Trackers: tracking, FilmDir: t.TempDir(), Bans: k, Logger: zerolog.Nop()}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Ban("192.0.2.1:7", time.Hour, "why"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Ban("192.0.2.0/24", 0, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Ban("somebody", 0, ""); err == nil {
		t.Error("nobody is shut out")
	}
	// "What it acknowledges is on the disk": nothing else has to happen before.
	if len(k.list) != 2 {
		t.Fatalf("kept %v", k.list)
	}
	k.full = errors.New("no space")
	if _, err := g.Ban("198.51.100.1:7", 0, ""); !errors.Is(err, ErrNotKept) || !errors.Is(err, k.full) {
		t.Errorf("a ban on a full disk: %v", err)
	}
	k.full = nil
	if err := g.Unban("198.51.100.1:7"); err != nil || len(k.list) != 2 {
		t.Errorf("taken back: %v, kept %v", err, k.list)
	}
	c.Node, _ = w.node()
	again, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Bans(); len(got) != 2 || got[0].Who() != "192.0.2.1:7" || got[0].Until.IsZero() || got[1].Who() != "192.0.2.0/24" {
		t.Errorf("%+v", got)
	}
	for _, id := range []string{"192.0.2.1:7", again.Bans()[1].ID()} {
		if err := again.Unban(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if len(k.list) != 0 {
		t.Errorf("kept %v after all were taken back", k.list)
	}
	if err := again.Unban("192.0.2.1:7"); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	k.err = errors.New("disk")
	if _, err := New(c); err == nil {
		t.Error("a gateway begins without its bans")
	}
}

func TestMembersOfGateway(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	authority, err := members.OpenAuthority(file)
	if err != nil {
		t.Fatal(err)
	}
	_, link := w.film(5000)
	link.Authority, link.Closed = authority.Key().String(), true
	g := w.gateway(link)
	if _, err := g.AddMember("Alice", "", []string{link.String()}, 0); err == nil {
		t.Error("a gateway without authority issues certificates")
	}
	if list, err := g.Members(); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	g.cfg.Members = members.New(members.Config{File: file})
	for _, s := range []string{link.String(), link.SwarmID.String(), ItemID(link.SwarmID)} {
		if issued, err := g.AddMember("Alice", "", []string{s}, time.Hour); err != nil || issued.Swarms[0] != link.SwarmID {
			t.Errorf("%s: %+v, %v", s, issued.Member, err)
		}
	}
	if _, err := g.AddMember("Alice", "", []string{"nothing"}, 0); err == nil {
		t.Error("a certificate for nothing")
	}
	if err := g.RemoveMember("Bob"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// listed is a members.Store.
type listed struct{ list []members.Member }

func (l *listed) Members() ([]members.Member, error) { return slices.Clone(l.list), nil }
func (l *listed) PutMember(m members.Member) error   { l.list = append(l.list, m); return nil }
func (l *listed) RemoveMember(id member.ID) error {
	l.list = slices.DeleteFunc(l.list, func(m members.Member) bool { return m.ID == id })
	return nil
}

// Bans name members as the list does; that somebody was removed is no ban, and no ban's end undoes it.
func TestBansOfMembers(t *testing.T) {
	w := newWorld(t)
	_, link := w.film(5000)
	g := w.gateway(link)
	g.cfg.Members = members.New(members.Config{File: filepath.Join(t.TempDir(), "ca.pem"), Store: &listed{}})
	alice, err := g.AddMember("Alice", "", []string{link.SwarmID.String()}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"Alice", alice.ID, alice.ID[:16]} {
		b, err := g.Ban(who, 0, "")
		if err != nil || b.Member != alice.ID || len(g.Bans()) != 1 {
			t.Fatalf("ban %s: %+v, %v", who, b, err)
		}
		if err := g.Unban(who); err != nil || len(g.Bans()) != 0 {
			t.Errorf("take it back by %s: %v", who, err)
		}
	}
	if err := g.Unban("Alice"); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if err := g.RemoveMember(alice.ID[:16]); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{alice.ID, alice.ID[:16]} {
		if err := g.Unban(who); !errors.Is(err, ErrRemoved) || !strings.Contains(err.Error(), "members add") {
			t.Errorf("who was removed: %v", err)
		}
	}
	if _, err := g.Ban("Alice", 0, ""); err == nil {
		t.Error("a ban of a name that nobody has")
	}
}
