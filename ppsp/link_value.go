package ppsp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// linkParameter returns what checks and stores the value of a parameter, nil for an unknown
// name. Values are decoded and not empty.
func linkParameter(name string) func(l *Link, value string) error {
	switch name {
	case "h":
		return func(l *Link, v string) (err error) { l.Hash, err = ParseHash(v); return }
	case "a":
		return func(l *Link, v string) (err error) { l.Addressing, err = ParseAddressing(v); return }
	case "i":
		return setIntegrity
	case "c":
		return setChunkSize
	case "t":
		return func(l *Link, v string) error { l.Title = v; return checkText(v) }
	case "g":
		return func(l *Link, v string) error { l.Group = v; return checkText(v) }
	case "logo":
		return func(l *Link, v string) error { l.Logo = v; return checkURL(v) }
	case "type":
		return func(l *Link, v string) error { l.MediaType = strings.ToLower(v); return checkMediaType(v) }
	case "len":
		return setLength
	case "dur":
		return setDuration
	case "rate":
		return setRate
	case "ca":
		return setAuthority
	case "closed":
		return func(l *Link, v string) error { l.Closed = true; return setAuthority(l, v) }
	case "tr":
		return addTracker
	case "peer":
		return addPeer
	}
	return nil
}

func setIntegrity(l *Link, v string) error {
	i, err := ParseIntegrity(v)
	if err != nil {
		return err
	}
	kind := l.Kind
	l.Integrity = i
	if l.Metadata.Kind() != kind {
		return fmt.Errorf("integrity method %s is not for a %s swarm; correct one of them", i, kind)
	}
	return nil
}

// variableWord says in links and flags that chunks vary in size.
const variableWord = "variable"

func setChunkSize(l *Link, v string) error {
	if v == variableWord {
		l.ChunkSize = VariableChunks
		return nil
	}
	n, err := parseNumber(v)
	if err != nil {
		return err
	}
	if n < MinChunkSize || n > MaxChunkSize {
		return fmt.Errorf("a chunk has %d to %d bytes; correct the number, or write %s", MinChunkSize, MaxChunkSize, variableWord)
	}
	l.ChunkSize = uint32(n)
	return nil
}

func setLength(l *Link, v string) (err error) {
	if l.Kind != Film {
		return errors.New("a live channel has no length; remove it")
	}
	l.Length, err = parseNumber(v)
	return err
}

func setDuration(l *Link, v string) (err error) {
	if l.Kind != Film {
		return errors.New("a live channel has no duration; remove it")
	}
	l.Duration, err = parseSeconds(v)
	return err
}

func setRate(l *Link, v string) (err error) {
	if l.Kind != Live {
		return errors.New("only a live channel has a rate; remove it")
	}
	l.Rate, err = parseNumber(v)
	return err
}

// authorityDigits is the length of a point of P-256 in compressed form, in hexadecimal.
const authorityDigits = 66

func setAuthority(l *Link, v string) error {
	if l.Authority != "" {
		return errors.New("ca and closed name the same authority; keep one of them")
	}
	v = strings.ToLower(v)
	if len(v) != authorityDigits || !strings.HasPrefix(v, "02") && !strings.HasPrefix(v, "03") {
		return fmt.Errorf("the key of a membership authority has %d hexadecimal digits, the first two 02 or 03; copy the link again", authorityDigits)
	}
	for i := range len(v) {
		if hexDigit(v[i]) < 0 {
			return fmt.Errorf("the key of a membership authority is not hexadecimal at digit %d; copy the link again", i+1)
		}
	}
	l.Authority = v
	return nil
}

// addTracker takes a tier: one tracker, or several with a space between them.
func addTracker(l *Link, v string) error {
	var known []string
	for _, tier := range l.Tiers() {
		known = append(known, tier...)
	}
	for u := range strings.SplitSeq(v, " ") {
		if len(known) == MaxLinkTrackers {
			return fmt.Errorf("there are more than %d trackers; remove some", MaxLinkTrackers)
		}
		if slices.Contains(known, u) {
			return errors.New("this tracker stands here a second time; keep one")
		}
		if err := checkURL(u); err != nil {
			return err
		}
		known = append(known, u)
	}
	l.Trackers = append(l.Trackers, v)
	return nil
}

func addPeer(l *Link, v string) error {
	if len(l.Peers) == MaxLinkPeers {
		return fmt.Errorf("there are more than %d peers; remove some", MaxLinkPeers)
	}
	if slices.Contains(l.Peers, v) {
		return errors.New("this peer stands here a second time; keep one")
	}
	l.Peers = append(l.Peers, v)
	return checkHostPort(v)
}

// parseNumber reads a positive decimal number without sign or leading zeros.
func parseNumber(v string) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != v {
		return 0, errors.New("write a whole number above zero in plain digits, or remove the parameter")
	}
	return n, nil
}

// parseSeconds reads what formatSeconds writes.
func parseSeconds(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v + "s")
	if err != nil || d <= 0 || d > MaxLinkDuration || formatSeconds(d) != v {
		return 0, fmt.Errorf("write seconds above zero and up to %d in plain digits, such as 24 or 24.04, or remove the parameter", MaxLinkDuration/time.Second)
	}
	return d, nil
}

// formatSeconds writes seconds with up to three digits behind the point.
func formatSeconds(d time.Duration) string {
	s := strconv.FormatInt(int64(d/time.Second), 10)
	if ms := d % time.Second / time.Millisecond; ms > 0 {
		s += strings.TrimRight(fmt.Sprintf(".%03d", int64(ms)), "0")
	}
	return s
}

// checkText holds titles to one line. Characters that turn the direction of the text
// around them are refused, since they would turn the page's as well; letters of a
// right-to-left script need none.
func checkText(v string) error {
	if len(v) > MaxLinkText {
		return fmt.Errorf("the text has %d bytes, more than %d; shorten it", len(v), MaxLinkText)
	}
	for _, r := range v {
		if !isPrintable(r) {
			return fmt.Errorf("the text holds the control character U+%04X; remove it", r)
		}
	}
	return nil
}

func isPrintable(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return false
	case '\u202a' <= r && r <= '\u202e', '\u2066' <= r && r <= '\u2069':
		return false
	}
	return true
}

func checkURL(v string) error {
	if len(v) > MaxLinkURL {
		return fmt.Errorf("the URL has %d bytes, more than %d; shorten it", len(v), MaxLinkURL)
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r == ' ' || !isPrintable(r) }) {
		return errors.New("the URL holds a space or control character; remove it")
	}
	u, err := url.Parse(v)
	if err != nil {
		return fmt.Errorf("this is not a URL: %w; correct it", errors.Unwrap(err))
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the URL must begin with http:// or https://")
	case u.Hostname() == "":
		return errors.New("the URL names no host; write it between // and the next slash")
	case u.User != nil:
		return errors.New("a link is for everyone, so the URL must not hold a user name or password; remove them")
	case strings.Contains(v, "#"):
		return errors.New("the URL must not have a fragment; remove what begins with #")
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		return checkPort(p)
	}
	return nil
}

func checkMediaType(v string) error {
	major, minor, found := strings.Cut(v, "/")
	if !found || !isMediaToken(major) || !isMediaToken(minor) {
		return errors.New("a media type is written type/subtype, such as video/mp4")
	}
	return nil
}

// maxMediaToken bounds each half of a media type in bytes (RFC 6838, 4.2).
const maxMediaToken = 127

func isMediaToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$&-^_.+", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxMediaToken
}

func checkHostPort(v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New("a peer is written host:port, with an IPv6 address in square brackets")
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return errors.New("the host is neither an IP address nor a name; correct it")
	}
	return checkPort(port)
}

func isHostName(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-._", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= MaxLinkHost && s[0] != '-' && s[0] != '.'
}

func checkPort(v string) error {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != v {
		return errors.New("the port must be a number from 1 to 65535; correct it")
	}
	return nil
}
