// Package proxy is the gateway itself: the catalog of channels and films, the sessions
// that fetch them from their swarms, and the buffers from which every screen of the home
// is fed. The floors above (web, dlna) see it only through the types of this file and a
// few methods of Gateway; it knows the peer protocol (ppsp), and of our addresses what it is told.
package proxy

import (
	"errors"
	"io"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/guide"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// ErrNotFound says that no channel or film has the asked ID.
var ErrNotFound = errors.New("no such channel or film")

// ErrConfigured says that a channel or film comes with the configuration, where alone it can
// be changed.
var ErrConfigured = errors.New("comes with the configuration of the gateway, and is changed or taken out there alone")

// ErrBusy says that the gateway serves as many sessions as it may (Config.MaxSessions).
var ErrBusy = errors.New("too many channels and films are being watched at once")

// Item is a channel or a film of the catalog, as screens are shown it.
type Item struct {
	ID        string // stable over restarts, the same in URLs and in DLNA object IDs
	Title     string
	Group     string // empty for none
	Link      string // the swarm's link (ppsp.Link)
	Logo      string // URL of a picture, empty for none
	MediaType string // "video/mp2t", "video/mp4", …
	Kind      ppsp.Kind
	Length    int64         // of a film in bytes, 0 while unknown
	Duration  time.Duration // of a film, 0 while unknown
	Rate      int64         // in bits per second, of a film on average; 0 while unknown
	Untimed   bool          // of a film: it can't be entered by time, as was found out

	Codecs Codecs // of a channel that was watched since the start

	Favourite bool          // of the household
	Watched   time.Time     // when a screen last began to show it, zero for never
	Position  time.Duration // of a film, where its viewer wants to go on; 0 for the beginning
	Subtitles []Subtitle    // of a film, in the order of their languages; never changed in place
}

// Codecs names how a channel is coded, as far as its stream was seen: "H.264", "HEVC", "MPEG-2",
// …; "AAC", "AC-3", "MP2", …; empty while unknown, or for none.
type Codecs struct{ Video, Audio string }

// Subtitle is a text that a film can be watched with (Gateway.Subtitle).
type Subtitle struct {
	Language string // code of ISO 639, as "de"; empty if the file's name tells none
}

// Programme is one broadcast of a channel, as a programme guide tells of it.
type Programme = guide.Programme

// State is where a session stands on its way to a picture.
type State string

// The states, in the order in which a session usually passes them.
const (
	StateIdle       State = "idle"       // nobody watches
	StateFinding    State = "finding"    // asking the trackers for peers
	StateConnecting State = "connecting" // handshakes are under way
	StateBuffering  State = "buffering"  // chunks arrive, not yet enough to start
	StatePlaying    State = "playing"    // screens are being fed
	StateStalled    State = "stalled"    // screens wait for chunks
	StateFailed     State = "failed"     // given up; Session.Error says why
)

// Session is what a channel or film that is being watched is doing, once a second.
type Session struct {
	ID      string // of the session
	Channel string // Item.ID
	State   State
	Text    string // State in plain words: "Finding peers", "Buffering 1.2 of 2 s"
	Peers   int    // peers that answered our handshake
	DownBps int64  // bits per second
	UpBps   int64  // bits per second
	BufferS float64
	Viewers int
	Error   string // in StateFailed
	Codecs  Codecs // of a channel

	NoFragments string // why a channel can't be had in fragmented MP4, empty for nothing known

	Outage membership.Outage // that no tracker answers, the zero value while one does
}

// Film is a film being read. Reads wait until the swarm has delivered and the tree has
// verified the bytes; they end with the context that opened it. One goroutine at a time.
type Film interface {
	io.ReadSeeker
	io.Closer
	Size() int64 // bytes
}
