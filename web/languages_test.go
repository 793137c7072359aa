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
	sayTheSame(t, "page/src/lang", 140, 4)
	sayTheSame(t, "page/src/owner/lang", 120, 0)
}

// sayTheSame compares the dictionaries of a folder, which have so many keys and count so many things at least. What settings
// mean the gateway itself says in English.
func sayTheSame(t *testing.T, folder string, keys, counted int) {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.ts")
	if err != nil || len(files) != len(pluralForms) {
		t.Fatalf("%d dictionaries, want %d: %v", len(files), len(pluralForms), err)
	}
	english := names(dictionary(t, folder+"/en.ts"))
	if len(english) < keys {
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
			if _, ok := english[name]; !ok && !strings.HasPrefix(name, "meaning.") {
				t.Errorf("%s has %s, which English lacks", language, name)
			}
			if strings.TrimSpace(words[key]) == "" {
				t.Errorf("%s: %s is empty", language, key)
			}
			if counts {
				forms[name] = append(forms[name], form)
			}
		}
		if len(forms) < counted {
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

// TestSettingsHaveNames: each setting and its section are named in every language, and what can be changed is explained.
func TestSettingsHaveNames(t *testing.T) {
	all := listed(t, askOf(t, settingsServer(t, t.TempDir(), Access{}), "/api/v1/settings", ""))
	for language := range pluralForms {
		words := dictionary(t, "page/src/owner/lang/"+language+".ts")
		for key, s := range all {
			section, _, nested := strings.Cut(key, ".")
			if !nested {
				section = "general"
			}
			if words["setting."+key] == "" || words["section."+section] == "" {
				t.Errorf("%s has no name for %s", language, key)
			}
			if s.Changeable && language != "en" && words["meaning."+key] == "" {
				t.Errorf("%s does not say what %s means", language, key)
			}
		}
		for key := range words {
			kind, name, _ := strings.Cut(key, ".")
			if _, there := all[name]; !there && (kind == "setting" || kind == "meaning") {
				t.Errorf("%s has %s, which is no setting", language, key)
			}
		}
	}
}
