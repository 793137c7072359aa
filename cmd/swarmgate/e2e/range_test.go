//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// filmBytes is the film as it was published.
func filmBytes(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../media/film.mp4")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// channel is what the gateway's catalog says about a channel or film.
type channel struct {
	ID, Title, Kind, Link, State string
	Length                       int64
	URLs                         struct{ Page, TS, HLS, LL, Converted, File string }
}

// catalog asks a gateway for its channels and films.
func catalog(t *testing.T, page string) []channel {
	t.Helper()
	var list []channel
	getJSON(t, page+"api/v1/channels", &list)
	return list
}

// item is the first of the catalog of this kind ("live" or "film").
func item(t *testing.T, page, kind string) channel {
	t.Helper()
	for _, c := range catalog(t, page) {
		if c.Kind == kind {
			return c
		}
	}
	t.Fatalf("no %s in the catalog of %s", kind, page)
	return channel{}
}

func getJSON(t *testing.T, url string, value any) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(value); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// TestRangesOfTheFilm puts the film together from pieces that curl fetched.
func TestRangesOfTheFilm(t *testing.T) {
	original := filmBytes(t)
	_, page := demo(t)
	url := item(t, page, "film").URLs.File
	random := rand.New(rand.NewPCG(2, 7574))
	type piece struct{ from, to int } // to is exclusive
	var pieces []piece
	for from := 0; from < len(original); {
		to := min(from+1+random.IntN(60000), len(original))
		pieces = append(pieces, piece{from, to})
		from = to
	}
	// Out of order: the swarm has to fetch what a reader waits for.
	parts := make([][]byte, len(pieces))
	for _, i := range random.Perm(len(pieces)) {
		p := pieces[i]
		parts[i] = command(t, 10*time.Second, "curl", "-sS", "--fail", "-r", fmt.Sprintf("%d-%d", p.from, p.to-1), url)
		if len(parts[i]) != p.to-p.from {
			t.Fatalf("bytes %d to %d: %d of them", p.from, p.to, len(parts[i]))
		}
	}
	if got, want := sha256.Sum256(bytes.Join(parts, nil)), sha256.Sum256(original); got != want {
		t.Errorf("SHA-256 of %d pieces together %x, want %x", len(pieces), got, want)
	}
	last := command(t, 10*time.Second, "curl", "-sS", "--fail", "-r", "-1000", url)
	if !bytes.Equal(last, original[len(original)-1000:]) {
		t.Error("the last 1000 bytes are wrong")
	}
	if _, err := attempt(t, 10*time.Second, "curl", "-sS", "--fail", "-r", fmt.Sprintf("%d-", len(original)), url); err == nil || !strings.Contains(err.Error(), "416") {
		t.Errorf("range behind the end: %v, want status 416", err)
	}
}

// TestTenReadersAtOnce has ten programs read the film from ten places, with the swarm
// still to be asked for each.
func TestTenReadersAtOnce(t *testing.T) {
	original := filmBytes(t)
	_, page := demo(t)
	url := item(t, page, "film").URLs.File
	random := rand.New(rand.NewPCG(1, 7846))
	dir := t.TempDir()
	type reader struct {
		from, to int
		file     string
		curl     *process
	}
	var readers []reader
	for i := range 10 {
		from := random.IntN(len(original) - 1)
		to := from + 1 + random.IntN(len(original)-from-1)
		if i == 0 {
			from, to = 0, len(original)
		}
		r := reader{from: from, to: to, file: filepath.Join(dir, fmt.Sprint(i))}
		r.curl = start(t, "curl", "-sS", "--fail", "-o", r.file, "-r", fmt.Sprintf("%d-%d", from, to-1), url)
		readers = append(readers, r)
	}
	for i, r := range readers {
		if status := r.curl.exit(20 * time.Second); status != 0 {
			t.Errorf("reader %d ended with status %d", i, status)
			continue
		}
		got, err := os.ReadFile(r.file)
		if err != nil {
			t.Fatal(err)
		}
		if sha256.Sum256(got) != sha256.Sum256(original[r.from:r.to]) {
			t.Errorf("reader %d: bytes %d to %d (%d of them) are not those of the film", i, r.from, r.to, len(got))
		}
	}
	t.Logf("%d readers within %v", len(readers), time.Since(readers[0].curl.started).Round(time.Millisecond))
}
