package mpegts

import (
	"bytes"
	"slices"
	"testing"
)

// unitsOf takes a stream apart, in pieces of a size.
func unitsOf(b []byte, size int) (all []Unit, u *Units) {
	u = NewUnits(func(one Unit) { all = append(all, one) })
	for piece := range slices.Chunk(b, size) {
		u.Feed(piece)
	}
	return all, u
}

// Frames come out whole and in order, with times that sound and picture share and that do not wrap.
func TestUnits(t *testing.T) {
	s := newBuilder()
	s.film(ptsModulus-45_000, 2)
	for _, size := range []int{1, 187, 1316, 1 << 20} {
		all, u := unitsOf(s.Bytes(), size)
		video, audio, ok := u.Streams()
		if !ok || video.Codec != "H.264" || video.PID != testVideo || audio.Codec != "AAC" || u.Lost() != 0 {
			t.Fatalf("%+v, %+v, %d lost", video, audio, u.Lost())
		}
		n := map[StreamKind]int{}
		for _, one := range all {
			i := n[one.Stream.Kind]
			n[one.Stream.Kind]++
			head, least := plainFrame, 150
			if i%25 == 0 {
				head, least = idrFrame, 1500
			}
			want := frame(head, least, byte(i))
			if one.Stream.Kind == Audio {
				want = frame(nil, 90, byte(i))
			}
			if !bytes.Equal(one.Data, want) || one.Time != ptsModulus-45_000+int64(i)*3600 {
				t.Fatalf("%d. of kind %d: time %d, %d bytes, want %d", i, one.Stream.Kind, one.Time, len(one.Data), len(want))
			}
		}
		if n[Video] != 49 || n[Audio] != 49 { // the last of each may go on
			t.Errorf("%d frames, %d sounds", n[Video], n[Audio])
		}
	}
}

// What has a hole is left out, and nothing of it is put together with what follows.
func TestUnitsWithHoles(t *testing.T) {
	f := film(3)
	packets := packetsOf(f)
	var holed []byte
	for i, p := range packets {
		if i%13 != 5 || p.PID() == 0 || p.PID() == testPMT {
			holed = append(holed, p...)
		}
	}
	whole, _ := unitsOf(f, 1316)
	known := map[string]bool{}
	for _, u := range whole {
		known[string(u.Data)] = true
	}
	all, u := unitsOf(holed, 1316)
	for _, one := range all {
		if !known[string(one.Data)] {
			t.Errorf("at %d a unit of %d bytes that is none of the stream", one.Time, len(one.Data))
		}
	}
	if u.Lost() == 0 || len(all) < len(whole)/2 {
		t.Errorf("%d units of %d, %d lost", len(all), len(whole), u.Lost())
	}
}

// A frame without an end costs no more memory than the bound.
func TestUnitWithoutEnd(t *testing.T) {
	s := newBuilder()
	s.tables(0x1b)
	s.unit(pes{pid: testVideo, pts: 900_000, content: make([]byte, maxUnit+10*PacketSize)})
	s.unit(pes{pid: testVideo, pts: 903_600, content: frame(plainFrame, 300, 1)})
	s.unit(pes{pid: testVideo, pts: 907_200, content: frame(plainFrame, 300, 1)})
	all, u := unitsOf(s.Bytes(), 64<<10)
	if len(all) != 1 || len(all[0].Data) != 300 || u.Lost() != 1 || cap(u.parts[0].data) > 2*maxUnit {
		t.Errorf("%d units, %d lost, %d bytes kept", len(all), u.Lost(), cap(u.parts[0].data))
	}
}

// Another programme: nothing of the last goes on.
func TestUnitsOfAnotherProgramme(t *testing.T) {
	s := newBuilder()
	s.film(900_000, 1)
	s.psi(0, patSection(2, testPMT+1))
	s.psi(testPMT+1, pmtSection(2, testVideo+8, testStream{kind: 0x24, pid: testVideo + 8}))
	for i := range uint64(3) {
		s.unit(pes{pid: testVideo + 8, pts: 2_000_000 + i*3600, content: frame(plainFrame, 200, byte(i))})
	}
	all, u := unitsOf(s.Bytes(), 1316)
	if video, audio, _ := u.Streams(); video.Codec != "HEVC" || audio != (Stream{}) {
		t.Errorf("%+v, %+v", video, audio)
	}
	if last := all[len(all)-1]; last.Stream.PID != testVideo+8 || len(last.Data) != 200 {
		t.Errorf("the last is %+v", last.Stream)
	}
}

// Hostile bytes: no panic, no unit above the bound, the same units however the bytes come.
func FuzzUnits(f *testing.F) {
	f.Add(film(1), uint16(1316))
	s := newBuilder()
	s.radio()
	s.unit(pes{pid: testAudio, pts: 5, random: true, pcr: 7, content: make([]byte, 900)})
	f.Add(s.Bytes(), uint16(7))
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		whole, _ := unitsOf(data, 1<<20)
		pieces, _ := unitsOf(data, int(size)+1)
		if len(whole) != len(pieces) {
			t.Fatalf("%d units, in pieces %d", len(whole), len(pieces))
		}
		for i := range whole {
			if whole[i].Time != pieces[i].Time || !bytes.Equal(whole[i].Data, pieces[i].Data) || len(whole[i].Data) > maxUnit+PacketSize {
				t.Fatalf("unit %d differs", i)
			}
		}
	})
}
