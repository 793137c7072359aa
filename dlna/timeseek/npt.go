// Package timeseek finds what a screen means that asks for a part of a film by time
// (TimeSeekRange.dlna.org; DLNA Guidelines, 7.4.40): a keyframe's place in a transport
// stream, or a movie file that begins there.
package timeseek

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxHeader bounds a header that is read, in bytes.
const maxHeader = 64

// maxTime bounds the times that are understood; no film is longer.
const maxTime = 1000 * time.Hour

// Range is a part of a film by time. To is 0 where the end is left open.
type Range struct{ From, To time.Duration }

var errRange = errors.New("TimeSeekRange.dlna.org is not of the form npt=12.5- or npt=0:00:12.500-0:01:00")

// ParseRange reads the value of TimeSeekRange.dlna.org as a request has it.
func ParseRange(s string) (Range, error) {
	if len(s) > maxHeader {
		return Range{}, errRange
	}
	s = strings.ToLower(strings.TrimSpace(s))
	s, ok := strings.CutPrefix(s, "npt=")
	from, to, dash := strings.Cut(strings.TrimSpace(s), "-")
	if !ok || !dash {
		return Range{}, errRange
	}
	to, _, _ = strings.Cut(to, "/") // some screens repeat the duration that they were told
	var r Range
	var err error
	if r.From, err = parseTime(from); err != nil {
		return Range{}, err
	}
	if to = strings.TrimSpace(to); to == "" {
		return r, nil
	}
	if r.To, err = parseTime(to); err != nil || r.To <= r.From {
		return Range{}, errRange
	}
	return r, nil
}

// parseTime reads npt-time: seconds ("12.5"), or hours, minutes and seconds ("0:00:12.500").
func parseTime(s string) (time.Duration, error) {
	parts := strings.Split(strings.TrimSpace(s), ":")
	if len(parts) != 1 && len(parts) != 3 {
		return 0, errRange
	}
	var whole float64
	for i, part := range parts {
		last := i == len(parts)-1
		if !decimal(part, last) {
			return 0, errRange
		}
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || i > 0 && v >= 60 {
			return 0, errRange
		}
		whole = whole*60 + v
	}
	if whole > maxTime.Seconds() {
		return 0, errRange
	}
	return time.Duration(math.Round(whole*1e3)) * time.Millisecond, nil
}

// decimal tells whether s is a plain number, with a fraction if that is allowed.
func decimal(s string, fraction bool) bool {
	whole, rest, dot := strings.Cut(s, ".")
	if dot && (!fraction || strings.Trim(rest, "0123456789") != "") {
		return false
	}
	return whole != "" && strings.Trim(whole, "0123456789") == ""
}

// Time writes npt-time in seconds, as a response has it.
func Time(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}
