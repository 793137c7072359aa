package main

import (
	"fmt"
	"strconv"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/config"
)

// linkCommand makes the link of a swarm that another program published. What is left out has
// the defaults of RFC 7574, Table 8.
type linkCommand struct {
	SwarmID    string           `required:"" help:"The swarm ID: of a film the root of its hash tree, of a live channel its public key." placeholder:"HEX"`
	Kind       string           `help:"What it is: film or live. Default: film if the swarm ID is as long as a hash, else live." placeholder:"NAME"`
	Hash       string           `help:"Merkle hash function: sha1, sha224, sha256, sha384, sha512. Default: for a film the one that is as long as the swarm ID; else sha256." placeholder:"NAME"`
	Addressing string           `help:"Chunk addressing: bin32, byte64, chunk32, bin64, chunk64. Default: chunk32." placeholder:"NAME"`
	ChunkSize  foreignChunkSize `help:"Bytes of a chunk, or variable. Default: 1024." placeholder:"N"`
	Integrity  string           `help:"Content protection: none, merkle, signall, unified. Default: merkle for films, unified for live." placeholder:"NAME"`
	Tracker    []trackerURL     `help:"Tracker to put into the link; may repeat, and each that follows is for when those before it fail. Several equals stand in one, with spaces between." placeholder:"URL"`
	Peer       []address        `help:"Peer to put into the link; may repeat." placeholder:"HOST:PORT"`
	Title      string           `help:"Title of the film or channel." placeholder:"TEXT"`
	Length     filmLength       `help:"Length of a film in bytes." placeholder:"N"`
	Rate       config.Rate      `help:"Rate of a live channel." placeholder:"RATE"`
	JSON       bool             `name:"json" help:"Print one JSON object a line for programs."`
}

// Run carries the command out.
func (l *linkCommand) Run(c console) error {
	out := newPrinter(c, l.JSON)
	link, err := l.link()
	if err != nil {
		return usageError{err}
	}
	out.event("link", map[string]any{"link": link.String()})
	out.say("%s", link)
	return nil
}

func (l *linkCommand) link() (ppsp.Link, error) {
	meta, err := l.metadata()
	if err != nil {
		return ppsp.Link{}, err
	}
	link := ppsp.NewLink(meta)
	link.Title, link.Length, link.Rate = l.Title, int64(l.Length), int64(l.Rate)
	for _, t := range l.Tracker {
		link.Trackers = append(link.Trackers, string(t))
	}
	for _, p := range l.Peer {
		link.Peers = append(link.Peers, string(p))
	}
	return link, link.Validate()
}

func (l *linkCommand) metadata() (meta ppsp.Metadata, err error) {
	id, err := ppsp.ParseSwarmID(l.SwarmID)
	if err != nil {
		return meta, fmt.Errorf("--swarm-id: %w", err)
	}
	hash := hashOf(len(id))
	named, misnamed := ppsp.ParseHash(l.Hash)
	switch root := hash.Size() == len(id); {
	case l.Kind == "live" && root:
		return meta, fmt.Errorf("--kind live: a swarm ID of %d bytes is a film's, the root of a hash tree; leave --kind out", len(id))
	case l.Kind != "live" && root && misnamed == nil && named != hash:
		return meta, fmt.Errorf("--hash %s: a swarm ID of %d bytes is a root of %s; leave --hash out", l.Hash, len(id), hash)
	case (l.Kind == "film" || l.Kind == "") && !root && len(id) < minKey:
		return meta, fmt.Errorf("--swarm-id: a film's has 20, 28, 32, 48 or 64 bytes, and a live channel's %d or more, but this one has %d; copy it again whole", minKey, len(id))
	}
	switch {
	case l.Kind == "film", l.Kind == "" && hash.Size() == len(id):
		meta = ppsp.StaticDefaults(id)
		meta.Hash = hash
	case l.Kind == "live", l.Kind == "":
		meta = ppsp.LiveDefaults(id)
	default:
		return meta, fmt.Errorf("--kind %q: write film or live", l.Kind)
	}
	kind := meta.Kind()
	if l.Hash != "" {
		if meta.Hash, err = ppsp.ParseHash(l.Hash); err != nil {
			return meta, fmt.Errorf("--hash: %w", err)
		}
	}
	if l.Addressing != "" {
		if meta.Addressing, err = ppsp.ParseAddressing(l.Addressing); err != nil {
			return meta, fmt.Errorf("--addressing: %w", err)
		}
	}
	if l.Integrity != "" {
		if meta.Integrity, err = ppsp.ParseIntegrity(l.Integrity); err != nil {
			return meta, fmt.Errorf("--integrity: %w", err)
		}
	}
	if i := meta.Integrity; kind == ppsp.Film && meta.Signed() || kind == ppsp.Live && i == ppsp.IntegrityMerkle {
		return meta, fmt.Errorf("--integrity %s is not for a %s swarm, as which --kind, or the length of the swarm ID, tells it; correct one of them", i, kind)
	}
	if l.ChunkSize != 0 {
		meta.ChunkSize = uint32(l.ChunkSize)
	}
	return meta, nil
}

// minKey is the bytes of the shortest live swarm ID: the key of Ed25519 behind its number.
const minKey = 33

// filmLength is a flag with the bytes of a film.
type filmLength int64

// UnmarshalText reads the flag.
func (n *filmLength) UnmarshalText(b []byte) error {
	v, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || v < 1 {
		return fmt.Errorf("%q is no length of a film; write its bytes to the last one, as \"366100\"", b)
	}
	*n = filmLength(v)
	return nil
}

// hashOf returns the function whose hashes have n bytes, SHA-256 if there is none.
func hashOf(n int) ppsp.Hash {
	for _, h := range []ppsp.Hash{ppsp.SHA1, ppsp.SHA224, ppsp.SHA256, ppsp.SHA384, ppsp.SHA512} {
		if h.Size() == n {
			return h
		}
	}
	return ppsp.SHA256
}
