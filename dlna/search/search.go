// Package search reads and applies the criteria by which control points search a ContentDirectory
// (ContentDirectory:1, 2.5.5.1):
//
//	searchCrit := searchExp | "*"
//	searchExp  := relExp | searchExp logOp searchExp | "(" searchExp ")"
//	relExp     := property binOp quotedVal | property "exists" ("true" | "false")
//	logOp      := "and" | "or"             ("and" binds closer)
//	binOp      := "=" "!=" "<" "<=" ">" ">=" "contains" "doesNotContain" "derivedfrom"
//
// In a quotedVal a backslash stands before quotation marks and backslashes.
package search

import "strings"

// Bounds of criteria. Those of real devices have a dozen terms at most.
const (
	MaxLength = 4096 // bytes
	MaxDepth  = 32   // brackets in each other
	MaxTerms  = 128
)

// Object is what is searched: Property returns the value of a property such as "dc:title",
// "res@size" or "@id", and whether the object has it.
type Object interface {
	Property(name string) (value string, has bool)
}

// Criteria is what is searched for. The zero value fits everything.
type Criteria struct{ expression expression }

// Match tells whether an object fits.
func (c Criteria) Match(o Object) bool { return c.expression == nil || c.expression.match(o) }

// String returns the criteria in the form of the standard.
func (c Criteria) String() string {
	if c.expression == nil {
		return "*"
	}
	var b strings.Builder
	c.expression.write(&b)
	return b.String()
}

type expression interface {
	match(o Object) bool
	write(b *strings.Builder)
}

// all fits what each of several expressions fits.
type all []expression

func (a all) match(o Object) bool {
	for _, e := range a {
		if !e.match(o) {
			return false
		}
	}
	return true
}

func (a all) write(b *strings.Builder) { writeJoined(b, a, " and ") }

// either fits what one of several expressions fits.
type either []expression

func (a either) match(o Object) bool {
	for _, e := range a {
		if e.match(o) {
			return true
		}
	}
	return false
}

func (a either) write(b *strings.Builder) { writeJoined(b, a, " or ") }

func writeJoined(b *strings.Builder, parts []expression, by string) {
	for i, e := range parts {
		if i > 0 {
			b.WriteString(by)
		}
		_, joined := e.(relation)
		if !joined {
			b.WriteByte('(')
		}
		e.write(b)
		if !joined {
			b.WriteByte(')')
		}
	}
}

// relation compares one property.
type relation struct {
	property, value string
	operator        operator
	folded          string // value as it is compared
}

func (r relation) write(b *strings.Builder) {
	b.WriteString(r.property + " " + string(r.operator) + " ")
	if r.operator == exists {
		b.WriteString(r.value)
		return
	}
	b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(r.value) + `"`)
}
