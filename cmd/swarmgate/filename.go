package main

import (
	"strings"
	"unicode"

	"github.com/swarmgate/swarmgate/ppsp"
)

// maxFileName is in bytes, with room for what is put behind it while it is fetched.
const maxFileName = 200

// fileEndings are those of the media types that publishers name.
var fileEndings = map[string]string{
	"video/mp4": ".mp4", "video/x-matroska": ".mkv", "video/webm": ".webm", "video/mp2t": ".ts", "video/quicktime": ".mov",
	"audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/flac": ".flac", "audio/ogg": ".ogg",
}

// fileName is what a film or a recording is called by default: its title, as far as it is a
// name for a file in this folder on any system, since the link may be a stranger's.
func fileName(l ppsp.Link) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '-'
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(l.Title, ""))
	name = strings.Trim(name, ". -")
	if len(name) > maxFileName {
		name = strings.ToValidUTF8(name[:maxFileName], "")
	}
	if name == "" {
		name = l.SwarmID.String()[:16]
	}
	ending := fileEndings[l.MediaType]
	if l.Metadata.Kind() == ppsp.Live && ending == "" {
		ending = ".ts"
	}
	if strings.HasSuffix(strings.ToLower(name), ending) {
		return name
	}
	return name + ending
}
