package wire

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// AppendHave appends a HAVE of the chunks (RFC 7574, 8.5). Like REQUEST and CANCEL, it
// becomes several messages where bins are used and r is none, and nothing if r does not
// fit.
func (f Format) AppendHave(b []byte, r chunk.Range) []byte {
	return f.appendMessages(b, TypeHave, r, nil)
}

// AppendRequest appends a REQUEST for the chunks (RFC 7574, 8.10).
func (f Format) AppendRequest(b []byte, r chunk.Range) []byte {
	return f.appendMessages(b, TypeRequest, r, nil)
}

// AppendCancel appends a CANCEL of what was requested (RFC 7574, 8.11).
func (f Format) AppendCancel(b []byte, r chunk.Range) []byte {
	return f.appendMessages(b, TypeCancel, r, nil)
}
