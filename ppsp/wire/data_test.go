package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// "where the first octet is the DATA message (0x01) followed by the start chunk and the
// end chunk describing the single chunk, the timestamp, and the actual data." (RFC 7574,
// 8.6)
func TestData(t *testing.T) {
	const want = "01 00000007 00000007 0004e94180b7db44 48656c6c6f"
	wantBytes(t, "AppendData", chunks32.AppendData(nil, 7, 0x0004e94180b7db44, []byte("Hello")), want)
	wantBytes(t, "AppendDataHeader", chunks32.AppendDataHeader(nil, 7, 0x0004e94180b7db44), strings.TrimSuffix(want, " 48656c6c6f"))
	m := decodeOne(t, chunks32, want)
	if m.Type != TypeData || m.Chunks != chunk.One(7) || m.Time != 0x0004e94180b7db44 || string(m.Payload) != "Hello" {
		t.Errorf("decoded %+v", m)
	}
}

func TestDataInAllFormats(t *testing.T) {
	for _, f := range allFormats {
		b := f.AppendData(AppendChannel(nil, 1), 3, 99, []byte("x"))
		if want := ChannelSize + f.Size(TypeData) + 1; len(b) != want {
			t.Errorf("%v: %d bytes, want %d", f.Addressing, len(b), want)
		}
		all, err := decode(b, f)
		if err != nil || len(all) != 1 || all[0].Chunks != chunk.One(3) || all[0].Time != 99 || string(all[0].Payload) != "x" {
			t.Errorf("%v: decoded %+v, %v", f.Addressing, all, err)
		}
	}
}

func TestDataRefused(t *testing.T) {
	const clock = "0004e94180b7db44"
	wantRefused(t, chunks32, "01", "ends before")
	wantRefused(t, chunks32, "01 00000007 00000007 0004e94180b7db", "ends before")
	wantRefused(t, chunks32, "01 00000007 00000007"+clock, "empty")
	wantRefused(t, chunks32, "01 00000007 00000008"+clock+"ff", "more than one chunk")
	wantRefused(t, chunks32, "01 00000007 00000006"+clock+"ff", "ends before it starts")
	wantRefused(t, bins32, "01 00000001"+clock+"ff", "more than one chunk")
	wantBytes(t, "empty chunk", chunks32.AppendData([]byte{1}, 7, 1, nil), "01")
}

// "A datagram MAY contain multiple DATA messages when the chunk size is fixed and when none
// of the DATA messages carry the last chunk, if that is smaller than the chunk size."
// (RFC 7574, 8.6)
func TestSeveralDataInOneDatagram(t *testing.T) {
	f := chunks32
	f.ChunkSize = 4
	b := AppendChannel(nil, 1)
	b = f.AppendIntegrity(b, chunk.One(1), bytes.Repeat([]byte{9}, 20))
	b = f.AppendData(b, 0, 5, []byte("abcd"))
	b = f.AppendHave(b, chunk.One(8))
	b = f.AppendData(b, 1, 6, []byte("efgh"))
	b = f.AppendData(b, 2, 7, []byte("ij"))
	all, err := decode(b, f)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, m := range all {
		got.WriteString(m.Type.String() + " ")
		if m.Type == TypeData {
			got.WriteString(string(m.Payload) + " ")
		}
	}
	if want := "INTEGRITY DATA abcd HAVE DATA efgh DATA ij "; got.String() != want {
		t.Errorf("decoded %s, want %s", got.String(), want)
	}
}

// With variable chunks nothing tells where one ends, so it is all there is.
func TestDataOfVariableSize(t *testing.T) {
	for _, size := range []uint32{0, VariableChunks} {
		f := Format{Addressing: ppsp.ChunkRanges32, ChunkSize: size}
		payload := bytes.Repeat([]byte{3}, 5000)
		all, err := decode(f.AppendData(make([]byte, 4), 0, 0, payload), f)
		if err != nil || len(all) != 1 || !bytes.Equal(all[0].Payload, payload) {
			t.Errorf("chunk size %d: %d messages, %v", size, len(all), err)
		}
	}
}

// A chunk longer than the swarm's chunks is cut, and what is too much is no message.
func TestDataTooLong(t *testing.T) {
	b := chunks32.AppendData(make([]byte, 4), 0, 0, bytes.Repeat([]byte{0xee}, 1025))
	all, err := decode(b, chunks32)
	if len(all) != 1 || len(all[0].Payload) != 1024 {
		t.Errorf("%d messages, want one chunk of 1024 bytes", len(all))
	}
	if err == nil || !strings.Contains(err.Error(), "at byte 1045") {
		t.Errorf("error %v, want one at byte 1045", err)
	}
}

// Chunks taken out of a datagram must not be able to grow over what follows.
func TestSlicesAreCapped(t *testing.T) {
	f := chunks32
	f.ChunkSize = 4
	b := f.AppendData(make([]byte, 4), 0, 0, []byte("abcd"))
	b = f.AppendSignedIntegrity(b, chunk.One(0), 1, make([]byte, 64))
	b = f.AppendIntegrity(b, chunk.One(0), make([]byte, 20))
	b = AppendPexCert(b, []byte("certificate"))
	b = AppendChoke(b)
	all, err := decode(b, f)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d messages, %v", len(all), err)
	}
	for _, m := range all {
		if cap(m.Payload) != len(m.Payload) || cap(m.Spec) != len(m.Spec) {
			t.Errorf("%v: slices have capacity %d and %d beyond their length", m.Type, cap(m.Payload), cap(m.Spec))
		}
	}
}

// "where the first octet is the ACK message (0x02) followed by the start chunk and the end
// chunk describing the chunk range and the one-way delay sample." (RFC 7574, 8.7)
func TestAck(t *testing.T) {
	const want = "02 00000002 00000005 00000000000186a0"
	wantBytes(t, "AppendAck", chunks32.AppendAck(nil, chunk.Range{Start: 2, End: 6}, 100_000), want)
	m := decodeOne(t, chunks32, want)
	if m.Type != TypeAck || m.Chunks != (chunk.Range{Start: 2, End: 6}) || m.Time != 100_000 || m.Payload != nil {
		t.Errorf("decoded %+v", m)
	}
	wantRefused(t, chunks32, "02 00000002 00000005 000000000001", "ends before")
	wantRefused(t, chunks32, "02 00000002 00000001 00000000000186a0", "ends before it starts")
}

func TestHaveRequestCancel(t *testing.T) {
	r := chunk.Range{Start: 2, End: 6}
	tests := []struct {
		typ    Type
		append func([]byte, chunk.Range) []byte
		want   string
	}{
		{TypeHave, chunks32.AppendHave, "03 00000002 00000005"},
		{TypeRequest, chunks32.AppendRequest, "08 00000002 00000005"},
		{TypeCancel, chunks32.AppendCancel, "09 00000002 00000005"},
	}
	for _, tt := range tests {
		wantBytes(t, tt.typ.String(), tt.append(nil, r), tt.want)
		if m := decodeOne(t, chunks32, tt.want); m.Type != tt.typ || m.Chunks != r {
			t.Errorf("decoded %v of %v", m.Type, m.Chunks)
		}
		wantRefused(t, chunks32, tt.want[:len(tt.want)-2], "ends before")
		wantRefused(t, chunks32, tt.want[:2]+"00000002 00000001", "ends before it starts")
	}
}
