package web

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pluralForms are those that numbers have, by Unicode's CLDR; the page asks Intl.PluralRules for them.
var pluralForms = map[string][]string{
	"ar": {"few", "many", "one", "other", "two", "zero"},
	"de": {"one", "other"},
	"en": {"one", "other"},
	"es": {"one", "other"}, // and many, from a million on
}

// dictionary reads a dictionary of the page: by key its text, of a count those of its forms by key and form.
func dictionary(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(text), " = {\n")
	body, _, end := strings.Cut(body, "\n};")
	if !ok || !end {
		t.Fatalf("%s holds no dictionary", path)
	}
	entry := regexp.MustCompile(`(?s)([\w-]+|'[\w.-]+'): (?:'((?:[^'\\]|\\.)*)'|\{(.*?[^\w]\s*)\})`)
	words := map[string]string{}
	for _, found := range entry.FindAllStringSubmatch(body, -1) {
		key := strings.Trim(found[1], "'")
		if found[3] == "" {
			words[key] = found[2]
			continue
		}
		for _, form := range entry.FindAllStringSubmatch(found[3], -1) {
			words[key+" "+form[1]] = form[2]
		}
	}
	return words
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// names are the keys of a dictionary with the placeholders of their texts.
func names(words map[string]string) map[string][]string {
	all := map[string][]string{}
	for key, text := range words {
		name, _, counts := strings.Cut(key, " ")
		marks := placeholder.FindAllString(text, -1)
		if counts {
			marks = append(marks, "{n}") // one and two may be words
		}
		all[name] = slices.Compact(slices.Sorted(slices.Values(append(all[name], marks...))))
	}
	return all
}

// TestLanguagesSayTheSame compares every dictionary of the page with the English one: the same keys, nothing empty, the same
// to fill in, and all forms of numbers that the language has.
func TestLanguagesSayTheSame(t *testing.T) {
	files, err := filepath.Glob("page/src/lang/*.ts")
	if err != nil || len(files) != len(pluralForms) {
		t.Fatalf("%d dictionaries, want %d: %v", len(files), len(pluralForms), err)
	}
	english := names(dictionary(t, "page/src/lang/en.ts"))
	if len(english) < 140 {
		t.Fatalf("only %d keys were found", len(english))
	}
	for _, file := range files {
		language := strings.TrimSuffix(filepath.Base(file), ".ts")
		words := dictionary(t, file)
		have := names(words)
		for _, key := range slices.Sorted(maps.Keys(english)) {
			if _, ok := have[key]; !ok {
				t.Errorf("%s lacks %s", language, key)
			} else if !slices.Equal(have[key], english[key]) {
				t.Errorf("%s fills %v into %s, want %v", language, have[key], key, english[key])
			}
		}
		forms := map[string][]string{} // by key
		for _, key := range slices.Sorted(maps.Keys(words)) {
			name, form, counts := strings.Cut(key, " ")
			if _, ok := english[name]; !ok {
				t.Errorf("%s has %s, which English lacks", language, name)
			}
			if strings.TrimSpace(words[key]) == "" {
				t.Errorf("%s: %s is empty", language, key)
			}
			if counts {
				forms[name] = append(forms[name], form)
			}
		}
		if len(forms) < 4 {
			t.Errorf("%s counts only %d things", language, len(forms))
		}
		for name, have := range forms {
			alike := len(pluralForms[language]) == 2 && slices.Equal(have, []string{"other"}) // one and many are said alike
			if want := pluralForms[language]; !alike && !slices.Equal(have, want) {
				t.Errorf("%s says %s of numbers of the forms %v, want %v", language, name, have, want)
			}
		}
	}
}
