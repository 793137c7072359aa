package auth

import "strings"

// maxHeader bounds an Authorization or WWW-Authenticate header that is read, bytes.
const maxHeader = 4096

// parameters reads what follows the scheme of an Authorization or WWW-Authenticate header:
// name=value pairs separated by commas, values plain or in quotation marks (RFC 7235, 2.1).
// Names become lower case. ok is false for anything else, and where a name comes twice.
func parameters(s string) (p map[string]string, ok bool) {
	p = map[string]string{}
	for len(s) <= maxHeader {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return p, true
		}
		name, rest, found := strings.Cut(s, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !found || name == "" || strings.ContainsAny(name, " \t,\"") {
			return nil, false
		}
		if _, twice := p[name]; twice {
			return nil, false
		}
		var value string
		if rest = strings.TrimLeft(rest, " \t"); strings.HasPrefix(rest, `"`) {
			value, s, found = quoted(rest[1:])
			if !found {
				return nil, false
			}
		} else {
			end := strings.IndexAny(rest, ", \t")
			if end < 0 {
				end = len(rest)
			}
			value, s = rest[:end], rest[end:]
		}
		p[name] = value
		if t := strings.TrimLeft(s, " \t"); t != "" && t[0] != ',' {
			return nil, false
		}
	}
	return nil, false
}

// quoted reads up to the closing quotation mark.
func quoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// quote is the way back.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// scheme splits a header into scheme and what follows, if it is that scheme.
func scheme(header, want string) (rest string, ok bool) {
	if len(header) <= len(want) || header[len(want)] != ' ' || !strings.EqualFold(header[:len(want)], want) {
		return "", false
	}
	return header[len(want)+1:], true
}
