package merkle

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/swarmgate/swarmgate/ppsp"
)

func TestBuildRefuses(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("some"), iotest.ErrReader(io.ErrClosedPipe))
	for _, v := range []struct {
		what string
		size uint32
		r    io.Reader
		is   error
		want string
	}{
		{"no content", 1024, strings.NewReader(""), ErrEmpty, "content is empty"},
		{"chunks of nothing", 0, strings.NewReader("x"), nil, "chunk size 0 is outside"},
		{"chunks beyond a datagram", ppsp.MaxChunkSize + 1, strings.NewReader("x"), nil, "is outside 1 to"},
		{"a reader that fails", 1024, broken, io.ErrClosedPipe, "read at byte 4"},
	} {
		tree, _, err := Build(ppsp.SHA256, v.size, v.r)
		if tree != nil || err == nil || !strings.Contains(err.Error(), v.want) || (v.is != nil && !errors.Is(err, v.is)) {
			t.Errorf("%s: %v, want %q", v.what, err, v.want)
		}
	}
}

// How the reader hands out its bytes must not matter.
func TestBuildFromAnyReader(t *testing.T) {
	content := generate(5, 3*readAhead+777)
	for _, size := range []uint32{1, 100, 1024, 4096, 60000, ppsp.MaxChunkSize} {
		n := len(content)
		if size < 100 {
			n = 5000
		}
		want := newNaive(ppsp.SHA256, split(content[:n], int(size))).rootHash()
		for what, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader,
			"with its end": iotest.DataErrReader, "timid": func(r io.Reader) io.Reader { return &timid{r: r} },
		} {
			tree, length, err := Build(ppsp.SHA256, size, wrap(bytes.NewReader(content[:n])))
			if err != nil || length != int64(n) || !bytes.Equal(tree.Root(), want) {
				t.Errorf("chunks of %d, %s reader: %v, %d bytes, root is right: %v", size, what, err, length, err == nil && bytes.Equal(tree.Root(), want))
			}
		}
	}
}

// timid reads prime numbers of bytes.
type timid struct {
	r io.Reader
	n int
}

func (t *timid) Read(p []byte) (int, error) {
	primes := []int{2, 3, 5, 7, 4099, 65537}
	t.n++
	return t.r.Read(p[:min(len(p), primes[t.n%len(primes)])])
}

func TestBuiltTreeIsSettled(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 500)
	if err := f.tree.SetPeaks(f.peaks(8)); !errors.Is(err, ErrBadHash) || f.tree.Chunks() != 5 {
		t.Errorf("peer's peaks: %v, %d chunks", err, f.tree.Chunks())
	}
	f.tree.Expect(7)
	if f.tree.Chunks() != 5 {
		t.Error("a built tree takes another length")
	}
	for i, data := range f.chunks {
		if err := f.tree.Verify(uint64(i), data, nil); err != nil {
			t.Errorf("own chunk %d: %v", i, err)
		}
	}
}
