package wire

import "testing"

// "An example of the first 16 bits of the compressed bitmap for a peer supporting every
// message except ACKs and PEXs is 11011001 11110000." (RFC 7574, 7.10)
func TestSupportedExample(t *testing.T) {
	s := NewSupported(TypeHandshake, TypeData, TypeHave, TypeIntegrity, TypeSignedIntegrity,
		TypeRequest, TypeCancel, TypeChoke, TypeUnchoke)
	if len(s) != 2 || s[0] != 0b11011001 || s[1] != 0b11110000 {
		t.Errorf("bitmap %08b, want 11011001 11110000", []byte(s))
	}
	for typ := range Type(typeCount) {
		want := true
		switch typ {
		case TypeAck, TypePexReq, TypePexResV4, TypePexResV6, TypePexResCert:
			want = false
		}
		if s.Has(typ) != want {
			t.Errorf("Has(%v) = %v", typ, s.Has(typ))
		}
	}
}

func TestSupportedAll(t *testing.T) {
	var absent Supported
	for _, typ := range []Type{TypeHandshake, TypePexResCert, 14, 255} {
		if !absent.Has(typ) {
			t.Errorf("without the option, %v is not supported", typ)
		}
	}
	var types []Type
	for typ := range Type(typeCount) {
		types = append(types, typ)
	}
	wantBytes(t, "all messages", NewSupported(types...), "fffc")
	wantBytes(t, "none but HANDSHAKE", NewSupported(), "80")
}

// "The set of messages supported can be derived from the compressed bitmap by padding it
// with bytes of value 0 until it is 256 bits in length." (RFC 7574, 7.10)
func TestSupportedPadding(t *testing.T) {
	short := Supported{0xff}
	if !short.Has(7) || short.Has(8) || short.Has(255) {
		t.Error("a short bitmap is not padded with zeros")
	}
	last := NewSupported(255)
	if len(last) != 32 || !last.Has(255) || last.Has(254) {
		t.Errorf("bitmap for type 255 is %x", []byte(last))
	}
	// "truncate it to the last non-zero byte": done for peers that did not.
	m := decodeOne(t, Format{}, "00 00000001 0804f6f00000 ff")
	wantBytes(t, "trimmed", m.Handshake.Supported, "f6f0")
	h := Handshake{SourceChannel: 1, Supported: Supported{0xf6, 0xf0, 0, 0}}
	wantBytes(t, "sent trimmed", AppendHandshake(nil, &h), "00 00000001 0802f6f0 ff")
	full := decodeOne(t, Format{}, "00 00000001 0820"+
		"ff00000000000000000000000000000000000000000000000000000000000001 ff")
	if len(full.Handshake.Supported) != 32 || !full.Handshake.Supported.Has(255) {
		t.Errorf("a full bitmap came as %x", []byte(full.Handshake.Supported))
	}
}
