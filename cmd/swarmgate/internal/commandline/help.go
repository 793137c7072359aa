package commandline

import (
	"strings"
	"unicode/utf8"
)

// minWidth is the narrowest that help gets; indent stands before what is listed, gap behind
// its names.
const (
	minWidth = 40
	indent   = 2
	gap      = 4
)

// help is what --help prints of a command.
func (l *Line) help(n *node, width int) string {
	width = max(width, minWidth)
	var b strings.Builder
	b.WriteString(wrapped("Usage: "+n.usage(), 0, len("Usage: "), width))
	b.WriteString("\n" + wrapped(n.help, 0, 0, width))
	if h, ok := n.target.(interface{ Help() string }); ok {
		for paragraph := range strings.SplitSeq(strings.TrimSpace(h.Help()), "\n\n") {
			b.WriteString("\n" + wrapped(paragraph, 0, 0, width))
		}
	}
	var rows [][2]string
	for _, s := range n.args {
		label := s.assignment()
		if !s.required {
			label = "[" + label + "]"
		}
		rows = append(rows, [2]string{label, s.help})
	}
	table(&b, "Arguments", rows, width)
	rows = [][2]string{{"-h, --help", "Show this help."}}
	for _, s := range n.flags {
		if s.hidden {
			continue
		}
		label := "    " + s.assignment()
		if s.short != "" {
			label = "-" + s.short + ", " + s.assignment()
		}
		rows = append(rows, [2]string{label, s.help})
	}
	table(&b, "Flags", rows, width)
	table(&b, "Commands", n.commands(""), width)
	if len(n.children) > 0 {
		b.WriteString("\n" + wrapped(`Run "`+n.words()+` <command> --help" for more information on a command.`, 0, 0, width))
	}
	return b.String()
}

// usage is the form of the command's line.
func (n *node) usage() string {
	if len(n.children) > 0 {
		return n.words() + " <command>"
	}
	var words strings.Builder
	words.WriteString(n.words())
	for _, s := range n.flags {
		if s.required {
			words.WriteString(" " + s.assignment())
		}
	}
	for _, s := range n.args {
		if s.required {
			words.WriteString(" " + s.assignment())
		} else {
			words.WriteString(" [" + s.assignment() + "]")
		}
	}
	return words.String() + " [flags]"
}

// commands lists those that can be run, those of groups with the group's words before them.
func (n *node) commands(before string) [][2]string {
	var rows [][2]string
	if before == "" && n.command.HasParent() {
		_, before, _ = strings.Cut(n.words()+" ", " ")
	}
	for _, child := range n.children {
		switch name := before + child.command.Name(); {
		case child.hidden:
		case len(child.children) > 0:
			rows = append(rows, child.commands(name+" ")...)
		default:
			rows = append(rows, [2]string{name, child.help})
		}
	}
	return rows
}

// table writes names on the left and sentences on the right. A name that takes more than
// two fifths of the width has a line of its own.
func table(b *strings.Builder, title string, rows [][2]string, width int) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n" + title + ":\n")
	left := 0
	for _, row := range rows {
		if n := indent + utf8.RuneCountInString(row[0]) + gap; n <= width*2/5+gap {
			left = max(left, n)
		}
	}
	left = max(left, indent+gap)
	for _, row := range rows {
		name := strings.Repeat(" ", indent) + row[0]
		if n := utf8.RuneCountInString(name); n+gap > left {
			b.WriteString(name + "\n" + wrapped(row[1], left, left, width))
		} else {
			b.WriteString(name + strings.TrimPrefix(wrapped(row[1], left, left, width), strings.Repeat(" ", n)))
		}
	}
}

// wrapped breaks words into lines of at most width characters, the first indented by first,
// the others by others.
func wrapped(words string, first, others, width int) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", first))
	at, begun := first, false
	for word := range strings.FieldsSeq(words) {
		n := utf8.RuneCountInString(word)
		switch {
		case begun && at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", others))
			at = others
		case begun:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at, begun = at+n, true
	}
	b.WriteByte('\n')
	return b.String()
}
