package contentdirectory

import (
	"errors"
	"fmt"
	"strings"
)

// words are the names of folders, and what stands before the next programme.
type words struct{ channels, favourites, recent, films, resume, next string }

var languages = map[string]words{
	"en": {"Channels", "Favourites", "Recently watched", "Films", "Continue watching", "Next:"},
	"de": {"Sender", "Favoriten", "Zuletzt gesehen", "Filme", "Weitersehen", "Danach:"},
	"es": {"Canales", "Favoritos", "Vistos recientemente", "Películas", "Seguir viendo", "Después:"},
	"ar": {"القنوات", "المفضلة", "شوهدت مؤخرًا", "الأفلام", "متابعة المشاهدة", "التالي:"},
}

// errLanguage is for a language that the folders have no names in.
var errLanguage = errors.New("is none of en, de, es, ar")

// CheckLanguage tells whether folders have names in a language (ISO 639); empty is English.
func CheckLanguage(language string) error {
	if _, ok := languages[language]; !ok && language != "" {
		return fmt.Errorf("language %q %w", language, errLanguage)
	}
	return nil
}

func wordsOf(language string) words {
	if w, ok := languages[strings.ToLower(language)]; ok {
		return w
	}
	return languages["en"]
}
