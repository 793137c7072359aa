package tracker

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// root is the message element around every request and response (RFC 7846, 3.4).
type root[T any] struct {
	Message T `json:"PPSPTrackerProtocol"`
}

// EncodeRequest writes r with Version set.
func EncodeRequest(r *Request) ([]byte, error) {
	out := *r
	out.Version = Version
	return json.Marshal(root[Request]{out})
}

// EncodeResponse writes r with Version set.
func EncodeResponse(r *Response) ([]byte, error) {
	return appendResponse(nil, r), nil
}

// head is what every version of a message has, as far as one can know.
type head struct {
	Version       Number `json:"version"`
	TransactionID string `json:"transaction_id"`
}

// decodeHead unwraps the message element and checks its version. The ID comes along with
// an error when it could be read.
func decodeHead(b []byte) (message []byte, id string, err *Error) {
	var outer root[json.RawMessage]
	if err := json.Unmarshal(b, &outer); err != nil {
		return nil, "", badRequest("%v", err)
	}
	var h head
	if outer.Message == nil {
		return nil, "", badRequest("there is no PPSPTrackerProtocol element")
	}
	if err := json.Unmarshal(outer.Message, &h); err != nil {
		return nil, "", badRequest("%v", err)
	}
	if err := checkID("transaction_id", h.TransactionID, MaxTransactionID); err != nil {
		return nil, "", err
	}
	switch {
	case h.Version == Version:
		return outer.Message, h.TransactionID, nil
	case h.Version < 1 || h.Version > 255:
		return nil, h.TransactionID, badRequest("version is missing or outside 1 to 255")
	}
	return nil, h.TransactionID, &Error{Code: UnsupportedVersion, Reason: fmt.Sprintf("version %d, want %d", h.Version, Version)}
}

// DecodeRequest reads and checks a request. The error is always an *Error to answer with;
// the request that comes with it holds the transaction ID alone, if that could be read.
func DecodeRequest(b []byte) (*Request, error) {
	if r, ok := scanRequest(string(b)); ok {
		return r, nil
	}
	return decodeLeniently(b)
}

// decodeLeniently reads what is not plain, or wrong.
func decodeLeniently(b []byte) (*Request, error) {
	message, id, err := decodeHead(b)
	if err != nil {
		return &Request{TransactionID: id}, err
	}
	// The FIND example of RFC 7846, 4.1.2.1 has the members of "find" beside request_type.
	var r struct {
		Request
		SwarmID string   `json:"swarm_id"`
		PeerNum *PeerNum `json:"peer_num"`
	}
	if err := json.Unmarshal(message, &r); err != nil {
		return &Request{TransactionID: id}, badRequest("%v", err)
	}
	if r.Find == nil && r.SwarmID != "" {
		r.Find = &Find{SwarmID: r.SwarmID, PeerNum: r.PeerNum}
	}
	if err := r.check(); err != nil {
		return &Request{TransactionID: id}, err
	}
	return &r.Request, nil
}

// DecodeResponse reads a response. An error means that it is invalid, so that the request
// is to be repeated (RFC 7846, 4.3); a response of type Failed is none.
func DecodeResponse(b []byte) (*Response, error) {
	message, _, err := decodeHead(b)
	if err != nil {
		return nil, err
	}
	var r Response
	if err := json.Unmarshal(message, &r); err != nil {
		return nil, badRequest("%v", err)
	}
	if r.ResponseType != Successful && r.ResponseType != Failed {
		return nil, badRequest("response_type %d is neither 0 nor 1", r.ResponseType)
	}
	return &r, nil
}

// checkID refuses what is no identifier: empty, over long, or not plain text.
func checkID(name, id string, limit int) *Error {
	switch {
	case id == "":
		return badRequest("%s is missing", name)
	case len(id) > limit:
		return badRequest("%s has %d bytes, more than %d", name, len(id), limit)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return badRequest("%s holds control characters", name)
	}
	return nil
}
