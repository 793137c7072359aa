package main

import (
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// metadataFlags say how a new swarm is made (RFC 7574, 3.1); what is left out has the
// defaults of RFC 7574, Table 8.
type metadataFlags struct {
	Hash       string `help:"Merkle hash function: sha1, sha224, sha256, sha384, sha512. Default: sha256; sha1 with --profile draft10." placeholder:"NAME"`
	Addressing string `help:"Chunk addressing: bin32, byte64, chunk32, bin64, chunk64. Default: chunk32 for films; chunk64 for live, whose numbers go on for ever." placeholder:"NAME"`
	ChunkSize  uint32 `help:"Bytes of a chunk. Default: 1024 for films, 1316 for live." placeholder:"N"`
}

// film returns the metadata of a film to be published, without swarm ID.
func (m metadataFlags) film() (ppsp.Metadata, error) {
	meta := ppsp.StaticDefaults("")
	if m.ChunkSize != 0 {
		meta.ChunkSize = m.ChunkSize
	}
	return m.apply(meta)
}

// live returns the metadata of a stream to be published, without swarm ID.
func (m metadataFlags) live(chunkSize uint32) (ppsp.Metadata, error) {
	meta := ppsp.LiveDefaults("")
	meta.ChunkSize = chunkSize
	meta.Addressing = ppsp.ChunkRanges64 // 32 bits last for 130 days at 4 Mbit/s
	if m.ChunkSize != 0 {
		meta.ChunkSize = m.ChunkSize
	}
	if meta.ChunkSize%188 != 0 {
		return meta, wrongUsage("--chunk-size %d: a live chunk holds whole packets of 188 bytes, so take a multiple, such as 1316", meta.ChunkSize)
	}
	return m.apply(meta)
}

func (m metadataFlags) apply(meta ppsp.Metadata) (ppsp.Metadata, error) {
	var err error
	if m.Hash != "" {
		if meta.Hash, err = ppsp.ParseHash(m.Hash); err != nil {
			return meta, usageError{fmt.Errorf("--hash: %w", err)}
		}
	}
	if m.Addressing == "" {
		return m.checked(meta)
	}
	if meta.Addressing, err = ppsp.ParseAddressing(m.Addressing); err != nil {
		return meta, usageError{fmt.Errorf("--addressing: %w", err)}
	}
	return m.checked(meta)
}

func (m metadataFlags) checked(meta ppsp.Metadata) (ppsp.Metadata, error) {
	if meta.ChunkSize < ppsp.MinChunkSize || meta.ChunkSize > ppsp.MaxChunkSize {
		return meta, wrongUsage("--chunk-size %d is outside %d to %d bytes", meta.ChunkSize, ppsp.MinChunkSize, ppsp.MaxChunkSize)
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
	if l.Length > 0 {
		size := int64(m.ChunkSize)
		fields["length"], fields["chunks"] = l.Length, (l.Length+size-1)/size
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
		row("length", "%s, %d chunks", size(l.Length), (l.Length+int64(m.ChunkSize)-1)/int64(m.ChunkSize))
	}
	if l.Duration > 0 {
		row("duration", "%s", l.Duration)
	}
	if l.Rate > 0 {
		row("rate", "%s", rate(l.Rate))
	}
	row("chunks", "%d bytes, addressed by %s", m.ChunkSize, m.Addressing)
	if m.Kind() == ppsp.Live {
		row("integrity", "%s, %s, signed by %s", m.Integrity, m.Hash, m.Signature)
	} else {
		row("integrity", "%s, %s", m.Integrity, m.Hash)
	}
	for _, t := range l.Trackers {
		row("tracker", "%s", t)
	}
	for _, p := range l.Peers {
		row("contact", "%s", p)
	}
	row("link", "%s", l)
}
