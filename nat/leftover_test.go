package nat

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// crashed makes a note of a mapping as a run before has left it.
func crashed(t *testing.T, dir string, gw gateway, internal, external uint16) string {
	t.Helper()
	tr := newTraversal(t, Config{Port: internal})
	tr.Remember(dir)
	tr.note(tr.portWish(), &mapping{gw: gw, external: external, internal: netip.AddrPortFrom(gw.own(), internal)})
	path := tr.noteFile(tr.portWish(), internal)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a crash has left is removed by the protocol, the port and the nonce by which it was made.
func TestLeftover(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		dir := t.TempDir()
		path := crashed(t, dir, g, 6000, 6001)
		next := &portGateway{dialect: natPMP{}, router: g.router, self: g.self}
		if g.dialect.title() == "PCP" {
			next.dialect = newPCP()
		}
		tr := newTraversal(t, Config{})
		tr.Remember(dir)
		tr.tidy(t.Context(), tr.portWish(), next)
		if _, err := os.Stat(path); err == nil {
			t.Error("the note is still there")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.requests) != 1 || !bytes.Equal(s.requests[0], g.dialect.mapping(g.self, 6000, 0, 0)) {
			t.Errorf("requests %x, want the removal of 6000", s.requests)
		}
	})
}

// A mapping of a program that runs, and notes that are none, are left alone.
func TestLeftoverInUse(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		other, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		dir := t.TempDir()
		path := crashed(t, dir, g, uint16(other.LocalAddr().(*net.UDPAddr).Port), 6001)
		for name, text := range map[string]string{"mapping-1.json": "{", "mapping-2.json": string(make([]byte, maxLeftoverSize+1))} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tr := newTraversal(t, Config{})
		tr.Remember(dir)
		tr.tidy(t.Context(), tr.portWish(), g)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.requests) != 0 {
			t.Errorf("requests %x, want none", s.requests)
		}
	})
}

// Without a folder, and where nothing can be written, nothing is noted and all goes on.
func TestLeftoverNowhere(t *testing.T) {
	eachDialect(t, func(t *testing.T, _ *controlServer, g *portGateway) {
		for _, dir := range []string{"", filepath.Join(t.TempDir(), "missing")} {
			tr := newTraversal(t, Config{})
			tr.Remember(dir)
			tr.note(tr.portWish(), &mapping{gw: g, external: 6001, internal: netip.AddrPortFrom(g.own(), 6000)})
			tr.tidy(t.Context(), tr.portWish(), g)
			tr.forget(tr.portWish())
		}
	})
}

// witness looks whether there is a note when a mapping is asked for.
type witness struct {
	*portGateway
	note  string
	noted bool
}

func (w *witness) add(ctx context.Context, external, internal uint16, lease uint32) error {
	_, err := os.Stat(w.note)
	w.noted = err == nil
	return w.portGateway.add(ctx, external, internal, lease)
}

// Whoever crashes while the router makes a mapping has noted it.
func TestNotedBeforeItIsMade(t *testing.T) {
	eachDialect(t, func(t *testing.T, _ *controlServer, g *portGateway) {
		tr := newTraversal(t, Config{})
		tr.Remember(t.TempDir())
		w := &witness{portGateway: g, note: tr.noteFile(tr.portWish(), tr.cfg.Port)}
		if _, err := tr.obtain(t.Context(), tr.portWish(), w); err != nil {
			t.Fatal(err)
		}
		if !w.noted {
			t.Error("it was asked for without a note")
		}
	})
}
