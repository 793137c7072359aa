package mpegts

import (
	"bytes"
	"slices"
	"testing"
)

// collect feeds packets and copies the sections.
func collect(s *sections, packets []Packet) [][]byte {
	var got [][]byte
	for _, p := range packets {
		s.feed(p, func(b []byte) { got = append(got, bytes.Clone(b)) })
	}
	return got
}

// ISO/IEC 13818-1, annex A: the CRC over a whole section with its CRC_32 is zero. The PAT is
// the one that ffmpeg writes for one programme.
func TestChecksumVector(t *testing.T) {
	pat := []byte{0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0x00, 0x00, 0x00, 0x01, 0xf0, 0x00, 0x2a, 0xb1, 0x04, 0xb2}
	if got := checksum(pat); got != 0 {
		t.Errorf("checksum %#x over a whole section", got)
	}
	if got := checksum(pat[:12]); got != 0x2ab104b2 {
		t.Errorf("checksum %#x, want 0x2ab104b2", got)
	}
	if !bytes.Equal(pat, patSection(1, 0x1000)) {
		t.Errorf("made % x", patSection(1, 0x1000))
	}
}

func TestSectionsOfAnyLength(t *testing.T) {
	for _, n := range []int{0, 1, 170, 171, 172, 173, 354, 355, 356, 1000, 1012} {
		want := section(tablePMT, 1, bytes.Repeat([]byte{7}, n)...)
		packets := packetsOf(appendSection(nil, 0x100, 5, want))
		if len(packets) != sectionPackets(len(want)) {
			t.Errorf("body of %d bytes: %d packets, foretold were %d", n, len(packets), sectionPackets(len(want)))
		}
		if last := packets[len(packets)-1]; last.Counter() != 5 || last.PID() != 0x100 {
			t.Errorf("body of %d bytes: last packet has PID %#x, counter %d", n, last.PID(), last.Counter())
		}
		var s sections
		if got := collect(&s, packets); len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("body of %d bytes: %d sections came back", n, len(got))
		}
	}
}

// Two sections share a packet, and the second goes on in the next one behind a pointer.
func TestSectionsPackedTogether(t *testing.T) {
	a, b, c := section(tablePMT, 1, 1, 2, 3), section(tablePMT, 2, bytes.Repeat([]byte{9}, 250)...), section(tablePMT, 3)
	stream := slices.Concat(a, b)
	first := append(packetOf(0x47, 0x41, 0, 0x10, 0)[:5], stream[:183]...)
	rest := stream[183:]
	second := append(packetOf(0x47, 0x41, 0, 0x11, byte(len(rest)))[:5], rest...)
	second = append(second, c...)
	second = append(second, bytes.Repeat([]byte{0xff}, PacketSize-len(second))...)
	var s sections
	got := collect(&s, []Packet{first, second})
	if len(got) != 3 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], b) || !bytes.Equal(got[2], c) {
		t.Fatalf("%d sections came back", len(got))
	}
}

func TestSectionsSurviveLoss(t *testing.T) {
	long := section(tablePMT, 1, bytes.Repeat([]byte{3}, 500)...)
	packets := packetsOf(appendSection(nil, 0x100, 2, long)) // counters 0, 1, 2
	for name, lossy := range map[string][]Packet{
		"a packet lost":      {packets[0], packets[2]},
		"beginning lost":     packets[1:],
		"a packet swapped":   {packets[0], packets[2], packets[1]},
		"never ends":         packets[:2],
		"pointer too far":    {packetOf(0x47, 0x41, 0, 0x10, 200)},
		"length too great":   {packetOf(0x47, 0x41, 0, 0x10, 0, 2, 0xbf, 0xff)},
		"stuffing alone":     {packetOf(0x47, 0x41, 0, 0x10, 0)},
		"no payload":         {packetOf(0x47, 0x41, 0, 0x20, 183)},
		"follows nothing":    {packetOf(0x47, 0x01, 0, 0x11)},
		"damaged adaptation": {packetOf(0x47, 0x41, 0, 0x30, 255)},
	} {
		var s sections
		if got := collect(&s, lossy); len(got) != 0 {
			t.Errorf("%s: %d sections", name, len(got))
		}
		// The counter of the repetition connects to nothing.
		if got := collect(&s, packetsOf(appendSection(nil, 0x100, 9, long))); len(got) != 1 || !bytes.Equal(got[0], long) {
			t.Errorf("%s: %d sections from a repetition", name, len(got))
		}
	}
}

func TestTableAccepts(t *testing.T) {
	good := section(tablePMT, 1, 1, 2, 3, 4)
	broken := func(i int, v byte) []byte { b := bytes.Clone(good); b[i] = v; return b }
	sealed := func(i int, v byte) []byte { // as broken, with a checksum that holds
		b := broken(i, v)
		crc := checksum(b[:len(b)-4])
		return append(b[:len(b)-4], byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc))
	}
	var tab table
	for name, s := range map[string][]byte{
		"checksum":       broken(8, 9),
		"other table":    sealed(0, tablePAT),
		"short form":     sealed(1, 0x30),
		"not yet valid":  sealed(5, 0xc0),
		"three bytes":    {2, 0xb0, 0},
		"empty":          {},
		"eleven bytes":   good[:11],
		"cut in the end": good[:len(good)-1],
	} {
		if tab.accept(s, tablePMT) {
			t.Errorf("%s: accepted", name)
		}
	}
	if !tab.accept(good, tablePMT) || !bytes.Equal(tab.bytes(), good) {
		t.Error("a good section is not accepted")
	}
	if tab.accept(good, tablePMT) {
		t.Error("a repetition counts as a change")
	}
	if next := sealed(8, 77); !tab.accept(next, tablePMT) || !bytes.Equal(tab.bytes(), next) {
		t.Error("a new version is not accepted")
	}
	if tab.forget(); !tab.accept(good, tablePMT) {
		t.Error("a forgotten section is not accepted again")
	}
}

func FuzzSections(f *testing.F) {
	f.Add(appendSection(nil, 0x100, 3, section(tablePMT, 1, bytes.Repeat([]byte{3}, 500)...)))
	f.Add([]byte(packetOf(0x47, 0x41, 0, 0x10, 0, 2, 0xb0, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var tab table
		var streams [maxStreams]Stream
		for len(b) >= PacketSize {
			tab.feed(Packet(b[:PacketSize]), func(s []byte) {
				if len(s) < 3 || len(s) != 3+int(s[1]&0x0f)<<8+int(s[2]) {
					t.Fatalf("section of %d bytes", len(s))
				}
				if tab.accept(s, tablePMT) || tab.accept(s, tablePAT) {
					parsePAT(tab.bytes())
					parsePMT(tab.bytes(), streams[:])
				}
			})
			b = b[PacketSize:]
		}
	})
}
