package commandline

import (
	"fmt"
	"strings"
)

// maxEdits is how many letters may be wrong in a word that we still recognise.
const maxEdits = 2

// suggestion asks whether the nearest of the names was meant; it is empty when none is near.
func suggestion(word string, names []string) string {
	best, least := "", maxEdits+1
	for _, name := range names {
		d := edits(word, name)
		if bare := strings.Trim(word, "-"); len(bare) > 2 && strings.HasPrefix(name, word) {
			d = min(d, 1)
		} else if d == 0 || d >= len(bare) {
			continue
		}
		if d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", best)
}

// edits counts the letters that have to be put in, taken out or changed to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
