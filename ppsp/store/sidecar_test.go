package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

func sidecars() []*sidecar {
	meta := ppsp.StaticDefaults(ppsp.SwarmID(bytes.Repeat([]byte{7}, 32)))
	full := &sidecar{meta: meta, size: 5000, stamp: stamp{5000, 1 << 60}, tree: []byte("tree")}
	full.held.Add(chunk.Range{End: 5})
	holes := &sidecar{meta: meta, size: -1, tree: bytes.Repeat([]byte("tree"), 99)}
	holes.meta.Addressing, holes.meta.ChunkSize = ppsp.Bins64, ppsp.MaxChunkSize
	holes.held.Add(chunk.Range{Start: 3, End: 4})
	holes.held.Add(chunk.Range{Start: 7, End: 700})
	holes.held.Add(chunk.Range{Start: math.MaxUint64 - 1, End: math.MaxUint64})
	return []*sidecar{{size: -1, tree: []byte{}}, full, holes}
}

func TestSidecarRoundTrip(t *testing.T) {
	for _, want := range sidecars() {
		got := new(sidecar)
		if err := got.unmarshal(want.marshal()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// sum replaces the checksum so that the fields before it are looked at.
func sum(body []byte) []byte {
	s := sha256.Sum256(body)
	return append(bytes.Clone(body), s[:]...)
}

func TestSidecarDamaged(t *testing.T) {
	for _, s := range sidecars() {
		b := s.marshal()
		body := b[:len(b)-sha256.Size]
		for cut := range len(b) {
			if err := new(sidecar).unmarshal(b[:cut]); !errors.Is(err, errDamaged) {
				t.Fatalf("cut at %d of %d: %v", cut, len(b), err)
			}
		}
		for at := range b {
			flipped := bytes.Clone(b)
			flipped[at] ^= 1
			if err := new(sidecar).unmarshal(flipped); !errors.Is(err, errDamaged) {
				t.Fatalf("flipped at %d of %d: %v", at, len(b), err)
			}
		}
		for cut := range len(body) {
			if err := new(sidecar).unmarshal(sum(body[:cut])); !errors.Is(err, errDamaged) {
				t.Fatalf("body cut at %d with a right checksum: %v", cut, err)
			}
		}
		if err := new(sidecar).unmarshal(sum(append(bytes.Clone(body), 0))); !errors.Is(err, errDamaged) {
			t.Fatalf("a byte too many: %v", err)
		}
	}
}

// FuzzSidecar gives any body a right checksum: it is refused or survives a round trip.
func FuzzSidecar(f *testing.F) {
	for _, s := range sidecars() {
		b := s.marshal()
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var s, again sidecar
		if s.unmarshal(sum(body)) != nil {
			return
		}
		if err := again.unmarshal(s.marshal()); err != nil {
			t.Fatalf("what was read can't be written: %v", err)
		}
		if !bytes.Equal(again.marshal(), s.marshal()) || !again.held.Equal(&s.held) {
			t.Fatal("the round trip changed it")
		}
	})
}
