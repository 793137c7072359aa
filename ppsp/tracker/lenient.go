package tracker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Number is an integer that others may write as a string, as RFC 7846's examples do.
type Number int64

// UnmarshalJSON reads 5 and "5"; null leaves n alone.
func (n *Number) UnmarshalJSON(b []byte) error {
	v, null, err := parseInteger(b)
	if err == nil && !null {
		*n = Number(v)
	}
	return err
}

func parseInteger(b []byte) (v int64, null bool, err error) {
	if string(b) == "null" {
		return 0, true, nil
	}
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		b = b[1 : len(b)-1]
	}
	v, err = strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%.40q is not an integer", b)
	}
	return v, false, nil
}

// List is an array of which others may write a single element without its brackets, as
// RFC 7846's examples do. It is always written as an array.
type List[T any] []T

// UnmarshalJSON reads an array, one element, or null, which leaves l empty.
func (l *List[T]) UnmarshalJSON(b []byte) error {
	*l = nil // a member that stands there twice must not mix with the first
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(l))
	}
	if string(b) == "null" {
		return nil
	}
	one := make([]T, 1)
	if err := json.Unmarshal(b, &one[0]); err != nil {
		return err
	}
	*l = one
	return nil
}
