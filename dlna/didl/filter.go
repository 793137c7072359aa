package didl

import "strings"

// Filter is the set of properties that a control point asks for (ContentDirectory:1,
// 2.5.7). The zero value lets everything pass. Those that DIDL-Lite demands pass any.
type Filter struct {
	names map[string]bool // nil for all
}

// maxFilter bounds the names that are kept of a Filter argument.
const maxFilter = 64

// ParseFilter reads a Filter argument: "*", or names of properties with commas between
// them ("dc:title,res@size,@childCount"). An empty one, which by the standard asks for
// nothing but what DIDL-Lite demands, is taken for "*": those who send it want to play.
func ParseFilter(s string) Filter {
	s = strings.TrimSpace(s)
	if s == "" || s == "*" {
		return Filter{}
	}
	names := make(map[string]bool)
	for name := range strings.SplitSeq(s, ",") {
		name = strings.TrimSpace(name)
		if name == "*" {
			return Filter{}
		}
		if len(names) < maxFilter {
			names[name] = true
			if element, _, isAttribute := strings.Cut(name, "@"); isAttribute && element != "" {
				names[element] = true // an attribute needs its element
			}
		}
	}
	return Filter{names}
}

// Has tells whether a property passes.
func (f Filter) Has(name string) bool { return f.names == nil || f.names[name] }
