package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// fuzzFormat makes a Format of three bytes, unusual ones included.
func fuzzFormat(addressing, chunkSize, sizes uint8) Format {
	return Format{
		Addressing:    ppsp.Addressing(addressing % 6),
		ChunkSize:     [8]uint32{0, 1, 7, 16, 1000, 1024, 8192, VariableChunks}[chunkSize%8],
		HashSize:      [4]int{0, 20, 32, 64}[sizes%4],
		SignatureSize: [4]int{0, 64, 96, 256}[sizes/4%4],
	}
}

// canonical is what survives encoding: a byte range is encoded with its last chunk whole,
// and an IPv4-mapped address as the IPv4 address.
func canonical(m Message, f Format) Message {
	if f.Addressing == ppsp.ByteRanges64 {
		m.Spec = nil
	}
	if m.Type == TypePexResV6 && m.Peer.Addr().Is4() {
		m.Type = TypePexResV4
	}
	return m
}

// checkMessage tests what the doc comments of Message promise.
func checkMessage(t *testing.T, f Format, m *Message) {
	t.Helper()
	switch m.Type {
	case TypeData, TypeIntegrity, TypeSignedIntegrity, TypePexResCert:
		if len(m.Payload) == 0 {
			t.Fatalf("%v without payload", m.Type)
		}
	}
	switch m.Type {
	case TypeData, TypeAck, TypeHave, TypeIntegrity, TypeSignedIntegrity, TypeRequest, TypeCancel:
		if !f.Fits(m.Chunks) {
			t.Fatalf("%v of chunks %v, which don't fit", m.Type, m.Chunks)
		}
	}
	if m.Type == TypeData && m.Chunks.Len() != 1 {
		t.Fatalf("DATA of %v", m.Chunks)
	}
	if m.Peer.Addr().Is4In6() {
		t.Fatalf("%v names %v", m.Type, m.Peer)
	}
}

// FuzzDecode: nothing panics, every message costs at least a byte, and what decodes
// encodes to what decodes to the same.
func FuzzDecode(f *testing.F) {
	for i, format := range allFormats {
		b := AppendChannel(nil, 1)
		for _, m := range sampleMessages(format) {
			b = appendMessage(b, format, &m)
		}
		f.Add(b, uint8(format.Addressing), uint8(4+i%2), uint8(5))
	}
	for _, name := range []string{"vod-libswift", "live-libswift"} {
		for _, line := range capture(f, name)[:40] {
			f.Add(unhex(f, line[1:]), uint8(ppsp.ChunkRanges32), uint8(5), uint8(5))
		}
	}
	for _, line := range capture(f, "probe-libswift") {
		if !strings.HasPrefix(line, "#") {
			f.Add(unhex(f, line[1:]), uint8(ppsp.ChunkRanges32), uint8(5), uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, datagram []byte, addressing, chunkSize, sizes uint8) {
		format := fuzzFormat(addressing, chunkSize, sizes)
		all, err := decode(datagram, format)
		if len(all) > len(datagram) {
			t.Fatalf("%d messages in %d bytes", len(all), len(datagram))
		}
		if e, ok := err.(*Error); err != nil && (!ok || e.Offset < ChannelSize || e.Offset >= len(datagram) || e.Reason == "") {
			t.Fatalf("error %#v in %d bytes", err, len(datagram))
		}
		b := AppendChannel(nil, 7)
		for i := range all {
			checkMessage(t, format, &all[i])
			before := len(b)
			if b = appendMessage(b, format, &all[i]); len(b) == before {
				t.Fatalf("%v decodes but does not encode: %+v", all[i].Type, all[i])
			}
		}
		again, err := decode(b, format)
		if err != nil || len(again) != len(all) {
			t.Fatalf("%d messages, then %d, %v", len(all), len(again), err)
		}
		for i := range all {
			if was, now := canonical(all[i], format), canonical(again[i], format); !reflect.DeepEqual(was, now) {
				t.Fatalf("message %d\n  was %+v\n  now %+v", i, was, now)
			}
		}
		if c := reencode(append(make([]byte, 4), b[4:]...), format, again); !bytes.Equal(b[4:], c[4:]) {
			t.Fatalf("encoding is not stable:\n  %x\n  %x", b, c)
		}
	})
}

// FuzzHandshake: whatever a program puts in a Handshake, peers can read it, and they read
// what AppendHandshake says it sends.
func FuzzHandshake(f *testing.F) {
	f.Add(uint32(1), uint16(0x3ff), uint8(1), uint8(1), []byte("swarm"), uint8(1), uint8(2), uint8(13), uint8(2), uint64(77), []byte{0xff, 0xfc}, uint32(1024))
	f.Add(uint32(0), uint16(0), uint8(0), uint8(0), []byte(nil), uint8(0), uint8(0), uint8(0), uint8(0), uint64(0), []byte(nil), uint32(0))
	f.Add(uint32(9), uint16(0xffff), uint8(0), uint8(0), make([]byte, 700), uint8(0), uint8(9), uint8(0), uint8(9), KeepsAll, make([]byte, 40), VariableChunks)
	f.Fuzz(func(t *testing.T, channel uint32, has uint16, version, minVersion uint8, id []byte,
		integrity, hash, signature, addressing uint8, window uint64, supported []byte, chunkSize uint32,
	) {
		h := Handshake{
			SourceChannel: channel, Has: Options(has), Version: version, MinVersion: minVersion, SwarmID: id,
			Integrity: ppsp.Integrity(integrity), Hash: ppsp.Hash(hash), Signature: ppsp.Signature(signature),
			Addressing: ppsp.Addressing(addressing), DiscardWindow: window, Supported: supported, ChunkSize: chunkSize,
		}
		b := AppendHandshake(AppendChannel(nil, 0), &h)
		all, err := decode(b, Format{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v is sent as %x: %v", h, b, err)
		}
		got := all[0].Handshake
		if got.Has != h.present() || got.SourceChannel != channel || got.Version != version || got.ChunkSize != chunkSize {
			t.Fatalf("sent %+v, came %+v", h, got)
		}
		if got.Has&HasSwarmID != 0 && !bytes.Equal(got.SwarmID, id) {
			t.Fatalf("swarm ID %x came as %x", id, got.SwarmID)
		}
		for typ := range 256 {
			if got.Has&HasSupported != 0 && got.Supported.Has(Type(typ)) != h.Supported.Has(Type(typ)) && typ < maxSupported*8 {
				t.Fatalf("support of %v changed from %x to %x", Type(typ), supported, got.Supported)
			}
		}
		if again := AppendHandshake(AppendChannel(nil, 0), &got); !bytes.Equal(again, b) {
			t.Fatalf("sent %x, sent again %x", b, again)
		}
	})
}
