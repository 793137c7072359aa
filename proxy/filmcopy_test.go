package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// straight is a writer that counts what came straight from a file.
type straight struct {
	bytes.Buffer
	fromFile int64
}

func (s *straight) ReadFrom(src io.Reader) (int64, error) {
	if !FromFile(src) {
		return s.Buffer.ReadFrom(src)
	}
	n, err := s.Buffer.ReadFrom(src)
	s.fromFile += n
	return n, err
}

// What was verified goes straight from the file; what is damaged there never does, but is
// fetched again.
func TestFilmGoesStraightFromItsFile(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(3_000_001)
	dir, id := t.TempDir(), ItemID(link.SwarmID)
	forward := func(g *Gateway, off, n int64) *straight {
		t.Helper()
		f, err := g.OpenFilm(w.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		out := new(straight)
		got, ok, err := Forward(out, io.LimitReader(f, n))
		if err != nil || !ok || got != n || !bytes.Equal(out.Bytes(), content[off:off+n]) {
			t.Fatalf("%d of %d bytes from %d on, %v: not those of the film", got, n, off, err)
		}
		return out
	}
	g := w.gatewayIn(dir, link)
	forward(g, 0, 3_000_001)
	if out := forward(g, 1_234_567, 1_000_000); out.fromFile != 1_000_000 {
		t.Errorf("only %d bytes of a complete film came straight from the file", out.fromFile)
	}
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	s.stop()
	<-s.ended

	path := filepath.Join(dir, id)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(content)
	for _, at := range []int{0, 1_500_000, 3_000_000} {
		damaged[at] ^= 1
	}
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if out := forward(g, 0, 3_000_001); out.fromFile == 0 || out.fromFile > 3_000_001 {
		t.Errorf("%d bytes came straight from the file", out.fromFile)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file was not repaired: %v", err)
	}
}

// Other sources are left to the caller.
func TestForwardLeavesOthersAlone(t *testing.T) {
	for _, src := range []io.Reader{strings.NewReader("x"), io.LimitReader(strings.NewReader("x"), 1), http.NoBody} {
		if n, ok, err := Forward(httptest.NewRecorder(), src); n != 0 || ok || err != nil {
			t.Errorf("%T: %d %v %v", src, n, ok, err)
		}
		if FromFile(src) {
			t.Errorf("%T is told to be a file", src)
		}
	}
}
