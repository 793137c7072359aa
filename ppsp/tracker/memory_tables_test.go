package tracker

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/quick"
)

// What a blob keeps is what was put in.
func TestBlob(t *testing.T) {
	ids := []string{"a", "ab", "AB", "0123456789abcdef", "656164657220", "p\"\u00e9", string(make([]byte, MaxPeerID)), "a0", "abc"}
	addresses := exampleRequests["connect_leech"].Connect.Addresses
	addresses = append(addresses, address("192.0.2.9:1", Proxy, -1<<60), Address{AddrPort: addrPort(3), ASN: "AS12", Protocol: "other", Connection: "wired"}, Address{AddrPort: addrPort(4), ASN: "007"})
	for _, id := range ids {
		for _, source := range addresses {
			b := blob(appendBlob(nil, id, source.Addr(), addresses))
			if b.id() != id || b.source() != source.Addr() {
				t.Errorf("%q came back as %q from %v", id, b.id(), b.source())
			}
			got := b.addresses(nil)
			for i := range got {
				if got[i] != addresses[i] {
					t.Errorf("%+v came back as %+v", addresses[i], got[i])
				}
			}
			if len(got) != len(addresses) {
				t.Errorf("%d addresses", len(got))
			}
		}
	}
	one, two := appendID(nil, "6162"), appendID(nil, "ab")
	if string(one) == string(two) {
		t.Error("an ID in hexadecimal and its text are the same")
	}
}

// The fullest blob finds a place.
func TestBlobFitsTheArena(t *testing.T) {
	a := address("[2001:db8::1]:65535", Reflexive, -1<<63)
	a.ASN, a.Protocol, a.Connection = string(make([]byte, maxASN)), string(make([]byte, maxProtocol)), "wireless"
	all := []Address{a, a, a, a, a, a, a, a}
	if n := len(appendBlob(nil, string(make([]byte, MaxPeerID)), a.Addr(), all)); len(all) != MaxAddresses || n > arenaMax {
		t.Errorf("%d addresses in %d bytes, more than %d", len(all), n, arenaMax)
	}
}

// An arena keeps what is put in, whatever else comes and goes.
func TestArena(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var a arena
	type kept struct {
		at   place
		text string
	}
	var all []kept
	for range 20000 {
		if len(all) > 300 {
			i := random.IntN(len(all))
			if got := string(a.get(all[i].at)); got != all[i].text {
				t.Fatalf("%q became %q", all[i].text, got)
			}
			a.free(all[i].at)
			all[i] = all[len(all)-1]
			all = all[:len(all)-1]
			continue
		}
		b := make([]byte, 1+random.IntN(arenaMax))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		all = append(all, kept{a.put(b), string(b)})
	}
	for _, k := range all {
		if string(a.get(k.at)) != k.text {
			t.Fatal("lost")
		}
	}
}

// An index finds what is in it and nothing else, also where many hashes are the same.
func TestIndex(t *testing.T) {
	if err := quick.Check(func(seed uint64, spread uint8) bool {
		random := rand.New(rand.NewPCG(seed, 1))
		hashOf := func(n uint32) uint64 { return uint64(n) * 7 % (uint64(spread) + 1) * 0x9E3779B97F4A7C15 }
		var x index
		in := map[uint32]bool{}
		for range 500 {
			n := 1 + random.Uint32N(120)
			found := x.find(hashOf(n), func(m uint32) bool { return m == n })
			if (found == n) != in[n] {
				return false
			}
			if in[n] {
				x.remove(n, hashOf)
				delete(in, n)
			} else {
				x.add(n, hashOf)
				in[n] = true
			}
			if x.count != len(in) {
				return false
			}
		}
		return true
	}, nil); err != nil {
		t.Error(err)
	}
}

// A slab gives numbers that are free, and their entries are zero.
func TestSlab(t *testing.T) {
	var s slab[int]
	for range 3 {
		var all []uint32
		for i := range 3 * slabPage {
			n := s.new()
			if *s.at(n) != 0 {
				t.Fatalf("entry %d is not zero", n)
			}
			*s.at(n) = i + 1
			all = append(all, n)
		}
		for i, n := range all {
			if *s.at(n) != i+1 {
				t.Fatalf("entry %d moved", n)
			}
			s.free(n)
		}
	}
	if s.used != 3*slabPage || s.count() != 0 {
		t.Errorf("%d in use of %d", s.count(), s.used)
	}
}

// What many peers took goes back to the system when they have left, and can be had again.
func TestTablesShrink(t *testing.T) {
	var s slab[int]
	var a arena
	var x index
	hashOf := func(n uint32) uint64 { return uint64(n) * 0x9E3779B97F4A7C15 }
	for range 3 {
		var at []place
		for i := range uint32(5 * slabPage) {
			x.add(s.new(), hashOf)
			at = append(at, a.put(binary.LittleEndian.AppendUint32(make([]byte, 0, 40), i)))
		}
		for i := range at {
			if got := binary.LittleEndian.Uint32(a.get(at[i])); got != uint32(i) {
				t.Fatalf("place %d has %d", i, got)
			}
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(at), func(i, k int) { at[i], at[k] = at[k], at[i] })
		for i := range at {
			a.free(at[i])
			x.remove(uint32(i)+1, hashOf)
			s.free(uint32(i) + 1)
		}
		pages, bytes := 0, 0
		for _, p := range s.pages {
			if p != nil {
				pages++
			}
		}
		for _, c := range a.classes {
			for _, p := range c.pages {
				bytes += len(p.bytes)
			}
		}
		if pages != 1 || bytes != arenaPage || len(x.places) > indexLeast || len(s.pages) != 5 {
			t.Errorf("left: %d pages, %d bytes, %d places", pages, bytes, len(x.places))
		}
	}
}
