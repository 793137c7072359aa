package mpegts

import (
	"slices"
	"testing"
)

func TestPATNamesTheFirstProgramme(t *testing.T) {
	for _, c := range []struct {
		name           string
		section        []byte
		programme, pid uint16
		ok             bool
	}{
		{"one", patSection(1, 0x1000), 1, 0x1000, true},
		{"network first", patSection(0, 0x10, 28106, 0x1ffe), 28106, 0x1ffe, true},
		{"several", patSection(7, 0x70, 8, 0x80), 7, 0x70, true},
		{"none", patSection(), 0, 0, false},
		{"network alone", patSection(0, 0x10), 0, 0, false},
	} {
		programme, pid, ok := parsePAT(c.section)
		if programme != c.programme || pid != c.pid || ok != c.ok {
			t.Errorf("%s: programme %d on PID %#x, %v", c.name, programme, pid, ok)
		}
	}
}

func TestPMT(t *testing.T) {
	var streams [maxStreams]Stream
	s := pmtSection(5, 0x1ff, testStream{kind: 0x1b, pid: 0x100}, testStream{0x06, 0x101, []byte{0x0a, 4, 'd', 'e', 'u', 0, 0x6a, 1, 0}},
		testStream{0x06, 0x102, []byte{0x59, 0}}, testStream{kind: 0xc0, pid: 0x103})
	pcr, n := parsePMT(s, streams[:])
	want := []Stream{
		{0x100, 0x1b, "H.264", Video},
		{0x101, 0x06, "AC-3", Audio},
		{0x102, 0x06, "DVB subtitles", Other},
		{0x103, 0xc0, "", Other},
	}
	if pcr != 0x1ff || pmtProgramme(s) != 5 || !slices.Equal(streams[:n], want) {
		t.Errorf("clock on %#x, programme %d, streams %+v", pcr, pmtProgramme(s), streams[:n])
	}
}

func TestPMTBounds(t *testing.T) {
	var streams [maxStreams]Stream
	var many []testStream
	for i := range uint16(100) {
		many = append(many, testStream{kind: 0x0f, pid: 0x100 + i})
	}
	if _, n := parsePMT(pmtSection(1, 0x100, many...), streams[:]); n != maxStreams {
		t.Errorf("%d streams, the bound is %d", n, maxStreams)
	}
	for name, body := range map[string][]byte{
		"nothing":                       {},
		"programme info beyond the end": {0xe1, 0, 0xf0, 200, 0x1b, 0xe1, 0, 0xf0, 0},
		"stream info beyond the end":    {0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 0, 0xf0, 9, 1},
		"half a stream":                 {0xe1, 0, 0xf0, 0, 0x1b, 0xe1},
	} {
		if _, n := parsePMT(section(tablePMT, 1, body...), streams[:]); n != 0 {
			t.Errorf("%s: %d streams", name, n)
		}
	}
}

func TestCodecs(t *testing.T) {
	registration := func(s string) []byte { return append([]byte{5, byte(len(s))}, s...) }
	for _, c := range []struct {
		streamType  uint8
		descriptors []byte
		codec       string
		kind        StreamKind
	}{
		{0x01, nil, "MPEG-1", Video},
		{0x02, nil, "MPEG-2", Video},
		{0x10, nil, "MPEG-4", Video},
		{0x1b, nil, "H.264", Video},
		{0x24, nil, "HEVC", Video},
		{0x33, nil, "VVC", Video},
		{0x42, nil, "AVS", Video},
		{0xea, nil, "VC-1", Video},
		{0x03, nil, "MP2", Audio},
		{0x04, nil, "MP2", Audio},
		{0x0f, nil, "AAC", Audio},
		{0x11, nil, "AAC", Audio},
		{0x81, nil, "AC-3", Audio},
		{0x87, nil, "E-AC-3", Audio},
		{0x06, []byte{0x7a, 1, 0}, "E-AC-3", Audio},
		{0x06, []byte{0x7b, 0}, "DTS", Audio},
		{0x06, []byte{0x7c, 2, 0, 0}, "AAC", Audio},
		{0x06, []byte{0x56, 0}, "Teletext", Other},
		{0x06, registration("AC-3"), "AC-3", Audio},
		{0x06, registration("EAC3"), "E-AC-3", Audio},
		{0x06, registration("Opus"), "Opus", Audio},
		{0x82, registration("DTS2"), "DTS", Audio},
		{0x06, registration("HEVC"), "HEVC", Video},
		{0x06, registration("VC-1"), "VC-1", Video},
		{0x06, registration("AV01"), "AV1", Video},
		{0x06, registration("KLVA"), "", Other},
		{0x06, registration("AC"), "", Other},
		{0x06, []byte{0x6a, 9, 0}, "", Other}, // longer than what is there
		{0x06, nil, "", Other},
		{0x05, nil, "", Other},
	} {
		if codec, kind := codecOf(c.streamType, c.descriptors); codec != c.codec || kind != c.kind {
			t.Errorf("stream type %#x with % x: %q, %d; want %q, %d", c.streamType, c.descriptors, codec, kind, c.codec, c.kind)
		}
	}
}
