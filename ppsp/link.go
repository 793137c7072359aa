package ppsp

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Link is everything needed to join a swarm: the metadata of RFC 7574, 3.1, where to find
// peers, and what to show to people. RFC 7574, 2.1 and 11.1.1 leave the form of such a
// link open; this is ours, a URI (RFC 3986):
//
//	ppsp:live/0d6f…91?t=Channel%20One&tr=https://tracker.example.com/
//	ppsp:film/47a0…3b?c=8192&len=399360&t=Short%20Film&type=video/mp4
//
// The first word is the kind. It chooses the defaults of RFC 7574, Table 8 (LiveDefaults or
// StaticDefaults), so that parameters are needed only for what differs. Then follows the
// swarm ID in hexadecimal: longer than base64url by a third, but the very text that logs,
// flags, trackers and other programs show, indifferent to case, and read out or compared
// by people without a tool. There is no "//", because a swarm is not a host.
//
//	h     hash function          i     integrity method      a     chunk addressing method
//	c     chunk size, bytes      len   film length, bytes    dur   film length, seconds
//	t     title                  g     group                 rate  live bits per second
//	type  media type             logo  URL of a picture
//	tr    tracker URL, repeats   peer  host:port, repeats
//	ca    key of the authority whose membership certificates peers pass on
//	closed  the same, and only its members take part, over DTLS
//
// The words of h, i and a are those of ParseHash, ParseIntegrity and ParseAddressing. The
// signature algorithm of a live swarm is the first byte of its ID. Numbers are decimal
// without leading zeros; that of dur may have a fraction down to the millisecond, as in
// 24.04. Values are UTF-8, percent-encoded; "+" is a plus sign. Parameters may stand in
// any order, none but tr and peer twice. An unknown one is an error, since a metadata
// parameter that this version ignored would lead it into the wrong swarm; only names that
// begin with "x-" are skipped.
type Link struct {
	Metadata
	Title     string // one line of text, at most MaxLinkText bytes
	Group     string // as Title
	Logo      string // http or https URL
	MediaType string // type/subtype, lower case
	Kind      Kind   // always equal to Metadata.Kind()
	Length    int64  // film: bytes, 0 unknown
	Rate      int64  // live: bits per second as the publisher measured, 0 unknown

	// Duration is how long a film plays: whole milliseconds up to MaxLinkDuration, 0
	// unknown. It is what the publisher says; nothing verifies it.
	Duration time.Duration

	// Authority is the key of who issues membership certificates (RFC 7574, 12.2.2), 66
	// hexadecimal digits in lower case (member.AuthorityKey); empty for none.
	Authority string
	// Closed tells that only members take part, over DTLS (RFC 7574, 12.3 and 12.4).
	Closed bool

	// Trackers are the tiers of trackers, each of one or more http or https URLs with a space between
	// them, at most MaxLinkTrackers in all; see Tiers.
	Trackers []string
	Peers    []string // host:port, contacts that need no tracker, at most MaxLinkPeers
}

// Tiers returns the trackers as they are to be asked: those of a tier are equals, and the next tier is
// for when none of this one answers.
func (l Link) Tiers() [][]string {
	var tiers [][]string
	for _, t := range l.Trackers {
		if urls := strings.Fields(t); len(urls) > 0 {
			tiers = append(tiers, urls)
		}
	}
	return tiers
}

// LinkScheme is the URI scheme of links, without the colon.
const LinkScheme = "ppsp"

// Bounds of a link; the first four are in bytes, before percent-encoding but for MaxLink.
const (
	MaxLink         = 8 << 10
	MaxLinkText     = 300
	MaxLinkURL      = 1024
	MaxLinkHost     = 255
	MaxLinkTrackers = 8
	MaxLinkPeers    = 16
	MaxLinkDuration = 1000 * time.Hour
)

// NewLink returns the link of a swarm without title, trackers and peers.
func NewLink(m Metadata) Link { return Link{Metadata: m, Kind: m.Kind()} }

// String returns the canonical text: parameters in a fixed order, defaults left out, only
// ASCII, and no character that a shell, HTML or a chat program would take for its own but
// "?" and "&". For a link that Validate accepts, ParseLink returns an equal one.
func (l Link) String() string {
	var b strings.Builder
	kind := l.Metadata.Kind()
	b.WriteString(LinkScheme + ":" + kind.String() + "/" + l.SwarmID.String())
	separator := byte('?')
	write := func(name, value string) {
		if value == "" {
			return
		}
		b.WriteByte(separator)
		separator = '&'
		b.WriteString(name + "=")
		escapeLinkValue(&b, value)
	}
	l.writeMetadata(kind, write)
	if l.Length != 0 {
		write("len", strconv.FormatInt(l.Length, 10))
	}
	if l.Duration != 0 {
		write("dur", formatSeconds(l.Duration))
	}
	if l.Rate != 0 {
		write("rate", strconv.FormatInt(l.Rate, 10))
	}
	write("t", l.Title)
	write("g", l.Group)
	write("type", l.MediaType)
	write("logo", l.Logo)
	if l.Closed {
		write("closed", l.Authority)
	} else {
		write("ca", l.Authority)
	}
	for _, u := range l.Trackers {
		write("tr", u)
	}
	for _, p := range l.Peers {
		write("peer", p)
	}
	return b.String()
}

// writeMetadata writes what differs from the defaults of the kind.
func (l Link) writeMetadata(kind Kind, write func(name, value string)) {
	d := defaultsOf(kind, l.SwarmID)
	if l.Integrity != d.Integrity {
		write("i", l.Integrity.String())
	}
	if l.Hash != d.Hash {
		write("h", l.Hash.String())
	}
	if l.Addressing != d.Addressing {
		write("a", l.Addressing.String())
	}
	switch l.ChunkSize {
	case d.ChunkSize:
	case VariableChunks:
		write("c", variableWord)
	default:
		write("c", strconv.FormatUint(uint64(l.ChunkSize), 10))
	}
}

func defaultsOf(kind Kind, id SwarmID) Metadata {
	if kind == Live {
		return LiveDefaults(id)
	}
	return StaticDefaults(id)
}

// Validate returns why ParseLink would not read back what String writes, nil if it would.
// A publisher calls it before it shows a link that it made from settings.
func (l Link) Validate() error {
	if err := l.Metadata.Validate(); err != nil {
		return err
	}
	s := l.String()
	back, err := ParseLink(s)
	if err != nil {
		return err
	}
	if !back.Equal(l) {
		return &LinkError{Part: s, Reason: "does not say what was meant: set Kind as Metadata.Kind says, the media type in lower case, take whole milliseconds, and leave no tracker or peer empty"}
	}
	return nil
}

// Equal tells whether both links say the same.
func (l Link) Equal(o Link) bool {
	return l.Metadata == o.Metadata && l.Title == o.Title && l.Group == o.Group &&
		l.Logo == o.Logo && l.MediaType == o.MediaType && l.Kind == o.Kind &&
		l.Authority == o.Authority && l.Closed == o.Closed && l.Length == o.Length && l.Rate == o.Rate && l.Duration == o.Duration &&
		slices.Equal(l.Trackers, o.Trackers) && slices.Equal(l.Peers, o.Peers)
}
