package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// "where the first octet is the INTEGRITY message (0x04) followed by the start chunk and
// the end chunk describing the chunk range and the hash." (RFC 7574, 8.8, with SHA-256)
func TestIntegrity(t *testing.T) {
	f := NewFormat(ppsp.StaticDefaults("root"), 0)
	hash := bytes.Repeat([]byte{0xab}, 32)
	want := "04 00000000 0000001f" + strings.Repeat("ab", 32)
	wantBytes(t, "AppendIntegrity", f.AppendIntegrity(nil, chunk.Range{Start: 0, End: 32}, hash), want)
	m := decodeOne(t, f, want)
	if m.Type != TypeIntegrity || m.Chunks != (chunk.Range{Start: 0, End: 32}) || !bytes.Equal(m.Payload, hash) {
		t.Errorf("decoded %+v", m)
	}
	wantRefused(t, f, want[:len(want)-2], "ends before")
	wantRefused(t, f, "04 00000001 00000000"+strings.Repeat("ab", 32), "ends before it starts")
}

func TestIntegrityNeedsHashes(t *testing.T) {
	f := Format{Addressing: ppsp.ChunkRanges32}
	wantRefused(t, f, "04 00000000 0000001f", noHashes)
	f.HashSize = -20
	wantRefused(t, f, "04 00000000 0000001f", noHashes)
	for _, n := range []int{0, 19, 21, 32} {
		wantBytes(t, "hash of a wrong length", chunks32.AppendIntegrity([]byte{7}, chunk.One(0), make([]byte, n)), "07")
		wantBytes(t, "hash where there are none", Format{Addressing: ppsp.ChunkRanges32}.AppendIntegrity([]byte{7}, chunk.One(0), make([]byte, n)), "07")
	}
}

// "where the first octet is the SIGNED_INTEGRITY message (0x07) followed by the start chunk
// and the end chunk describing the chunk range, the timestamp, and the Signature." "For
// these algorithms [ECDSAP256SHA256 and ECDSAP384SHA384], the length of the digital
// signature is 64 and 96 bytes, respectively." (RFC 7574, 8.9)
func TestSignedIntegrity(t *testing.T) {
	for _, size := range []int{64, 96, 256} {
		f := chunks32
		f.SignatureSize = size
		signature := bytes.Repeat([]byte{0xcd}, size)
		want := "07 00000020 0000003f ee2900014000beef" + strings.Repeat("cd", size)
		r := chunk.Range{Start: 32, End: 64}
		wantBytes(t, "AppendSignedIntegrity", f.AppendSignedIntegrity(nil, r, 0xee2900014000beef, signature), want)
		m := decodeOne(t, f, want)
		if m.Type != TypeSignedIntegrity || m.Chunks != r || m.Time != 0xee2900014000beef || !bytes.Equal(m.Payload, signature) {
			t.Errorf("decoded %+v", m)
		}
		wantBytes(t, "Spec", m.Spec, "00000020 0000003f")
		wantRefused(t, f, want[:len(want)-2], "ends before")
		wantRefused(t, f, strings.Replace(want, "0000003f", "0000001f", 1), "ends before it starts")
	}
}

func TestSignedIntegrityNeedsSignatures(t *testing.T) {
	wantRefused(t, Format{Addressing: ppsp.ChunkRanges32}, "07 00000020 0000003f ee2900014000beef", noSigning)
	for _, n := range []int{0, 63, 65} {
		wantBytes(t, "signature of a wrong length", chunks32.AppendSignedIntegrity([]byte{7}, chunk.One(0), 1, make([]byte, n)), "07")
	}
}

func TestNewFormat(t *testing.T) {
	tests := []struct {
		m    ppsp.Metadata
		sig  int
		want Format
	}{
		{ppsp.StaticDefaults("root"), 0, Format{Addressing: ppsp.ChunkRanges32, ChunkSize: 1024, HashSize: 32}},
		{ppsp.LiveDefaults("\x0dkey"), 64, Format{Addressing: ppsp.ChunkRanges32, ChunkSize: 1024, HashSize: 32, SignatureSize: 64}},
		{
			ppsp.Metadata{Integrity: ppsp.IntegritySignAll, Hash: ppsp.SHA256, Addressing: ppsp.Bins64, ChunkSize: 8192},
			96,
			Format{Addressing: ppsp.Bins64, ChunkSize: 8192, SignatureSize: 96},
		},
		{ppsp.Metadata{Integrity: ppsp.IntegrityNone, Hash: ppsp.SHA1}, 0, Format{}},
		{ppsp.Metadata{Integrity: ppsp.IntegrityMerkle, Hash: ppsp.SHA1}, 0, Format{HashSize: 20}},
	}
	for _, tt := range tests {
		if got := NewFormat(tt.m, tt.sig); got != tt.want {
			t.Errorf("NewFormat(%+v) = %+v, want %+v", tt.m, got, tt.want)
		}
	}
}

// Size must tell what messages take: callers fill datagrams with it.
func TestSize(t *testing.T) {
	for _, f := range allFormats {
		hash, signature := make([]byte, f.HashSize), make([]byte, f.SignatureSize)
		for typ, b := range map[Type][]byte{
			TypeHandshake:       AppendHandshake(nil, &Handshake{}),
			TypeData:            f.AppendDataHeader(nil, 1, 2),
			TypeAck:             f.AppendAck(nil, chunk.One(1), 2),
			TypeHave:            f.AppendHave(nil, chunk.One(1)),
			TypeIntegrity:       f.AppendIntegrity(nil, chunk.One(1), hash),
			TypePexResV4:        AppendPexRes(nil, peer4),
			TypePexReq:          AppendPexReq(nil),
			TypeSignedIntegrity: f.AppendSignedIntegrity(nil, chunk.One(1), 2, signature),
			TypeRequest:         f.AppendRequest(nil, chunk.One(1)),
			TypeCancel:          f.AppendCancel(nil, chunk.One(1)),
			TypeChoke:           AppendChoke(nil),
			TypeUnchoke:         AppendUnchoke(nil),
			TypePexResV6:        AppendPexRes(nil, peer6),
			TypePexResCert:      AppendPexCert(nil, []byte{1})[:3],
		} {
			if f.Size(typ) != len(b) || len(b) == 0 || Type(b[0]) != typ {
				t.Errorf("%v, %v: Size is %d, the message %x", f.Addressing, typ, f.Size(typ), b)
			}
		}
		if f.Size(14) != 0 || f.Size(255) != 0 {
			t.Error("unknown types have a size")
		}
	}
}
