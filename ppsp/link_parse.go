package ppsp

import "strings"

// ParseLink reads a link. The error is always a *LinkError. A link that comes back has
// metadata that Metadata.Validate accepts and stays within the bounds named in this package.
func ParseLink(s string) (Link, error) {
	l, err := parseLink(s)
	if err != nil {
		return Link{}, err
	}
	return l, nil
}

func parseLink(s string) (Link, *LinkError) {
	if len(s) > MaxLink {
		return Link{}, linkError(s, 0, 0, "has %d bytes, more than %d; copy it again, or leave out trackers and the logo", len(s), MaxLink)
	}
	if err := checkLinkCharacters(s); err != nil {
		return Link{}, err
	}
	l, next, err := parseLinkPath(s)
	if err != nil {
		return Link{}, err
	}
	if err := parseLinkParameters(s, next, &l); err != nil {
		return Link{}, err
	}
	if err := l.Metadata.Validate(); err != nil {
		start, end := swarmIDPlace(s)
		return Link{}, linkError(s, start, end, "%s; copy the link again or correct h, i, a, c", strings.ReplaceAll(err.Error(), "\n", ", "))
	}
	return l, nil
}

// parseLinkPath reads scheme, kind and swarm ID and returns where the parameters begin,
// len(s) if there are none.
func parseLinkPath(s string) (Link, int, *LinkError) {
	scheme, rest, found := strings.Cut(s, ":")
	if !found || !strings.EqualFold(scheme, LinkScheme) {
		return Link{}, 0, linkError(s, 0, len(scheme), "is not a link to a swarm; it begins with %s:live/ or %s:film/", LinkScheme, LinkScheme)
	}
	start := len(s) - len(rest)
	if strings.HasPrefix(rest, "//") {
		return Link{}, 0, linkError(s, start, start+2, "remove the two slashes; a link begins with %s:live/ or %s:film/", LinkScheme, LinkScheme)
	}
	end := len(s)
	if i := strings.IndexByte(s, '?'); i >= 0 {
		end = i
	}
	if end < start {
		return Link{}, 0, linkError(s, 0, end, "is not a link to a swarm; it begins with %s:live/ or %s:film/", LinkScheme, LinkScheme)
	}
	word, id, found := strings.Cut(s[start:end], "/")
	kind := Film
	switch {
	case strings.EqualFold(word, Live.String()):
		kind = Live
	case !strings.EqualFold(word, Film.String()):
		return Link{}, 0, linkError(s, start, start+len(word), "is not a kind of content; write live/ or film/ before the swarm ID")
	}
	if !found || id == "" {
		return Link{}, 0, linkError(s, end, end, "the swarm ID is missing; copy the whole link")
	}
	swarm, err := parseLinkSwarmID(s, end-len(id), end)
	if err != nil {
		return Link{}, 0, err
	}
	if kind == Live {
		if err := checkLiveKey(swarm); err != nil {
			return Link{}, 0, linkError(s, end-len(id), end, "%v; copy the whole link again", err)
		}
	}
	return NewLink(defaultsOf(kind, swarm)), end, nil
}

// parseLinkSwarmID reads s[start:end] and points at the first wrong digit.
func parseLinkSwarmID(s string, start, end int) (SwarmID, *LinkError) {
	for i := start; i < end; i++ {
		if hexDigit(s[i]) < 0 {
			return "", linkError(s, i, runeEnd(s, i, end), "is not hexadecimal, as a swarm ID is; copy the link again")
		}
	}
	if (end-start)%2 != 0 {
		return "", linkError(s, start, end, "the swarm ID has %d digits, an odd number, so one is missing; copy the link again", end-start)
	}
	id, err := ParseSwarmID(s[start:end])
	if err != nil {
		return "", linkError(s, start, end, "%v; copy the link again", err)
	}
	return id, nil
}

func swarmIDPlace(s string) (start, end int) {
	end = len(s)
	if i := strings.IndexByte(s, '?'); i >= 0 {
		end = i
	}
	return strings.LastIndexByte(s[:end], '/') + 1, end
}

// parseLinkParameters reads what follows the "?" at s[at], if anything does.
func parseLinkParameters(s string, at int, l *Link) *LinkError {
	seen := make(map[string]bool)
	for at < len(s) {
		start := at + 1
		at = len(s)
		if i := strings.IndexByte(s[start:], '&'); i >= 0 {
			at = start + i
		}
		name, _, found := strings.Cut(s[start:at], "=")
		if !found || name == "" {
			return linkError(s, start, at, "a parameter is written name=value; remove this or complete it")
		}
		if strings.HasPrefix(name, "x-") {
			continue
		}
		if seen[name] && name != "tr" && name != "peer" {
			return linkError(s, start, at, "the parameter %s stands here a second time; keep one", name)
		}
		seen[name] = true
		if err := parseLinkParameter(s, start, at, name, l); err != nil {
			return err
		}
	}
	return nil
}

func parseLinkParameter(s string, start, end int, name string, l *Link) *LinkError {
	set := linkParameter(name)
	if set == nil {
		return linkError(s, start, end, "the parameter %s is unknown; correct or remove it, or use a newer version of this program", shorten(name, maxLinkErrorPart))
	}
	value, err := unescapeLinkValue(s, start+len(name)+1, end)
	if err != nil {
		return err
	}
	if value == "" {
		return linkError(s, start, end, "the parameter has no value; add one or remove it")
	}
	if err := set(l, value); err != nil {
		return linkError(s, start, end, "%v", err)
	}
	return nil
}
