package wire

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// capture returns the lines of a file in testdata, which its README.md explains.
func capture(t testing.TB, name string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for s := bufio.NewScanner(z); s.Scan(); {
		lines = append(lines, s.Text())
	}
	if len(lines) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return lines
}

// generated returns the content that the captured peers exchanged.
func generated(seed uint32, n int) []byte {
	b := make([]byte, n)
	for i, x := 0, seed; i < n; i++ {
		x = x*1103515245 + 12345
		b[i] = byte(x >> 16)
	}
	return b
}

// reencode puts the messages of a datagram together again.
func reencode(datagram []byte, f Format, all []Message) []byte {
	b := AppendChannel(nil, binary.BigEndian.Uint32(datagram))
	for i := range all {
		b = appendMessage(b, f, &all[i])
	}
	return b
}

// Every datagram of other implementations decodes, and encodes to the same bytes. What
// they sent as chunks is the content, so the messages are cut where they should be.
func TestCaptures(t *testing.T) {
	tests := []struct {
		name string
		f    Format
		seed uint32
		want [typeCount]int // counted by other means
	}{
		{"vod-libswift", chunks32, 1, [typeCount]int{
			TypeHandshake: 6, TypeHave: 72, TypeRequest: 9, TypePexReq: 1, TypeIntegrity: 87, TypeData: 60, TypeAck: 60,
		}},
		{"vod-peregrine", chunks32, 1, [typeCount]int{
			TypeHandshake: 3, TypeHave: 1, TypeRequest: 16, TypeIntegrity: 86, TypeData: 60, TypeAck: 60,
		}},
		{"vod-etri", chunks32, 1, [typeCount]int{
			TypeHandshake: 2, TypeHave: 1, TypeRequest: 60, TypePexReq: 1, TypeIntegrity: 122, TypeData: 60, TypeAck: 60,
		}},
		{"vod-etri-sha256", Format{Addressing: ppsp.ChunkRanges32, ChunkSize: 1024, HashSize: 32}, 1, [typeCount]int{TypeHandshake: 1}},
		{"live-libswift", chunks32, 2, [typeCount]int{
			TypeHandshake: 3, TypeHave: 231, TypeRequest: 42, TypePexReq: 6, TypeIntegrity: 388, TypeSignedIntegrity: 7,
			TypeData: 224, TypeAck: 224,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := generated(tt.seed, 1<<20)
			var got [typeCount]int
			for n, line := range capture(t, tt.name) {
				datagram := unhex(t, line[1:])
				all, err := decode(datagram, tt.f)
				if err != nil {
					t.Fatalf("datagram %d: %v", n, err)
				}
				if again := reencode(datagram, tt.f, all); !bytes.Equal(again, datagram) {
					t.Fatalf("datagram %d\n  was %x\n  now %x", n, datagram, again)
				}
				for _, m := range all {
					got[m.Type]++
					at := m.Chunks.Start * 1024
					if m.Type == TypeData && !bytes.Equal(m.Payload, content[at:at+1024]) {
						t.Fatalf("datagram %d: chunk %d differs", n, m.Chunks.Start)
					}
				}
			}
			if got != tt.want {
				t.Errorf("messages of each type: %v, want %v", got, tt.want)
			}
		})
	}
}

// What libswift sends live: a munro's hash, its signature, then chunks (RFC 7574, 6.1.2).
func TestCaptureSignedIntegrity(t *testing.T) {
	for _, line := range capture(t, "live-libswift") {
		all, err := decode(unhex(t, line[1:]), chunks32)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range all {
			if m.Type != TypeSignedIntegrity {
				continue
			}
			if len(m.Payload) != 64 || m.Chunks.Len() != 32 || m.Time>>48 != 0x0006 {
				t.Errorf("signature of %d bytes over %v at %x", len(m.Payload), m.Chunks, m.Time)
			}
			if i == 0 || all[i-1].Type != TypeIntegrity || all[i-1].Chunks != m.Chunks {
				t.Errorf("the munro of %v does not come before its signature", m.Chunks)
			}
		}
	}
}

// Handshakes in all states of disorder, and libswift's answers to them.
func TestProbes(t *testing.T) {
	refused := map[string]string{ // by the letter of the probe and the direction
		"N>": "the end option is missing",
		"O>": truncated, // the handshake of before the IETF
		"O<": "reserved",
	}
	letter := ""
	for _, line := range capture(t, "probe-libswift") {
		if strings.HasPrefix(line, "#") {
			letter = line[2:3]
			continue
		}
		which := letter + line[:1]
		datagram := unhex(t, line[1:])
		all, err := decode(datagram, chunks32)
		if reason := refused[which]; reason != "" {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: error %v, want %q", which, err, reason)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", which, err)
			continue
		}
		if again := reencode(datagram, chunks32, all); !bytes.Equal(again, datagram) && which != "J>" {
			t.Errorf("%s\n  was %x\n  now %x", which, datagram, again)
		}
		if which == "J>" { // options out of order come out sorted: as in A
			h := all[0].Handshake
			if len(h.SwarmID) != 20 || h.Addressing != ppsp.ChunkRanges32 || h.SourceChannel != 0x01020304 {
				t.Errorf("J: handshake %+v", h)
			}
		}
	}
}
