package search

import (
	"errors"
	"fmt"
	"strings"
)

// Parse reads a SearchCriteria argument. An empty one is taken for "*".
func Parse(s string) (Criteria, error) {
	if len(s) > MaxLength {
		return Criteria{}, fmt.Errorf("search criteria have more than %d bytes", MaxLength)
	}
	p := parser{rest: s, whole: len(s)}
	p.space()
	if p.rest == "" || strings.TrimRight(p.rest, white) == "*" {
		return Criteria{}, nil
	}
	e, err := p.expression(0)
	if err == nil && p.rest != "" {
		err = errors.New("and, or, or the end is missing")
	}
	if err != nil {
		return Criteria{}, fmt.Errorf("search criteria at byte %d: %w", p.whole-len(p.rest), err)
	}
	return Criteria{e}, nil
}

const white = " \t\n\v\f\r"

// parser reads from the front of rest.
type parser struct {
	rest         string
	whole, terms int
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, white) }

// expression reads terms with "or" between them.
func (p *parser) expression(depth int) (expression, error) {
	return p.joined("or", func() (expression, error) {
		return p.joined("and", func() (expression, error) { return p.term(depth) }, func(list []expression) expression { return all(list) })
	}, func(list []expression) expression { return either(list) })
}

// joined reads parts with a word between them.
func (p *parser) joined(word string, part func() (expression, error), join func([]expression) expression) (expression, error) {
	var list []expression
	for {
		e, err := part()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.word(word) {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return join(list), nil
}

// word reads a word if it is next.
func (p *parser) word(word string) bool {
	n := len(word)
	if len(p.rest) <= n || !strings.EqualFold(p.rest[:n], word) || !strings.ContainsRune(white+"(", rune(p.rest[n])) {
		return false
	}
	p.rest = p.rest[n:]
	p.space()
	return true
}

// term reads a relation, or an expression in brackets.
func (p *parser) term(depth int) (expression, error) {
	if p.terms++; p.terms > MaxTerms {
		return nil, fmt.Errorf("more than %d terms", MaxTerms)
	}
	inner, bracket := strings.CutPrefix(p.rest, "(")
	if !bracket {
		return p.relation()
	}
	if depth == MaxDepth {
		return nil, fmt.Errorf("more than %d brackets in each other", MaxDepth)
	}
	p.rest = inner
	p.space()
	e, err := p.expression(depth + 1)
	if err != nil {
		return nil, err
	}
	rest, closed := strings.CutPrefix(p.rest, ")")
	if !closed {
		return nil, errors.New("a bracket is not closed")
	}
	p.rest = rest
	p.space()
	return e, nil
}

func (p *parser) relation() (expression, error) {
	end := strings.IndexAny(p.rest, white+`"()=<>!`)
	if end <= 0 {
		return nil, errors.New("the name of a property is missing")
	}
	r := relation{property: p.rest[:end]}
	p.rest = p.rest[end:]
	p.space()
	var err error
	if r.operator, err = p.operator(); err != nil {
		return nil, err
	}
	p.space()
	if r.operator == exists {
		r.value, err = p.truth()
	} else {
		r.value, err = p.quoted()
	}
	r.folded = fold(r.value)
	p.space()
	return r, err
}

func (p *parser) operator() (operator, error) {
	for _, o := range []operator{notEqual, lessOrEqual, greaterOrEqual, equal, less, greater} { // longer ones first
		if rest, ok := strings.CutPrefix(p.rest, string(o)); ok {
			p.rest = rest
			return o, nil
		}
	}
	end := strings.IndexAny(p.rest, white+`"`)
	if end > 0 {
		for _, o := range words {
			if strings.EqualFold(p.rest[:end], string(o)) {
				p.rest = p.rest[end:]
				return o, nil
			}
		}
	}
	return "", errors.New("an operator is missing")
}

// truth reads what an existence is compared with; some devices put it in quotation marks.
func (p *parser) truth() (string, error) {
	rest, quoted := strings.CutPrefix(p.rest, `"`)
	for _, word := range []string{"true", "false"} {
		if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
			continue
		}
		rest = rest[len(word):]
		if quoted {
			if rest, quoted = strings.CutPrefix(rest, `"`); !quoted {
				break
			}
		}
		if rest != "" && !strings.ContainsRune(white+")", rune(rest[0])) {
			break
		}
		p.rest = rest
		return word, nil
	}
	return "", errors.New("exists is followed by true or false")
}

// quoted reads a value in quotation marks.
func (p *parser) quoted() (string, error) {
	if p.rest == "" || p.rest[0] != '"' {
		return "", errors.New("a value in quotation marks is missing")
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("quotation marks are not closed")
}
