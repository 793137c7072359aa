package ppsp

import (
	"strings"
	"testing"
)

func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	film := StaticDefaults(swarmID(t, filmID))
	live := LiveDefaults(swarmID(t, liveID))
	// RFC 7574, 7.5: "The "Merkle Hash Tree" method is the default for static content [...]
	// with "Unified Merkle Tree" being the default" for live content.
	if film.Integrity != IntegrityMerkle || live.Integrity != IntegrityUnified {
		t.Errorf("integrity %v, %v", film.Integrity, live.Integrity)
	}
	for _, m := range []Metadata{film, live} {
		// RFC 7574, 7.6: "SHA-256 is the default."
		if m.Hash != 2 {
			t.Errorf("%v: hash %v", m.Kind(), m.Hash)
		}
		// RFC 7574, 7.8: "Default is "32-bit chunk ranges"."
		if m.Addressing != 2 {
			t.Errorf("%v: addressing %v", m.Kind(), m.Addressing)
		}
		if m.ChunkSize != 1024 {
			t.Errorf("%v: chunk size %d", m.Kind(), m.ChunkSize)
		}
		if err := m.Validate(); err != nil {
			t.Errorf("%v: %v", m.Kind(), err)
		}
	}
	// RFC 7574, 11.1.1: "Note the swarm ID already contains the Live Signature Algorithm
	// used, in case of a live stream."
	if live.Signature != ECDSAP256SHA256 || film.Signature != 0 {
		t.Errorf("signature %v, %v", live.Signature, film.Signature)
	}
}

func TestKindFollowsIntegrity(t *testing.T) {
	for _, c := range []struct {
		integrity Integrity
		signature Signature
		want      Kind
	}{
		{IntegrityMerkle, 0, Film},
		{IntegrityNone, 0, Film},
		{IntegrityNone, RSASHA256, Live},
		{IntegritySignAll, RSASHA256, Live},
		{IntegrityUnified, RSASHA256, Live},
	} {
		if got := (Metadata{Integrity: c.integrity, Signature: c.signature}).Kind(); got != c.want {
			t.Errorf("%v with signature %d: %v, want %v", c.integrity, c.signature, got, c.want)
		}
	}
}

func TestMetadataValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Metadata)
		want   string
	}{
		{"no swarm ID", func(m *Metadata) { m.SwarmID = "" }, "want 1 to 600"},
		{"long swarm ID", func(m *Metadata) { m.SwarmID = SwarmID(strings.Repeat("a", MaxSwarmID+1)) }, "want 1 to 600"},
		{"integrity", func(m *Metadata) { m.Integrity = 4 }, "integrity method 4 is unknown"},
		{"hash", func(m *Metadata) { m.Hash = 5 }, "hash function 5 is unknown"},
		{"addressing", func(m *Metadata) { m.Addressing = 5 }, "addressing method 5 is unknown"},
		{"chunk size zero", func(m *Metadata) { m.ChunkSize = 0 }, "chunk size 0"},
		{"chunk size of 2 GB", func(m *Metadata) { m.ChunkSize = 1 << 31 }, "chunk size 2147483648 is outside 1 to 61440 bytes"},
		{"variable chunk size in bytes", func(m *Metadata) { m.ChunkSize, m.Addressing = VariableChunks, ByteRanges64 }, "variable size can't be addressed by byte64"},
		{"root of another function", func(m *Metadata) { m.Hash = SHA512 }, "a root of sha512 has 64"},
		{"film with signatures", func(m *Metadata) { m.Signature = RSASHA1 }, "no signatures"},
		{"live with another algorithm", func(m *Metadata) { *m = LiveDefaults("\x0dkey"); m.Signature = RSASHA256 }, "key of algorithm 13"},
		{"live with an unknown algorithm", func(m *Metadata) { *m = LiveDefaults("\x07key") }, "algorithm 7 is unknown"},
	} {
		m := StaticDefaults(swarmID(t, filmID))
		c.change(&m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	varies := StaticDefaults(swarmID(t, filmID))
	varies.ChunkSize = VariableChunks
	if err := varies.Validate(); err != nil || varies.LargestChunk() != MaxChunkSize {
		t.Errorf("chunks of variable size: %v, at most %d bytes", err, varies.LargestChunk())
	}
	all := Metadata{Integrity: 9, Hash: 9, Addressing: 9}
	if n := strings.Count(all.Validate().Error(), "\n") + 1; n != 5 {
		t.Errorf("Validate names %d of 5 problems: %v", n, all.Validate())
	}
}

func TestSwarmIDText(t *testing.T) {
	id := swarmID(t, strings.ToUpper(sha1ID))
	if id.String() != sha1ID || id.Short() != "47a0…b03b" {
		t.Errorf("%s, %s", id, id.Short())
	}
	if short := SwarmID("\x01\x02").Short(); short != "0102" {
		t.Errorf("short ID cut: %s", short)
	}
	for _, bad := range []string{"", "4", "zz", strings.Repeat("00", MaxSwarmID+1)} {
		if _, err := ParseSwarmID(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}
