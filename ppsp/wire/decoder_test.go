package wire

import (
	"errors"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

func TestDecoderZeroValueIsDry(t *testing.T) {
	var d Decoder
	var m Message
	if ok, err := d.Next(&m); ok || err != nil {
		t.Errorf("Next = %v, %v", ok, err)
	}
	for _, datagram := range [][]byte{nil, {1}, {1, 2, 3, 4}} {
		d.Reset(datagram, chunks32)
		if ok, err := d.Next(&m); ok || err != nil {
			t.Errorf("%d bytes: Next = %v, %v", len(datagram), ok, err)
		}
	}
}

// RFC 7574, 8.2, Table 7: 14-254 are unassigned, 255 is reserved.
func TestUnknownTypes(t *testing.T) {
	for typ := 14; typ < 256; typ++ {
		_, err := decode([]byte{0, 0, 0, 1, byte(typ), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, chunks32)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Type != Type(typ) || e.Offset != 4 {
			t.Errorf("type %d: %v", typ, err)
		}
	}
}

// "If an invalid message is found in a datagram, the remaining messages MUST be discarded."
// (RFC 7574, 3) Those before it hold.
func TestErrorStopsTheDatagram(t *testing.T) {
	b := AppendChannel(nil, 1)
	b = AppendChoke(b)
	b = chunks32.AppendHave(b, chunk.One(5))
	bad := len(b)
	b = append(b, unhex(t, "03 00000009 00000008")...)
	b = AppendUnchoke(b)

	var d Decoder
	var m Message
	d.Reset(b, chunks32)
	for _, typ := range []Type{TypeChoke, TypeHave} {
		if ok, err := d.Next(&m); !ok || err != nil || m.Type != typ {
			t.Fatalf("Next = %v, %v with %v, want %v", ok, err, m.Type, typ)
		}
	}
	for range 3 {
		ok, err := d.Next(&m)
		e, is := err.(*Error)
		if ok || !is || e.Offset != bad || e.Type != TypeHave {
			t.Fatalf("Next = %v, %v, want an error at byte %d", ok, err, bad)
		}
		if want := "HAVE at byte 14: the chunk range ends before it starts"; e.Error() != want {
			t.Errorf("error %q, want %q", e, want)
		}
	}
	d.Reset(AppendChoke(make([]byte, 4)), chunks32)
	if ok, err := d.Next(&m); !ok || err != nil {
		t.Errorf("after Reset: %v, %v", ok, err)
	}
}

// "A HANDSHAKE message MUST always be the first message in a datagram." (RFC 7574, 3.1)
func TestHandshakeComesFirst(t *testing.T) {
	closing := AppendHandshake(nil, &Handshake{})
	b := append(AppendChoke(make([]byte, 4)), closing...)
	if all, err := decode(b, chunks32); len(all) != 1 || err == nil {
		t.Errorf("behind a CHOKE: %d messages, %v", len(all), err)
	}
	b = append(append(make([]byte, 4), closing...), closing...)
	if all, err := decode(b, chunks32); len(all) != 1 || err == nil {
		t.Errorf("twice: %d messages, %v", len(all), err)
	}
}

// Until the HANDSHAKE is read nobody knows the swarm, hence how to read the rest.
func TestSetFormat(t *testing.T) {
	b := AppendHandshake(make([]byte, 4), &Handshake{SourceChannel: 1, Version: 1})
	b = chunks64.AppendHave(b, chunk.Range{Start: 1 << 40, End: 1 << 41})
	var d Decoder
	var m Message
	d.Reset(b, Format{})
	if ok, err := d.Next(&m); !ok || err != nil || m.Type != TypeHandshake {
		t.Fatalf("Next = %v, %v", ok, err)
	}
	d.SetFormat(chunks64)
	if ok, err := d.Next(&m); !ok || err != nil || m.Chunks != (chunk.Range{Start: 1 << 40, End: 1 << 41}) {
		t.Errorf("Next = %v, %v, %v", ok, err, m.Chunks)
	}
	if len(m.Spec) != chunks64.SpecSize() {
		t.Errorf("the specification is %x", m.Spec)
	}
	if ok, err := d.Next(&m); ok || err != nil {
		t.Errorf("at the end: Next = %v, %v", ok, err)
	}
	if m.Handshake.SourceChannel != 0 {
		t.Error("the next message still holds the handshake")
	}
}

// Every prefix of a datagram is the messages before the cut, then an error or nothing.
func TestTruncatedDatagrams(t *testing.T) {
	for _, f := range allFormats {
		b := AppendChannel(nil, 1)
		ends := map[int]int{len(b): 0} // length of the datagram to number of messages
		for i, m := range sampleMessages(f) {
			b = appendMessage(b, f, &m)
			ends[len(b)] = i + 1
		}
		whole := 0
		for n := ChannelSize; n < len(b); n++ { // DATA, the last, may end anywhere
			all, err := decode(b[:n], f)
			if k, ok := ends[n]; ok {
				whole = k
				if err != nil {
					t.Errorf("%v: %d messages in %d bytes: %v", f.Addressing, k, n, err)
				}
			}
			if len(all) != whole && whole < len(ends)-2 {
				t.Errorf("%v: %d messages in %d bytes, want %d", f.Addressing, len(all), n, whole)
			}
			if _, ok := ends[n]; !ok && err == nil && whole < len(ends)-2 {
				t.Errorf("%v: %d bytes end within a message, and no error", f.Addressing, n)
			}
		}
	}
}

// sampleMessages has one of each type, in an order that a datagram can have.
func sampleMessages(f Format) []Message {
	r := chunk.Range{Start: 4, End: 8}
	return []Message{
		{Type: TypeHandshake, Handshake: Handshake{SourceChannel: 9, Version: 1, SwarmID: []byte("swarm"), Addressing: f.Addressing}},
		{Type: TypeHave, Chunks: r},
		{Type: TypeAck, Chunks: r, Time: 1234},
		{Type: TypeRequest, Chunks: r},
		{Type: TypeCancel, Chunks: r},
		{Type: TypePexReq},
		{Type: TypePexResV4, Peer: peer4},
		{Type: TypePexResV6, Peer: peer6},
		{Type: TypePexResCert, Payload: []byte("certificate")},
		{Type: TypeChoke},
		{Type: TypeUnchoke},
		{Type: TypeIntegrity, Chunks: r, Payload: make([]byte, f.HashSize)},
		{Type: TypeSignedIntegrity, Chunks: r, Time: 5, Payload: make([]byte, f.SignatureSize)},
		{Type: TypeData, Chunks: chunk.One(5), Time: 6, Payload: []byte("payload")},
	}
}
