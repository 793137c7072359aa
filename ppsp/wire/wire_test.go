package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// The formats in which the tests speak, one for each chunk addressing method.
var (
	bins32   = Format{Addressing: ppsp.Bins32, ChunkSize: 1024, HashSize: 20, SignatureSize: 64}
	bytes64  = Format{Addressing: ppsp.ByteRanges64, ChunkSize: 1000, HashSize: 20, SignatureSize: 64}
	chunks32 = Format{Addressing: ppsp.ChunkRanges32, ChunkSize: 1024, HashSize: 20, SignatureSize: 64}
	bins64   = Format{Addressing: ppsp.Bins64, ChunkSize: 1024, HashSize: 20, SignatureSize: 64}
	chunks64 = Format{Addressing: ppsp.ChunkRanges64, ChunkSize: 1024, HashSize: 20, SignatureSize: 64}

	allFormats = []Format{bins32, bytes64, chunks32, bins64, chunks64}
)

// unhex reads hexadecimal with spaces, which stand between the fields.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("bad hexadecimal in the test: %v", err)
	}
	return b
}

// decode takes a datagram apart; the messages before an error come with it.
func decode(datagram []byte, f Format) ([]Message, error) {
	var d Decoder
	d.Reset(datagram, f)
	var all []Message
	for {
		var m Message
		if ok, err := d.Next(&m); !ok {
			return all, err
		}
		all = append(all, m)
	}
}

// decodeOne reads a single message, given in hexadecimal without a channel ID.
func decodeOne(t *testing.T, f Format, s string) Message {
	t.Helper()
	all, err := decode(append(make([]byte, ChannelSize), unhex(t, s)...), f)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	if len(all) != 1 {
		t.Fatalf("%s: %d messages, want 1", s, len(all))
	}
	return all[0]
}

// wantRefused checks that a message, given in hexadecimal, is refused for a reason.
func wantRefused(t *testing.T, f Format, s, reason string) {
	t.Helper()
	all, err := decode(append(make([]byte, ChannelSize), unhex(t, s)...), f)
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s: messages %v, error %v, want an *Error", s, all, err)
		return
	}
	if len(all) != 0 || e.Offset != ChannelSize || e.Type != Type(unhex(t, s)[0]) {
		t.Errorf("%s: error %+v after %d messages, want it at the first", s, *e, len(all))
	}
	if !strings.Contains(e.Reason, reason) {
		t.Errorf("%s: reason %q, want one with %q", s, e.Reason, reason)
	}
}

// wantBytes compares an encoding with what is given in hexadecimal.
func wantBytes(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if w := unhex(t, want); !bytes.Equal(got, w) {
		t.Errorf("%s = %x, want %x", what, got, w)
	}
}

// appendMessage encodes any message; in tests every message that decodes must encode.
func appendMessage(b []byte, f Format, m *Message) []byte {
	switch m.Type {
	case TypeHandshake:
		return AppendHandshake(b, &m.Handshake)
	case TypeData:
		return f.AppendData(b, m.Chunks.Start, m.Time, m.Payload)
	case TypeAck:
		return f.AppendAck(b, m.Chunks, m.Time)
	case TypeHave:
		return f.AppendHave(b, m.Chunks)
	case TypeIntegrity:
		return f.AppendIntegrity(b, m.Chunks, m.Payload)
	case TypePexResV4, TypePexResV6:
		return AppendPexRes(b, m.Peer)
	case TypePexReq:
		return AppendPexReq(b)
	case TypeSignedIntegrity:
		return f.AppendSignedIntegrity(b, m.Chunks, m.Time, m.Payload)
	case TypeRequest:
		return f.AppendRequest(b, m.Chunks)
	case TypeCancel:
		return f.AppendCancel(b, m.Chunks)
	case TypeChoke:
		return AppendChoke(b)
	case TypeUnchoke:
		return AppendUnchoke(b)
	case TypePexResCert:
		return AppendPexCert(b, m.Payload)
	}
	return b
}

func TestChannel(t *testing.T) {
	for n := range ChannelSize {
		if id, ok := Channel(make([]byte, n)); ok {
			t.Errorf("a datagram of %d bytes has channel %d", n, id)
		}
	}
	if id, ok := Channel(unhex(t, "7d441870 06")); !ok || id != 0x7d441870 {
		t.Errorf("Channel = %x, %v", id, ok)
	}
	wantBytes(t, "AppendChannel", AppendChannel([]byte{0xff}, 0x01020304), "ff 01020304")
}

// "Keep alives do not have a message type on UDP. They are just simple datagrams
// consisting of the 4-byte channel ID of the destination only." (RFC 7574, 8.14)
func TestKeepAlive(t *testing.T) {
	all, err := decode(AppendChannel(nil, 5), chunks32)
	if err != nil || len(all) != 0 {
		t.Errorf("a keep-alive holds %v, %v", all, err)
	}
}

// RFC 7574, 8.2, Table 7.
func TestTypeNumbers(t *testing.T) {
	names := strings.Fields("HANDSHAKE DATA ACK HAVE INTEGRITY PEX_RESv4 PEX_REQ " +
		"SIGNED_INTEGRITY REQUEST CANCEL CHOKE UNCHOKE PEX_RESv6 PEX_REScert")
	types := []Type{
		TypeHandshake, TypeData, TypeAck, TypeHave, TypeIntegrity, TypePexResV4, TypePexReq,
		TypeSignedIntegrity, TypeRequest, TypeCancel, TypeChoke, TypeUnchoke, TypePexResV6, TypePexResCert,
	}
	for i, typ := range types {
		if int(typ) != i || typ.String() != names[i] {
			t.Errorf("type %d is %d, %v, want %s", i, typ, typ, names[i])
		}
	}
	if got := Type(14).String(); got != "message type 14" {
		t.Errorf("Type(14) = %q", got)
	}
}
