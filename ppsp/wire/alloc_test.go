package wire

import (
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// busyDatagram has one of each message in it.
func busyDatagram(b []byte, f Format) []byte {
	b = AppendChannel(b, 1)
	for _, m := range sampleMessages(f) {
		b = appendMessage(b, f, &m)
	}
	return b
}

// drain reads a datagram to its end and returns the number of messages, -1 for an error.
func drain(d *Decoder, m *Message, datagram []byte, f Format) int {
	d.Reset(datagram, f)
	for n := 0; ; n++ {
		ok, err := d.Next(m)
		if err != nil {
			return -1
		}
		if !ok {
			return n
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, f := range allFormats {
		datagram := busyDatagram(nil, f)
		var d Decoder
		var m Message
		allocs := testing.AllocsPerRun(100, func() {
			if n := drain(&d, &m, datagram, f); n != typeCount {
				t.Fatalf("%v: %d messages, want %d", f.Addressing, n, typeCount)
			}
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations, want 0", f.Addressing, allocs)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	hash, signature, payload := make([]byte, 20), make([]byte, 64), make([]byte, 1024)
	b := make([]byte, 0, 4096)
	for _, f := range allFormats {
		h := Handshake{SourceChannel: 1, Version: 1, MinVersion: 1, SwarmID: hash, Integrity: 1, Hash: 2, Addressing: f.Addressing, DiscardWindow: 9, Supported: Supported{0xff}, ChunkSize: 1024}
		r := chunk.Range{Start: 1, End: 30}
		allocs := testing.AllocsPerRun(100, func() {
			b = AppendHandshake(AppendChannel(b[:0], 7), &h)
			b = f.AppendHave(b, r)
			b = f.AppendAck(b, r, 1)
			b = f.AppendRequest(b, r)
			b = f.AppendCancel(b, r)
			b = f.AppendIntegrity(b, chunk.One(1), hash)
			b = f.AppendSignedIntegrity(b, chunk.One(1), 1, signature)
			b = AppendPexRes(AppendPexRes(AppendPexReq(AppendUnchoke(AppendChoke(b))), peer4), peer6)
			b = AppendPexCert(b, hash)
			b = f.AppendData(b, 1, 2, payload)
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations, want 0", f.Addressing, allocs)
		}
	}
}

func BenchmarkDecodeData(b *testing.B) {
	datagram := AppendChannel(nil, 1)
	for i := range uint64(4) {
		datagram = chunks32.AppendIntegrity(datagram, chunk.One(i), make([]byte, 20))
	}
	datagram = chunks32.AppendData(datagram, 5, 6, make([]byte, 1024))
	benchmarkDecode(b, datagram)
}

func BenchmarkDecodeAcks(b *testing.B) {
	datagram := AppendChannel(nil, 1)
	for i := range uint64(8) {
		datagram = chunks32.AppendAck(datagram, chunk.One(i), 1000)
	}
	benchmarkDecode(b, datagram)
}

func benchmarkDecode(b *testing.B, datagram []byte) {
	var d Decoder
	var m Message
	b.SetBytes(int64(len(datagram)))
	b.ReportAllocs()
	for b.Loop() {
		if drain(&d, &m, datagram, chunks32) < 0 {
			b.Fatal("does not decode")
		}
	}
}

func BenchmarkAppendData(b *testing.B) {
	payload, hash := make([]byte, 1024), make([]byte, 20)
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendChannel(buf[:0], 1)
		for i := range uint64(4) {
			buf = chunks32.AppendIntegrity(buf, chunk.One(i), hash)
		}
		buf = chunks32.AppendData(buf, 5, 6, payload)
	}
}
