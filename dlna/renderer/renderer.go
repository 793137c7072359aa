// Package renderer plays on the televisions and speakers of the home: it finds the UPnP
// media renderers, follows them, and has them fetch channels and films from this gateway.
//
//	finder      hears of renderers and searches for them
//	lanhttp     speaks HTTP to one of them and to nobody else
//	about       reads what it says about itself
//	events      subscribes to its events and takes them in
//	lastchange  reads them
//
// Here each renderer has one goroutine, which meets it, keeps the subscriptions, asks for
// what no event tells, and ends when the renderer has gone. Actions are carried out by who
// asks for them, one at a time for each renderer.
package renderer

import (
	"errors"
	"time"
)

// State is what a renderer does.
type State string

// The states. A renderer of which nothing is known yet is idle.
const (
	Idle      State = "idle"      // it has nothing to play
	Stopped   State = "stopped"   // it has something, and does not play it
	Buffering State = "buffering" // it was told to play and waits for bytes
	Playing   State = "playing"
	Paused    State = "paused"
)

// active tells whether something is on the screen or about to be.
func (s State) active() bool { return s == Buffering || s == Playing || s == Paused }

// stateOf reads TransportState (AVTransport:1, 2.2.1).
func stateOf(transport string) (State, bool) {
	switch transport {
	case "NO_MEDIA_PRESENT":
		return Idle, true
	case "STOPPED":
		return Stopped, true
	case "TRANSITIONING":
		return Buffering, true
	case "PLAYING", "RECORDING":
		return Playing, true
	case "PAUSED_PLAYBACK", "PAUSED_RECORDING":
		return Paused, true
	}
	return "", false
}

// UnknownVolume is Renderer.Volume of one that tells none.
const UnknownVolume = -1

// Renderer is a television or a speaker at one moment.
type Renderer struct {
	ID       string // the same as long as the device keeps its UDN, also after a restart of either
	Name     string // that its owner gave it
	Model    string
	State    State
	Channel  string // ID of the channel or film of ours that it plays, empty for none
	Position time.Duration
	Duration time.Duration // 0 where there is none, as of a live channel
	Volume   int           // percent, or UnknownVolume
}

// Errors that a caller may want to tell apart. Each comes with the sentence for a person.
var (
	// ErrNoRenderer says that no renderer has the ID, or that it has gone.
	ErrNoRenderer = errors.New("there is no TV or speaker with this ID; it may have been switched off")
	// ErrRefused says that the renderer does not do it, now or at all.
	ErrRefused = errors.New("refused")
	// ErrSilent says that the renderer did not answer.
	ErrSilent = errors.New("does not answer")
)
