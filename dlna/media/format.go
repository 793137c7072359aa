// Package media serves channels and films to screens over HTTP, with the headers of DLNA,
// and says how: what stands in a DIDL-Lite resource and what the server then does come from
// the same Format.
package media

import (
	"net/url"
	"strings"

	dmsdlna "github.com/anacrolix/dms/dlna"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// Flags of DLNA.ORG_FLAGS: the first eight of 32 hexadecimal digits (DLNA Guidelines,
// 7.4.1.3.23).
const (
	senderPaced    = 1 << 31 // the server sends at the pace of the content
	limitedTime    = 1 << 30 // TimeSeekRange within what getAvailableSeekRange tells
	s0Increasing   = 1 << 27 // the beginning of what can be had moves
	sNIncreasing   = 1 << 26 // the end of it moves
	streamingMode  = 1 << 24
	backgroundMode = 1 << 22
	mayStall       = 1 << 21 // a player pauses by not reading
	version15      = 1 << 20
)

const (
	liveFlags = senderPaced | limitedTime | s0Increasing | sNIncreasing | streamingMode | version15
	filmFlags = streamingMode | backgroundMode | mayStall | version15
)

// Format is how an item goes over HTTP.
type Format struct {
	MIME      string
	Extension string // of its URL, by which some screens go: ".mp4"
	Live      bool   // no length, no ranges, starts at the newest keyframe
	TimeSeek  bool   // a part can be asked for by time: of channels what the buffer holds, of films any

	// ContentFeatures is the value of contentFeatures.dlna.org, the fourth field of a
	// protocolInfo. No profile (DLNA.ORG_PN) is named, since nothing here looks into the
	// elementary streams; screens then decide by the MIME type.
	ContentFeatures string
	// ProtocolInfo is the res@protocolInfo of DIDL-Lite.
	ProtocolInfo string
}

func newFormat(mime, extension string, live bool) Format {
	features := dmsdlna.ContentFeatures{SupportRange: !live, Flags: flags(filmFlags)}
	if live {
		features.Flags = flags(liveFlags)
	}
	return Format{MIME: mime, Extension: extension, Live: live, TimeSeek: live}.with(features)
}

func (f Format) with(features dmsdlna.ContentFeatures) Format {
	f.ContentFeatures = features.String()
	f.ProtocolInfo = "http-get:*:" + f.MIME + ":" + f.ContentFeatures
	return f
}

// container says how a film can be entered by time.
type container int

const (
	opaque container = iota // it can't
	stream                  // a transport stream, at any keyframe
	movie                   // an MP4 file, made anew to begin at one
)

// Channels go over HTTP as MPEG-TS; a film whose media type is not known is tried as MP4.
var (
	channel     = newFormat("video/mpeg", ".ts", true)
	unknownFilm = newFormat("video/mp4", ".mp4", false)
	unknownType = newFilm("", opaque, unknownFilm)
)

// films are the media types that the gateway serves, and how. The system's table of MIME
// types is not asked: it may take .ts for a translation of Qt.
var films = []film{
	newFilm("video/mp4", movie, unknownFilm),
	newFilm("video/quicktime", movie, newFormat("video/quicktime", ".mov", false)),
	newFilm("video/x-matroska", opaque, newFormat("video/x-matroska", ".mkv", false)),
	newFilm("video/matroska", opaque, newFormat("video/x-matroska", ".mkv", false)),
	newFilm("video/webm", opaque, newFormat("video/webm", ".webm", false)),
	newFilm("video/mp2t", stream, newFormat("video/mpeg", ".ts", false)),
	newFilm("video/mpeg", opaque, newFormat("video/mpeg", ".mpg", false)),
	newFilm("video/x-msvideo", opaque, newFormat("video/x-msvideo", ".avi", false)),
	newFilm("audio/mpeg", opaque, newFormat("audio/mpeg", ".mp3", false)),
	newFilm("audio/mp4", movie, newFormat("audio/mp4", ".m4a", false)),
}

// film is how films of a media type are served.
type film struct {
	mediaType string
	container container
	format    Format
	timed     Format // where it is known how long the film plays
}

func newFilm(mediaType string, kind container, format Format) film {
	timed := format
	if kind != opaque {
		timed.TimeSeek = true
		timed = timed.with(dmsdlna.ContentFeatures{SupportRange: true, SupportTimeSeek: true, Flags: flags(filmFlags)})
	}
	return film{mediaType, kind, format, timed}
}

// FormatOf returns how an item is served. A film can be had by time when its container
// allows it, it is known how long it plays, and it was not found out to be made of fragments.
func FormatOf(item proxy.Item) Format {
	if item.Kind == ppsp.Live {
		return channel
	}
	f := filmOf(item)
	if item.Duration > 0 && !item.Untimed {
		return f.timed
	}
	return f.format
}

// filmOf returns how films of the item's media type are served.
func filmOf(item proxy.Item) *film {
	mediaType, _, _ := strings.Cut(item.MediaType, ";")
	mediaType = strings.TrimSpace(mediaType)
	for i := range films {
		if strings.EqualFold(mediaType, films[i].mediaType) {
			return &films[i]
		}
	}
	return &unknownType
}

// flags writes DLNA.ORG_FLAGS: eight digits and 24 reserved zeros.
func flags(bits uint32) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, 32)
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[bits>>shift&0xF])
	}
	return string(b) + strings.Repeat("0", 24)
}

// Protocols returns what the gateway can send at all, for ConnectionManager's
// GetProtocolInfo.
func Protocols() []string { return ProtocolsFor(&profile.Profile{}) }

// ProtocolsFor returns the same as a device of that profile is told it in DIDL-Lite: one that goes by
// this list would else leave out what it calls by another name.
func ProtocolsFor(p *profile.Profile) []string {
	var list []string
	seen := make(map[string]bool)
	for _, f := range films {
		if mime := p.Type(f.format.MIME); !seen[mime] {
			seen[mime] = true
			list = append(list, "http-get:*:"+mime+":*")
		}
	}
	return list
}

// Root is the path under which Server expects its requests.
const Root = "/dlna/media/"

// Path returns the path at which an item is served.
func Path(item proxy.Item) string {
	return Root + url.PathEscape(item.ID) + FormatOf(item).Extension
}

// idOf returns the ID in the last segment of a Path.
func idOf(file string) string {
	if dot := strings.LastIndexByte(file, '.'); dot >= 0 {
		return file[:dot]
	}
	return file
}
