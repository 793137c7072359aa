package search

import (
	"cmp"
	"strconv"
	"strings"
)

// operator is an operator of a relation, as the standard writes it.
type operator string

const (
	equal          operator = "="
	notEqual       operator = "!="
	less           operator = "<"
	lessOrEqual    operator = "<="
	greater        operator = ">"
	greaterOrEqual operator = ">="
	contains       operator = "contains"
	doesNotContain operator = "doesNotContain"
	derivedFrom    operator = "derivedfrom"
	startsWith     operator = "startsWith" // of ContentDirectory:2; devices ask whatever we are
	exists         operator = "exists"
)

// words are the operators that are written as words; devices don't agree on capital letters.
var words = []operator{contains, doesNotContain, derivedFrom, startsWith, exists}

// fold makes texts alike that people take for the same.
func fold(s string) string { return strings.ToLower(s) }

// match compares. "Any property value query (as distinct from an existence query) applied to an
// object that does not have that property, evaluates to false" (2.5.5.1).
func (r relation) match(o Object) bool {
	value, has := o.Property(r.property)
	if r.operator == exists {
		return has == (r.value == "true")
	}
	if !has {
		return false
	}
	value = fold(value)
	switch r.operator {
	case contains:
		return strings.Contains(value, r.folded)
	case doesNotContain:
		return !strings.Contains(value, r.folded)
	case startsWith:
		return strings.HasPrefix(value, r.folded)
	case derivedFrom:
		rest, derived := strings.CutPrefix(value, r.folded)
		return derived && (rest == "" || rest[0] == '.')
	}
	c := compare(value, r.folded)
	switch r.operator {
	case equal:
		return c == 0
	case notEqual:
		return c != 0
	case less:
		return c < 0
	case lessOrEqual:
		return c <= 0
	case greater:
		return c > 0
	}
	return c >= 0
}

// compare orders two values: as numbers or as durations where both are, else as texts.
func compare(a, b string) int {
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(a, b)
}

// number reads "353455", or a duration as "0:00:24.000", in seconds.
func number(s string) (float64, bool) {
	if strings.Trim(s, "0123456789:.-") != "" {
		return 0, false // "nan" and "1e3" are texts
	}
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, false
	}
	var sum float64
	for _, p := range parts {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return 0, false
		}
		sum = sum*60 + v
	}
	return sum, true
}
