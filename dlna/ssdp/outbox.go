package ssdp

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// maxAnswers bounds the answers that wait for their moment on one interface; a search
	// that comes while the outbox is full is asked again by its control point.
	maxAnswers = 128
	// answersPerSecond bounds what one interface may be made to say.
	answersPerSecond = 500
	// answerSpread is the time over which answers are spread, so that the servers of a
	// home don't all speak at once, and yet a control point needn't wait for a second.
	answerSpread = 12 * time.Millisecond
	// messageGap lies between messages of one set: small receivers lose bursts.
	messageGap = time.Millisecond
)

// letter is a message that is sent when it is due.
type letter struct {
	due    time.Time
	to     netip.AddrPort // of an answer; invalid for an announcement, which goes to the groups
	target string
}

// outbox holds the letters of one interface, the next to be due first.
type outbox struct {
	letters []letter
	answers int // among letters
	second  time.Time
	spent   int // answers taken since second
}

// announce adds the announcements of all targets, the first due at due.
func (o *outbox) announce(due time.Time, targets []string) {
	for i, target := range targets {
		o.insert(letter{due: due.Add(time.Duration(i) * messageGap), target: target})
	}
}

// answer adds the answers to one search, the first due after delay. It tells whether there
// was room.
func (o *outbox) answer(now time.Time, delay time.Duration, to netip.AddrPort, targets []string) bool {
	if now.Sub(o.second) >= time.Second {
		o.second, o.spent = now, 0
	}
	if o.answers+len(targets) > maxAnswers || o.spent+len(targets) > answersPerSecond {
		return false
	}
	for i, target := range targets {
		o.insert(letter{due: now.Add(delay + time.Duration(i)*messageGap), to: to, target: target})
	}
	o.answers += len(targets)
	o.spent += len(targets)
	return true
}

func (o *outbox) insert(l letter) {
	i, _ := slices.BinarySearchFunc(o.letters, l.due, func(have letter, due time.Time) int {
		if have.due.After(due) {
			return 1
		}
		return -1
	})
	o.letters = slices.Insert(o.letters, i, l)
}

// next returns when the first letter is due.
func (o *outbox) next() (time.Time, bool) {
	if len(o.letters) == 0 {
		return time.Time{}, false
	}
	return o.letters[0].due, true
}

// take removes and returns the first letter if it is due.
func (o *outbox) take(now time.Time) (letter, bool) {
	if len(o.letters) == 0 || o.letters[0].due.After(now) {
		return letter{}, false
	}
	l := o.letters[0]
	o.letters = slices.Delete(o.letters, 0, 1)
	if l.to.IsValid() {
		o.answers--
	}
	return l, true
}
