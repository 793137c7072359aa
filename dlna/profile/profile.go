// Package profile is what the server knows of devices: where a television set, a console or a
// player wants something else than the standards say, and how it is recognized.
//
// Profiles are data. Those that come with the program are in profiles.toml, with the reason for
// each; a household's own file of the same form goes before them.
package profile

import (
	"slices"
	"strings"
)

// Profile is what is done differently for one kind of device. The zero value is for those of
// which nothing is known.
type Profile struct {
	Name  string `toml:"name"`  // of the device, for the log and for overriding
	Match []Rule `toml:"match"` // any of them suffices

	// Types are media types as the device wants to hear them, by the right ones. They hold for
	// protocolInfo and for Content-Type alike.
	Types map[string]string `toml:"types"`
	// PlainInfo leaves the fourth field of protocolInfo empty ("*"): for devices that know no DLNA.
	PlainInfo bool `toml:"plain_info"`
	// Extension has titles end in that of the file (".mkv"), by which some devices go.
	Extension bool `toml:"extension"`
	// Dot has the title of a film with subtitles end in a dot.
	Dot bool `toml:"dot"`
	// FolderClass is the class of folders, empty for object.container.storageFolder.
	FolderClass string `toml:"folder_class"`
	// Subtitles are the ways in which subtitles are told; nil for all.
	Subtitles []Caption `toml:"subtitles"`
	// Pictures are the sizes in which logos are offered; nil for the thumbnail alone.
	Pictures []Picture `toml:"pictures"`
	// Bookmarks is the unit in which a film's position is told and taken, empty for seconds.
	Bookmarks Bookmarks `toml:"bookmarks"`
	// Guide is where the programme that is on is told, empty for the description.
	Guide Guide `toml:"guide"`
	// Objects are other names of containers that the device expects to be there.
	Objects map[string]string `toml:"objects"`
	// Description is what the device description says instead.
	Description Description `toml:"description"`
}

// Rule recognizes a device by one header of its requests.
type Rule struct {
	Header   string `toml:"header"`   // its name
	Contains string `toml:"contains"` // in its value; capital letters are like small ones
}

// Description is what a device description says to one kind of device. Empty fields leave it.
type Description struct {
	NameSuffix    string `toml:"name_suffix"` // behind the name of the server
	Manufacturer  string `toml:"manufacturer"`
	ModelName     string `toml:"model_name"`
	ModelNumber   string `toml:"model_number"`
	NoSamsungCaps bool   `toml:"no_samsung_capabilities"` // leaves out sec:ProductCap
}

// Caption is a way to tell of subtitles.
type Caption string

// The ways to tell of subtitles.
const (
	CaptionResource Caption = "res" // another res of the item
	CaptionSamsung  Caption = "sec" // sec:CaptionInfoEx and CaptionInfo.sec
	CaptionPV       Caption = "pv"  // pv:subtitleFileUri of the res
)

// Picture is a media format profile of DLNA for pictures.
type Picture string

// The formats in which the server has logos (DLNA Guidelines, part 2: at most 160 by 160
// and 640 by 480 pixels).
const (
	Thumbnail Picture = "JPEG_TN"
	Small     Picture = "JPEG_SM"
)

// Bookmarks is a unit of positions.
type Bookmarks string

// The units of positions.
const (
	Seconds      Bookmarks = "seconds"
	Milliseconds Bookmarks = "milliseconds"
)

// Guide is a place for the programme that is on.
type Guide string

// The places for the programme that is on.
const (
	GuideDescription Guide = "description"
	GuideTitle       Guide = "title"
	GuideNone        Guide = "none"
)

// Type returns the media type that the device wants to hear for mime.
func (p *Profile) Type(mime string) string {
	if other, ok := p.Types[mime]; ok {
		return other
	}
	return mime
}

// Folder returns the class of folders.
func (p *Profile) Folder() string {
	if p.FolderClass == "" {
		return "object.container.storageFolder"
	}
	return p.FolderClass
}

// Captions tells whether subtitles are told in that way.
func (p *Profile) Captions(way Caption) bool { return has(p.Subtitles, way) }

// Offers tells whether logos are offered in that size.
func (p *Profile) Offers(size Picture) bool {
	if p.Pictures == nil {
		return size == Thumbnail
	}
	return has(p.Pictures, size)
}

// has tells whether a list has an entry; one that was left out has all.
func has[T comparable](list []T, entry T) bool {
	if list == nil {
		return true
	}
	return slices.Contains(list, entry)
}

// Object returns the ID of the object that the device calls id.
func (p *Profile) Object(id string) string {
	if own, ok := p.Objects[id]; ok {
		return own
	}
	return id
}

func (r Rule) fits(value string) bool {
	return value != "" && strings.Contains(strings.ToLower(value), strings.ToLower(r.Contains))
}
