package main

import (
	"fmt"
	"strconv"

	"github.com/swarmgate/swarmgate/ppsp"
)

// metadataFlags say how a new swarm is made (RFC 7574, 3.1); what is left out has the
// defaults of RFC 7574, Table 8.
type metadataFlags struct {
	Hash       string    `help:"Merkle hash function: sha1, sha224, sha256, sha384, sha512. Default: sha256; sha1 for publish --profile draft10." placeholder:"NAME"`
	Addressing string    `help:"Chunk addressing: bin32, byte64, chunk32, bin64, chunk64. Default: chunk32 for films; chunk64 for live, whose numbers go on for ever." placeholder:"NAME"`
	ChunkSize  chunkSize `help:"Bytes of a chunk; for live also: variable. Default: 1024 for films, 1316 for live." placeholder:"N"`
	Integrity  string    `help:"How content is protected: merkle or none for films; unified, signall or none for live. Without protection anyone in the swarm can alter it: for closed networks only. Default: merkle, unified." placeholder:"NAME"`
}

// chunkSize is a flag with the bytes of a chunk, 0 when it was not given.
type chunkSize uint32

// minPublished is the least chunk size that is published, in bytes: "a minimum chunk size of
// 512 bytes SHOULD be used" (RFC 7574, 8.1).
const minPublished = 512

// UnmarshalText reads the flag.
func (c *chunkSize) UnmarshalText(b []byte) (err error) {
	*c, err = parseChunkSize(string(b), minPublished)
	return err
}

// foreignChunkSize is a chunkSize of a swarm that others published.
type foreignChunkSize uint32

// UnmarshalText reads the flag.
func (c *foreignChunkSize) UnmarshalText(b []byte) error {
	n, err := parseChunkSize(string(b), ppsp.MinChunkSize)
	*c = foreignChunkSize(n)
	return err
}

func parseChunkSize(s string, least uint64) (chunkSize, error) {
	if s == "variable" {
		return chunkSize(ppsp.VariableChunks), nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of bytes; write as \"1024\"", s)
	}
	if n < least || n > ppsp.MaxChunkSize {
		return 0, fmt.Errorf("%d is outside %d to %d bytes", n, least, ppsp.MaxChunkSize)
	}
	return chunkSize(n), nil
}

// film returns the metadata of a film to be published, without swarm ID.
func (m metadataFlags) film() (ppsp.Metadata, error) {
	meta := ppsp.StaticDefaults("")
	if m.ChunkSize != 0 {
		meta.ChunkSize = uint32(m.ChunkSize)
	}
	if meta.ChunkSize == ppsp.VariableChunks {
		return meta, wrongUsage("--chunk-size variable is for live streams: a film is cut evenly, so give a number, such as 1024")
	}
	switch i, err := m.integrity(ppsp.IntegrityMerkle); {
	case err != nil:
		return meta, err
	case i == ppsp.IntegritySignAll || i == ppsp.IntegrityUnified:
		return meta, wrongUsage("--integrity %s is for live streams; a film takes merkle or none", i)
	default:
		meta.Integrity = i
	}
	return m.apply(meta)
}

// live returns the metadata of a stream to be published, without swarm ID.
func (m metadataFlags) live(chunkSize uint32) (ppsp.Metadata, error) {
	meta := ppsp.LiveDefaults("")
	meta.ChunkSize = chunkSize
	meta.Addressing = ppsp.ChunkRanges64 // 32 bits last for 130 days at 4 Mbit/s
	if m.ChunkSize != 0 {
		meta.ChunkSize = uint32(m.ChunkSize)
	}
	if meta.ChunkSize%188 != 0 && meta.ChunkSize != ppsp.VariableChunks {
		return meta, wrongUsage("--chunk-size %d: a live chunk holds whole packets of 188 bytes, so take a multiple, such as 1316", meta.ChunkSize)
	}
	switch i, err := m.integrity(ppsp.IntegrityUnified); {
	case err != nil:
		return meta, err
	case i == ppsp.IntegrityMerkle:
		return meta, wrongUsage("--integrity merkle is for films, whose end is known; a live stream takes unified, signall or none")
	case i != ppsp.IntegrityUnified && m.Hash != "":
		return meta, wrongUsage("--hash %s: integrity method %s uses no hashes; leave --hash out, or take --integrity unified", m.Hash, i)
	default:
		meta.Integrity = i
	}
	return m.apply(meta)
}

// integrity returns the method that the flag names.
func (m metadataFlags) integrity(otherwise ppsp.Integrity) (ppsp.Integrity, error) {
	if m.Integrity == "" {
		return otherwise, nil
	}
	i, err := ppsp.ParseIntegrity(m.Integrity)
	if err != nil {
		return i, usageError{fmt.Errorf("--integrity: %w", err)}
	}
	return i, nil
}

func (m metadataFlags) apply(meta ppsp.Metadata) (ppsp.Metadata, error) {
	var err error
	if m.Hash != "" {
		if meta.Hash, err = ppsp.ParseHash(m.Hash); err != nil {
			return meta, usageError{fmt.Errorf("--hash: %w", err)}
		}
	}
	if m.Addressing != "" {
		if meta.Addressing, err = ppsp.ParseAddressing(m.Addressing); err != nil {
			return meta, usageError{fmt.Errorf("--addressing: %w", err)}
		}
	}
	if meta.ChunkSize == ppsp.VariableChunks && meta.Addressing == ppsp.ByteRanges64 {
		return meta, wrongUsage("--chunk-size variable can't go with --addressing byte64, which has to know where each chunk begins; take chunk64")
	}
	return meta, nil
}

// swarmFields are those of a "swarm" line.
func swarmFields(l ppsp.Link) map[string]any {
	m := l.Metadata
	fields := map[string]any{
		"link": l.String(), "swarm_id": m.SwarmID.String(), "kind": m.Kind().String(), "title": l.Title,
		"chunk_size": m.ChunkSize, "addressing": m.Addressing.String(), "integrity": m.Integrity.String(), "hash": m.Hash.String(),
	}
	if m.Kind() == ppsp.Live {
		fields["signature"] = m.Signature.String()
	}
	if l.Length > 0 && m.ChunkSize != ppsp.VariableChunks {
		size := int64(m.ChunkSize)
		fields["length"], fields["chunks"] = l.Length, (l.Length+size-1)/size
	}
	if l.Authority != "" {
		fields["authority"], fields["closed"] = l.Authority, l.Closed
	}
	if l.Duration > 0 {
		fields["duration_s"] = l.Duration.Seconds()
	}
	return fields
}

// saySwarm prints a swarm for people.
func saySwarm(out *printer, l ppsp.Link) {
	m := l.Metadata
	row := func(name, format string, v ...any) { out.say("  %-11s "+format, append([]any{name}, v...)...) }
	out.say("%s", l.Title)
	row("kind", "%s", m.Kind())
	row("swarm ID", "%s", m.SwarmID)
	if l.Length > 0 {
		row("length", "%s, %s", size(l.Length), counted(int((l.Length+int64(m.ChunkSize)-1)/int64(m.ChunkSize)), "chunk"))
	}
	if l.Duration > 0 {
		row("duration", "%s", l.Duration)
	}
	if l.Rate > 0 {
		row("rate", "%s", rate(l.Rate))
	}
	if m.ChunkSize == ppsp.VariableChunks {
		row("chunks", "of variable size, addressed by %s", m.Addressing)
	} else {
		row("chunks", "%d bytes, addressed by %s", m.ChunkSize, m.Addressing)
	}
	row("integrity", "%s", protection(m))
	if l.Closed {
		row("members", "only those with a certificate of %s", l.Authority)
	}
	for _, t := range l.Trackers {
		row("tracker", "%s", t)
	}
	for _, p := range l.Peers {
		row("contact", "%s", p)
	}
	row("link", "%s", l)
}

// protection names the integrity method with what it uses.
func protection(m ppsp.Metadata) string {
	words := m.Integrity.String()
	if m.Hashed() {
		words += ", " + m.Hash.String()
	}
	if m.Signed() {
		words += ", signed by " + m.Signature.String()
	}
	return words
}
