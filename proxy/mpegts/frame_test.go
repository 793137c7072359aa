package mpegts

import (
	"bytes"
	"slices"
	"testing"
)

// judgeFrame sends a frame in payloads of at most size bytes.
func judgeFrame(codec string, random bool, size int, content []byte) verdict {
	first := packetOf(0x47, 0x41, 0, 0x10)
	if random {
		first = packetOf(0x47, 0x41, 0, 0x30, 1, 0x40)
	}
	b := slices.Concat([]byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0}, content)
	size = max(size, 9) // the header itself is read in one piece
	var f frameScan
	v := f.begin(codec, first, b[:min(size, len(b))], pesHeader{size: 9})
	for len(b) > size && v == undecided {
		b = b[size:]
		v = f.more(b[:min(size, len(b))])
	}
	if v == undecided {
		v = f.end()
	}
	return v
}

func TestFrameVerdicts(t *testing.T) {
	nal := func(units ...[]byte) []byte {
		var b []byte
		for _, u := range units {
			b = append(append(b, 0, 0, 1), u...)
		}
		return b
	}
	delimiter, sps, pps := []byte{9, 0xf0}, []byte{0x67, 0x42, 0, 0x1e}, []byte{0x68, 0xce}
	sei := append([]byte{6, 5}, bytes.Repeat([]byte{'x'}, 300)...)
	for _, c := range []struct {
		name, codec string
		random      bool
		content     []byte
		want        verdict
	}{
		{"IDR", "H.264", false, nal(delimiter, sps, pps, sei, []byte{0x65, 0x88}), clean},
		{"IDR without anything before", "H.264", false, nal([]byte{0x25, 0x88}), clean},
		{"P", "H.264", false, nal(delimiter, []byte{0x41, 0x9a}), plain},
		{"P with parameter sets before each frame", "H.264", false, nal(delimiter, sps, pps, []byte{0x41, 0x9a}), plain},
		{"I, open GOP, parameter sets", "H.264", false, nal(delimiter, sps, pps, sei, []byte{0x41, 0x88}), recovery},
		{"I of type 2", "H.264", false, nal(sps, []byte{0x61, 0xb7}), recovery},
		{"I, flag alone", "H.264", true, nal(delimiter, []byte{0x41, 0x9a}), recovery},
		{"data partition", "H.264", false, nal(delimiter, []byte{2, 0x88}), plain},
		{"no slice, no flag", "H.264", false, nal(delimiter, sps), plain},
		{"no slice, flag", "H.264", true, nal(delimiter, sps), recovery},
		{"HEVC IDR", "HEVC", false, nal([]byte{70, 1}, []byte{64, 1}, []byte{66, 1}, []byte{68, 1}, []byte{38, 1}), clean},
		{"HEVC IDR_N_LP", "HEVC", false, nal([]byte{40, 1}), clean},
		{"HEVC CRA", "HEVC", true, nal([]byte{70, 1}, []byte{42, 1}), clean},
		{"HEVC trailing", "HEVC", false, nal([]byte{70, 1}, []byte{2, 1}), plain},
		{"HEVC trailing, flag", "HEVC", true, nal([]byte{70, 1}, []byte{2, 1}), recovery},
		{"MPEG-2 sequence", "MPEG-2", false, nal([]byte{0xb3, 0x2d}, []byte{0xb8}, []byte{0}), clean},
		{"MPEG-2 picture", "MPEG-2", false, nal([]byte{0, 0x0f}), plain},
		{"MPEG-2 group without sequence, flag", "MPEG-2", true, nal([]byte{0xb8, 0}, []byte{0, 0x0f}), recovery},
		{"MPEG-1 sequence", "MPEG-1", false, nal([]byte{0xb3, 0x2d}), clean},
		{"unknown codec, flag", "VVC", true, nal([]byte{0}), clean},
		{"unknown codec", "VVC", false, nal([]byte{0}), plain},
		{"nothing", "H.264", false, nil, plain},
	} {
		for _, size := range []int{9, 10, 11, 12, 184, 4096} {
			if got := judgeFrame(c.codec, c.random, size, c.content); got != c.want {
				t.Errorf("%s in payloads of %d: verdict %d, want %d", c.name, size, got, c.want)
			}
		}
	}
}

// A frame whose first slice never comes costs a bounded look.
func TestFrameScanIsBounded(t *testing.T) {
	var f frameScan
	p := packetOf(0x47, 0x41, 0, 0x10)
	v := f.begin(codecH264, p, p.Payload(), pesHeader{size: 9})
	n := 1
	for ; v == undecided; n++ {
		v = f.more(p.Payload())
		if n > maxFrameScan {
			t.Fatal("the scan goes on")
		}
	}
	if v != plain || n != maxFrameScan+1 {
		t.Errorf("verdict %d after %d packets", v, n)
	}
	if f.more([]byte{0, 0, 1, 0x65}) != plain {
		t.Error("a verdict was taken back")
	}
}

// A PES header longer than the first packet is passed over.
func TestFrameBehindLongHeader(t *testing.T) {
	var f frameScan
	p := packetOf(0x47, 0x41, 0, 0x10)
	if v := f.begin(codecH264, p, bytes.Repeat([]byte{0, 0, 1, 0x41}, 46), pesHeader{size: 9 + 255}); v != undecided {
		t.Fatalf("verdict %d from within the header", v)
	}
	rest := append(make([]byte, 264-184), 0, 0, 1, 0x65)
	if v := f.more(rest); v != clean {
		t.Errorf("verdict %d, want %d", v, clean)
	}
}
