package mpegts

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbered are n packets that differ.
func numbered(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		p := bytes.Repeat([]byte{byte(i)}, PacketSize)
		p[0], p[1], p[2], p[3] = syncByte, byte(i>>8)&0x1f, byte(i), 0x10
		if i == syncByte {
			p = packetOf(syncByte, 0, syncByte, 0x10)
		}
		all[i] = p
	}
	return all
}

// slots lays packets out in slots of a stride, with lead bytes before each.
func slots(packets [][]byte, stride, lead int) []byte {
	var b []byte
	for _, p := range packets {
		b = append(b, bytes.Repeat([]byte{0xee}, lead)...)
		b = append(b, p...)
		b = append(b, bytes.Repeat([]byte{0xee}, stride-PacketSize-lead)...)
	}
	return b
}

// feed cuts b into pieces of at most size bytes and collects the packets.
func feed(f *Framer, b []byte, size int) [][]byte {
	var got [][]byte
	for piece := range slices.Chunk(b, size) {
		f.Feed(piece, func(p Packet) { got = append(got, bytes.Clone(p)) })
	}
	return got
}

func TestFramerFindsEveryRhythm(t *testing.T) {
	want := numbered(40)
	for _, c := range []struct {
		name         string
		stride, lead int
	}{{"TS", 188, 0}, {"M2TS", 192, 4}, {"Reed-Solomon", 204, 0}} {
		b := append([]byte("noise"), slots(want, c.stride, c.lead)...)
		for _, size := range []int{1, 7, 187, 188, 189, 1316, len(b)} {
			var f Framer
			got := feed(&f, b, size)
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%s in pieces of %d: %d packets, want %d", c.name, size, len(got), len(want))
			}
			if f.Stride() != c.stride || f.Passed() != uint64(5+c.lead) || f.Losses() != 0 {
				t.Errorf("%s: stride %d, %d bytes passed over, %d losses", c.name, f.Stride(), f.Passed(), f.Losses())
			}
		}
	}
}

func TestFramerGoesOnAfterDamage(t *testing.T) {
	packets := numbered(30)
	for name, damage := range map[string]func(b []byte) []byte{
		"bytes lost":  func(b []byte) []byte { return slices.Delete(b, 10*188+50, 10*188+90) },
		"bytes added": func(b []byte) []byte { return slices.Insert(b, 10*188+50, make([]byte, 33)...) },
		"sync broken": func(b []byte) []byte { b[11*188] = 0; return b },
	} {
		for _, size := range []int{1, 100, 1316, 1 << 16} {
			var f Framer
			got := feed(&f, damage(slots(packets, 188, 0)), size)
			// The damaged packet itself may come out when its beginning is whole.
			if f.Losses() != 1 || len(got) < 28 || !slices.EqualFunc(got[:10], packets[:10], bytes.Equal) ||
				!slices.EqualFunc(got[len(got)-18:], packets[12:], bytes.Equal) {
				t.Errorf("%s, pieces of %d: %d packets, %d losses", name, size, len(got), f.Losses())
			}
		}
	}
}

func TestFramerNeedsRhythmToBegin(t *testing.T) {
	var f Framer
	if got := feed(&f, slots(numbered(3), 188, 0), 188); len(got) != 0 {
		t.Errorf("%d packets from three sync bytes", len(got))
	}
	noise := make([]byte, 100_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		if noise[i] = byte(r.Uint32()); noise[i] == syncByte {
			noise[i] = 0
		}
	}
	if got := feed(&f, noise, 1000); len(got) != 0 || f.Stride() != 0 {
		t.Errorf("%d packets from noise", len(got))
	}
	want := numbered(10)
	if got := feed(&f, slots(want, 188, 0), 500); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d packets after noise, want %d", len(got), len(want))
	}
}

func TestFramerReset(t *testing.T) {
	var f Framer
	b := slots(numbered(10), 188, 0)
	feed(&f, b[:5*188+100], 1<<16)
	f.Reset()
	got := feed(&f, b[7*188:], 1<<16)
	if len(got) != 0 || f.Losses() != 0 {
		t.Errorf("%d packets from three sync bytes after a reset, %d losses", len(got), f.Losses())
	}
	if got = feed(&f, b, 1<<16); len(got) != 13 {
		t.Errorf("%d packets when the rhythm went on, want 13", len(got))
	}
}

// However the bytes are cut, the packets are the same, and bytes are neither made nor lost.
func FuzzFramer(f *testing.F) {
	f.Add(slots(numbered(6), 188, 0), uint16(100))
	f.Add(append([]byte{0x47, 0x47}, slots(numbered(6), 192, 4)...), uint16(1))
	f.Add(append(slots(numbered(5), 204, 0), slots(numbered(5), 188, 0)...), uint16(191))
	f.Add(bytes.Repeat([]byte{syncByte}, 2000), uint16(5))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		if len(b) > 1<<15 {
			return
		}
		var whole, cut Framer
		want := feed(&whole, b, len(b)+1)
		got := feed(&cut, b, int(size)+1)
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("in pieces of %d: %d packets, whole: %d", size+1, len(got), len(want))
		}
		for _, p := range want {
			if len(p) != PacketSize || p[0] != syncByte {
				t.Fatalf("packet of %d bytes begins with %#x", len(p), p[0])
			}
		}
		if whole.Passed()+uint64(len(want))*PacketSize > uint64(len(b)) {
			t.Fatalf("%d bytes gave %d packets and %d bytes passed over", len(b), len(want), whole.Passed())
		}
	})
}
