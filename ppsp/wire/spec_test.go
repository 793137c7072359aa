package wire

import (
	"math"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// "So, consider the example of a HAVE message using bin chunk addressing. It has a message
// type of 0x03 and a payload of a bin number, a 4-byte integer (say, 1); hence, its on-
// the-wire representation for UDP can be written in hex as "0300000001"." (RFC 7574, 8.2)
func TestHaveExample(t *testing.T) {
	got := bins32.AppendHave(nil, chunk.Bin(1).Range())
	wantBytes(t, "HAVE of bin 1", got, "0300000001")
	if m := decodeOne(t, bins32, "0300000001"); m.Type != TypeHave || m.Chunks != (chunk.Range{Start: 0, End: 2}) {
		t.Errorf("0300000001 is %v of %v", m.Type, m.Chunks)
	}
}

// The layouts of RFC 7574, 4.1.1, 4.1.2 and 4.2.
func TestSpec(t *testing.T) {
	tests := []struct {
		f    Format
		r    chunk.Range
		spec string
	}{
		{bins32, chunk.One(0), "00000000"},
		{bins32, chunk.One(3), "00000006"},
		{bins32, chunk.Range{Start: 4, End: 8}, "0000000b"},
		{bins32, chunk.Range{Start: 0, End: 1 << 31}, "7fffffff"},
		{bins32, chunk.One(1<<31 - 1), "fffffffe"},
		{bins64, chunk.Range{Start: 4, End: 8}, "000000000000000b"},
		{bins64, chunk.Range{Start: 0, End: 1 << 63}, "7fffffffffffffff"},
		{bins64, chunk.One(1<<63 - 1), "fffffffffffffffe"},
		{chunks32, chunk.One(0), "00000000 00000000"},
		{chunks32, chunk.Range{Start: 5, End: 9}, "00000005 00000008"},
		{chunks32, chunk.Range{Start: 0, End: 1 << 32}, "00000000 ffffffff"},
		{chunks32, chunk.One(math.MaxUint32), "ffffffff ffffffff"},
		{chunks64, chunk.Range{Start: 5, End: 9}, "0000000000000005 0000000000000008"},
		{chunks64, chunk.One(math.MaxUint64 - 1), "fffffffffffffffe fffffffffffffffe"},
		{bytes64, chunk.One(0), "0000000000000000 00000000000003e7"},
		{bytes64, chunk.Range{Start: 2, End: 4}, "00000000000007d0 0000000000000f9f"},
	}
	for _, tt := range tests {
		wantBytes(t, "AppendSpec", tt.f.AppendSpec(nil, tt.r), tt.spec)
		if n := len(unhex(t, tt.spec)); n != tt.f.SpecSize() {
			t.Errorf("SpecSize of %v = %d, want %d", tt.f.Addressing, tt.f.SpecSize(), n)
		}
		m := decodeOne(t, tt.f, "03"+tt.spec)
		if m.Chunks != tt.r {
			t.Errorf("%v %s is %v, want %v", tt.f.Addressing, tt.spec, m.Chunks, tt.r)
		}
		wantBytes(t, "Spec", m.Spec, tt.spec)
	}
}

func TestSpecRefused(t *testing.T) {
	variable, unknown := bytes64, chunks32
	variable.ChunkSize, unknown.Addressing = VariableChunks, 5
	none := bytes64
	none.ChunkSize = 0
	wide := bytes64
	wide.ChunkSize = 1
	tests := []struct {
		f            Format
		spec, reason string
	}{
		// "The special numbers 0xFFFFFFFF (32-bit) or 0xFFFFFFFFFFFFFFFF (64-bit) stands for
		// an empty interval" (RFC 7574, 4.2): a message about no chunk at all is none.
		{bins32, "ffffffff", "empty interval"},
		{bins64, "ffffffffffffffff", "empty interval"},
		{chunks32, "00000003 00000002", "ends before it starts"},
		{chunks64, "0000000000000003 0000000000000002", "ends before it starts"},
		{chunks64, "0000000000000003 ffffffffffffffff", "highest chunk"},
		{chunks64, "ffffffffffffffff ffffffffffffffff", "highest chunk"},
		{bytes64, "00000000000007d0 00000000000007cf", "ends before it starts"},
		{bytes64, "0000000000000001 00000000000003e7", "start with a chunk"},
		{bytes64, "0000000000000000 ffffffffffffffff", "highest chunk"},
		{wide, "0000000000000000 ffffffffffffffff", "highest chunk"},
		{variable, "0000000000000000 00000000000003e7", "start with a chunk"},
		{none, "0000000000000000 00000000000003e7", "start with a chunk"},
		{unknown, "00000000 00000000", "unknown"},
	}
	for _, tt := range tests {
		wantRefused(t, tt.f, "03"+tt.spec, tt.reason)
		wantRefused(t, tt.f, "08"+tt.spec, tt.reason)
	}
}

// "The start and end specification are 64-bit byte offsets in the content." (RFC 7574,
// 4.1.2) The last chunk may be short, so its end need not be a chunk's.
func TestByteRangeOfShortLastChunk(t *testing.T) {
	m := decodeOne(t, bytes64, "03 00000000000007d0 00000000000007d1")
	if m.Chunks != chunk.One(2) {
		t.Errorf("bytes 2000 to 2001 are chunks %v, want 2", m.Chunks)
	}
	f := bytes64
	f.Length = 2002
	wantBytes(t, "short last chunk", f.AppendSpec(nil, chunk.One(2)), "00000000000007d0 00000000000007d1")
	wantBytes(t, "whole content", f.AppendSpec(nil, chunk.Range{Start: 0, End: 3}), "0000000000000000 00000000000007d1")
	wantBytes(t, "full chunk", f.AppendSpec(nil, chunk.One(1)), "00000000000003e8 00000000000007cf")
	wantBytes(t, "beyond the content", f.AppendSpec(nil, chunk.One(3)), "0000000000000bb8 0000000000000f9f")
}

func TestFits(t *testing.T) {
	for _, f := range allFormats {
		last := f.MaxChunk()
		if !f.Fits(chunk.One(last)) {
			t.Errorf("%v: chunk %d does not fit, but MaxChunk is that", f.Addressing, last)
		}
		if spec := f.AppendSpec(nil, chunk.One(last)); len(spec) != f.SpecSize() {
			t.Errorf("%v: the highest chunk is %x on the wire", f.Addressing, spec)
		}
		over := chunk.Range{Start: last, End: last + 2}
		if f.Fits(over) || f.Fits(chunk.Range{}) || f.Fits(chunk.Range{Start: 9, End: 3}) {
			t.Errorf("%v: a range fits that is empty or goes beyond %d", f.Addressing, last)
		}
		prefix := []byte{1, 2, 3}
		for _, r := range []chunk.Range{over, {}, {Start: 9, End: 3}} {
			hash, signature := make([]byte, f.HashSize), make([]byte, f.SignatureSize)
			for _, got := range [][]byte{
				f.AppendSpec(prefix, r), f.AppendHave(prefix, r), f.AppendAck(prefix, r, 1),
				f.AppendRequest(prefix, r), f.AppendCancel(prefix, r), f.AppendIntegrity(prefix, r, hash),
				f.AppendSignedIntegrity(prefix, r, 1, signature), f.AppendData(prefix, math.MaxUint64, 1, hash),
				f.AppendDataHeader(prefix, math.MaxUint64, 1),
			} {
				wantBytes(t, "message that can't be", got, "010203")
			}
		}
	}
	for _, f := range []Format{{Addressing: 5}, {Addressing: ppsp.ByteRanges64}, {Addressing: ppsp.ByteRanges64, ChunkSize: VariableChunks}} {
		if f.MaxChunk() != 0 || f.Fits(chunk.One(0)) {
			t.Errorf("%v with chunks of %d can name chunk 0", f.Addressing, f.ChunkSize)
		}
	}
}

// "A bin consists of a single integer" (RFC 7574, 8.5): a range that is none takes several.
func TestRangesInBins(t *testing.T) {
	r := chunk.Range{Start: 1, End: 7} // bins 2, 5, 9, 12
	wantBytes(t, "HAVE", bins32.AppendHave(nil, r), "0300000002 0300000005 0300000009 030000000c")
	wantBytes(t, "REQUEST", bins32.AppendRequest(nil, r), "0800000002 0800000005 0800000009 080000000c")
	wantBytes(t, "CANCEL", bins64.AppendCancel(nil, chunk.Range{Start: 1, End: 3}), "090000000000000002 090000000000000004")
	wantBytes(t, "ACK", bins32.AppendAck(nil, chunk.Range{Start: 0, End: 3}, 7),
		"02 00000001 0000000000000007 02 00000004 0000000000000007")
	wantBytes(t, "AppendSpec", bins32.AppendSpec(nil, r), "")
	wantBytes(t, "INTEGRITY", bins32.AppendIntegrity(nil, r, make([]byte, 20)), "")
	wantBytes(t, "SIGNED_INTEGRITY", bins32.AppendSignedIntegrity(nil, r, 1, make([]byte, 64)), "")
	wantBytes(t, "HAVE of a range", chunks32.AppendHave(nil, r), "03 00000001 00000006")
}
