package config

import (
	"fmt"
	"strings"
)

// Parameter is one key as "config show" tells it.
type Parameter struct {
	Key     string `json:"key"`
	Value   string `json:"value"`   // as in the file
	Default string `json:"default"` // as in the file
	Origin  Origin `json:"origin"`
	Env     string `json:"env"` // the environment variable that sets it
	Meaning string `json:"meaning"`
}

// Describe lists every parameter in the order of the sample file. [[channel]] is told as
// one parameter.
func (s *Settings) Describe() []Parameter {
	defaults := Default()
	before := fields(&defaults)
	var list []Parameter
	for i, f := range fields(&s.Config) {
		p := Parameter{
			Key: f.key, Value: literal(f.value), Default: literal(before[i].value),
			Origin: s.origin[f.key], Env: f.env(), Meaning: f.help,
		}
		if p.Origin == "" {
			p.Origin = FromDefault
		}
		list = append(list, p)
	}
	channels := Parameter{Key: "channel", Default: "0", Value: fmt.Sprint(len(s.Channels)), Origin: s.origin["channel"], Meaning: channelHelp}
	if channels.Origin == "" {
		channels.Origin = FromDefault
	}
	return append(list, channels)
}

const channelHelp = "Channels and films with words of your own; how many there are. Title, group and logo replace those of the link."

const sampleHead = `# Configuration of "swarmgate run".
#
# Every key may be left out. Behind "#" stands the default; take the "#" away to change it.
# An environment variable (http.listen: SWARMGATE_HTTP_LISTEN) is stronger than this file,
# a flag is stronger than both. "swarmgate config check" finds mistakes, "swarmgate config
# show" tells what counts and where it came from.
`

const sampleChannel = `
# Channels and films with words of your own. Title, group and logo replace those of the
# link. Repeat the section for each.
#[[channel]]
#link = "ppsp:live/…"
#title = "Our channel"
#group = "News"
#logo = "https://example.org/logo.png"
`

// sampleWidth is where lines of the sample end, in characters.
const sampleWidth = 92

// Sample returns the configuration file with every key, its meaning and its default.
func Sample() string {
	var b strings.Builder
	b.WriteString(sampleHead)
	c := Default()
	for _, f := range fields(&c) {
		section, key, nested := strings.Cut(f.key, ".")
		if !nested {
			key = section
		}
		if f.section != "" {
			b.WriteByte('\n')
			comment(&b, f.section)
			fmt.Fprintf(&b, "[%s]\n", section)
		}
		b.WriteByte('\n')
		comment(&b, f.help)
		fmt.Fprintf(&b, "#%s = %s\n", key, literal(f.value))
	}
	b.WriteString(sampleChannel)
	return b.String()
}

// comment writes text as comment lines.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len([]rune(line))+1+len([]rune(word)) > sampleWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
