package wire

import (
	"reflect"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

var (
	root20 = strings.Repeat("a1", 20)
	key65  = "0d" + strings.Repeat("b2", 64)
)

// withSwarm completes a case of a table test.
func withSwarm(t *testing.T, h Handshake, id string) Handshake {
	t.Helper()
	if id != "" {
		h.SwarmID = unhex(t, id)
	}
	return h
}

// All options in their order, with their codes and layouts (RFC 7574, 7.1 to 7.11).
func TestHandshake(t *testing.T) {
	static := HasVersion | HasMinVersion | HasSwarmID | HasIntegrity | HasHash | HasAddressing
	tests := []struct {
		name string
		h    Handshake
		id   string
		want string
	}{
		{
			"draft 10, as libswift sends it",
			Handshake{
				SourceChannel: 0x7d441870, Has: static, Version: 1, MinVersion: 1,
				Integrity: ppsp.IntegrityMerkle, Addressing: ppsp.ChunkRanges32,
			},
			root20,
			"00 7d441870 0001 0101 020014" + root20 + "0301 0400 0602 ff",
		},
		{
			"RFC 7574",
			Handshake{
				SourceChannel: 1, Has: static | HasSupported | HasChunkSize, Version: 1, MinVersion: 1,
				Integrity: ppsp.IntegrityMerkle, Hash: ppsp.SHA256, Addressing: ppsp.ChunkRanges64,
				Supported: Supported{0xd9, 0xf0}, ChunkSize: 1024,
			},
			root20,
			"00 00000001 0001 0101 020014" + root20 + "0301 0402 0604 0802d9f0 0900000400 ff",
		},
		{
			"live in 32 bits, keeping all",
			Handshake{
				SourceChannel: 2, Has: HasVersion | HasSwarmID | HasIntegrity | HasSignature | HasAddressing | HasDiscardWindow,
				Version: 1, Integrity: ppsp.IntegrityUnified, Signature: ppsp.ECDSAP256SHA256,
				Addressing: ppsp.ChunkRanges32, DiscardWindow: KeepsAll,
			},
			key65,
			"00 00000002 0001 020041" + key65 + "0303 050d 0602 07ffffffff ff",
		},
		{
			"live in 64 bits",
			Handshake{
				SourceChannel: 3, Has: HasVersion | HasAddressing | HasDiscardWindow | HasChunkSize,
				Version: 1, Addressing: ppsp.Bins64, DiscardWindow: 0xffffffff, ChunkSize: VariableChunks,
			},
			"",
			"00 00000003 0001 0603 0700000000ffffffff 09ffffffff ff",
		},
		{
			"options whose value is zero",
			Handshake{
				SourceChannel: 4, Has: HasIntegrity | HasHash | HasAddressing | HasDiscardWindow,
			},
			"",
			"00 00000004 0300 0400 0600 0700000000 ff",
		},
		{
			"numbers that nobody has registered",
			Handshake{
				SourceChannel: 5, Has: HasVersion | HasIntegrity | HasHash | HasSignature | HasAddressing,
				Version: 9, Integrity: 200, Hash: 201, Signature: 202, Addressing: 203,
			},
			"",
			"00 00000005 0009 03c8 04c9 05ca 06cb ff",
		},
		// "This closing HANDSHAKE message MUST contain an all zeros channel ID and a list of
		// protocol options. The list MUST either be empty or contain the maximum version number
		// Peer P supports" (RFC 7574, 3.1.1)
		{"closing", Handshake{}, "", "00 00000000 ff"},
		{"closing with a version", Handshake{Has: HasVersion, Version: Version}, "", "00 00000000 0001 ff"},
	}
	for _, tt := range tests {
		h := withSwarm(t, tt.h, tt.id)
		wantBytes(t, tt.name, AppendHandshake(nil, &h), tt.want)
		m := decodeOne(t, Format{}, tt.want)
		if !reflect.DeepEqual(m.Handshake, h) {
			t.Errorf("%s:\n  decoded %+v\n  want    %+v", tt.name, m.Handshake, h)
		}
		if m.Handshake.Closing() != (h.SourceChannel == 0) {
			t.Errorf("%s: Closing = %v", tt.name, m.Handshake.Closing())
		}
	}
}

// Each message is refused however many of its last bytes are missing.
func TestHandshakeTruncated(t *testing.T) {
	whole := unhex(t, "00000000 00 00000001 0001 0101 020014"+root20+"0301 0402 050d 0604 070000000000000010 0802d9f0 0900000400 ff")
	if _, err := decode(whole, Format{}); err != nil {
		t.Fatal(err)
	}
	for n := ChannelSize + 1; n < len(whole); n++ {
		if all, err := decode(whole[:n], Format{}); err == nil || len(all) != 0 {
			t.Errorf("%d of %d bytes: %d messages, %v", n, len(whole), len(all), err)
		}
	}
}

func TestHandshakeRefused(t *testing.T) {
	tests := []struct{ options, reason string }{
		// "A peer MUST conclude the list of protocol options with the end option." (7.1)
		{"0001", "end option is missing"},
		{"0001 0101 0301 0401 0602", "end option is missing"},
		{"0a01 ff", "unknown"},
		{"0001 fe01 ff", "unknown"},
		{"0001 0001 ff", "twice"},
		// "it MUST include a single swarm identifier option" (7.4)
		{"020001aa 020001bb ff", "twice"},
		{"020000 ff", "swarm ID is empty"},
		{"020259 ff", "swarm ID is too long"},
		{"02ffff ff", "swarm ID is too long"},
		{"020014 aabb ff", "ends before"},
		{"0000 ff", "reserved"},
		{"0100 ff", "reserved"},
		{"0500 ff", "reserved"},
		// "If this option is used, the Chunk Addressing Method MUST appear before it in the
		// list." (7.9)
		{"0700000010 0602 ff", "before the addressing method"},
		{"0605 0700000010 ff", "unknown width"},
		{"0602 070000 ff", "ends before"},
		{"0604 070000000010 ff", "ends before"},
		{"0800 ff", "none"},
		{"08020000 ff", "none"},
		{"0805d9f0 ff", "ends before"},
		{"0821" + strings.Repeat("ff", 33) + "ff", "256 bits"},
		{"0900000000 ff", "chunk size is 0"},
		{"09000400", "ends before"},
	}
	for _, tt := range tests {
		wantRefused(t, Format{}, "00 00000001"+tt.options, tt.reason)
	}
}

// "The list of protocol options MUST be sorted on code value (ascending) in a HANDSHAKE
// message." (RFC 7574, 7) That binds the sender; libswift, too, takes any order.
func TestHandshakeOptionsOutOfOrder(t *testing.T) {
	m := decodeOne(t, Format{}, "00 00000001 0900000400 0602 0700000020 0301 020002aabb 0101 0001 ff")
	want := Handshake{
		SourceChannel: 1, Version: 1, MinVersion: 1, SwarmID: []byte{0xaa, 0xbb}, Integrity: ppsp.IntegrityMerkle,
		Addressing: ppsp.ChunkRanges32, DiscardWindow: 32, ChunkSize: 1024,
		Has: HasVersion | HasMinVersion | HasSwarmID | HasIntegrity | HasAddressing | HasDiscardWindow | HasChunkSize,
	}
	if !reflect.DeepEqual(m.Handshake, want) {
		t.Errorf("decoded %+v, want %+v", m.Handshake, want)
	}
	wantBytes(t, "sorted", AppendHandshake(nil, &m.Handshake),
		"00 00000001 0001 0101 020002aabb 0301 0602 0700000020 0900000400 ff")
}

// A sender need not set Has for what can't be mistaken for absent, and can't send with it
// what would make no valid message.
func TestHandshakeWithoutHas(t *testing.T) {
	h := Handshake{
		SourceChannel: 1, Version: 1, MinVersion: 1, SwarmID: []byte{0xaa}, Integrity: 1, Hash: 2, Signature: 13,
		Addressing: 2, DiscardWindow: 7, Supported: Supported{0x80}, ChunkSize: 1024,
	}
	wantBytes(t, "no Has", AppendHandshake(nil, &h),
		"00 00000001 0001 0101 020001aa 0301 0402 050d 0602 0700000007 080180 0900000400 ff")

	all := Handshake{SourceChannel: 1, Has: 0xffff}
	wantBytes(t, "all of Has, no values", AppendHandshake(nil, &all), "00 00000001 0300 0400 0600 0700000000 ff")

	long := Handshake{SourceChannel: 1, SwarmID: make([]byte, ppsp.MaxSwarmID+1), Supported: Supported{0, 0}}
	wantBytes(t, "values that can't be", AppendHandshake(nil, &long), "00 00000001 ff")
	longest := Handshake{SourceChannel: 1, SwarmID: make([]byte, ppsp.MaxSwarmID)}
	b := AppendHandshake(AppendChannel(nil, 0), &longest)
	if m, err := decode(b, Format{}); err != nil || len(m[0].Handshake.SwarmID) != ppsp.MaxSwarmID {
		t.Errorf("the longest swarm ID: %v", err)
	}
}

func TestDiscardWindowWidth(t *testing.T) {
	tests := []struct {
		addressing ppsp.Addressing
		window     uint64
		want       string
		back       uint64
	}{
		{ppsp.Bins32, 5, "0600 0700000005", 5},
		{ppsp.ChunkRanges32, 0xfffffffe, "0602 07fffffffe", 0xfffffffe},
		{ppsp.ChunkRanges32, 0xffffffff, "0602 07ffffffff", KeepsAll},
		{ppsp.ChunkRanges32, 1 << 40, "0602 07ffffffff", KeepsAll},
		{ppsp.ByteRanges64, 1 << 40, "0601 070000010000000000", 1 << 40},
		{ppsp.Bins64, KeepsAll, "0603 07ffffffffffffffff", KeepsAll},
		{ppsp.ChunkRanges64, 5, "0604 070000000000000005", 5},
	}
	for _, tt := range tests {
		h := Handshake{SourceChannel: 1, Has: HasAddressing, Addressing: tt.addressing, DiscardWindow: tt.window}
		want := "00 00000001" + tt.want + "ff"
		wantBytes(t, tt.addressing.String(), AppendHandshake(nil, &h), want)
		if m := decodeOne(t, Format{}, want); m.Handshake.DiscardWindow != tt.back {
			t.Errorf("%v: window %d came as %d", tt.addressing, tt.window, m.Handshake.DiscardWindow)
		}
	}
	for _, h := range []Handshake{
		{SourceChannel: 1, DiscardWindow: 5},                                      // width unknown
		{SourceChannel: 1, DiscardWindow: 5, Has: HasDiscardWindow},               // the same
		{SourceChannel: 1, DiscardWindow: 5, Has: HasAddressing, Addressing: 200}, // the same
	} {
		if b := AppendHandshake(nil, &h); strings.Contains(string(b), "\x07") {
			t.Errorf("%+v is sent with a window of unknown width: %x", h, b)
		}
	}
}
