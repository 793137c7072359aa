package tracker

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrorCode says why a request failed (RFC 7846, 4.3 and Table 9).
type ErrorCode uint8

// The registered codes.
const (
	NoError                ErrorCode = 0
	BadRequest             ErrorCode = 1
	UnsupportedVersion     ErrorCode = 2
	ForbiddenAction        ErrorCode = 3
	InternalServerError    ErrorCode = 4
	ServiceUnavailable     ErrorCode = 5
	AuthenticationRequired ErrorCode = 6
)

// codes holds for each code the words of Table 9 and the HTTP status that goes with it:
// RFC 7846 names none, but proxies and monitoring understand only that one.
var codes = [...]struct {
	words  string
	status int
}{
	NoError:                {"no error", http.StatusOK},
	BadRequest:             {"bad request", http.StatusBadRequest},
	UnsupportedVersion:     {"unsupported version number", http.StatusBadRequest},
	ForbiddenAction:        {"forbidden action", http.StatusForbidden},
	InternalServerError:    {"internal server error", http.StatusInternalServerError},
	ServiceUnavailable:     {"service unavailable", http.StatusServiceUnavailable},
	AuthenticationRequired: {"authentication required", http.StatusUnauthorized},
}

// String returns code and words as in Table 9: "06 authentication required".
func (c ErrorCode) String() string {
	if int(c) < len(codes) {
		return fmt.Sprintf("%02d %s", uint8(c), codes[c].words)
	}
	return fmt.Sprintf("%02d unknown error", uint8(c))
}

// HTTPStatus returns the status that the server sends with the code.
func (c ErrorCode) HTTPStatus() int {
	if int(c) < len(codes) {
		return codes[c].status
	}
	return http.StatusInternalServerError
}

// UnmarshalJSON reads the code as Number does.
func (c *ErrorCode) UnmarshalJSON(b []byte) error {
	v, null, err := parseInteger(b)
	if err != nil || null {
		return err
	}
	if v < 0 || v > 255 {
		return fmt.Errorf("error_code %d is outside 0 to 255", v)
	}
	*c = ErrorCode(v)
	return nil
}

// Error is a refusal by the tracker: what Client's methods wrap when the response type is
// Failed, and what the decoders return.
type Error struct {
	Code   ErrorCode
	Reason string // more about it, for logs; the protocol does not carry it
}

// Error returns code, words and reason.
func (e *Error) Error() string {
	if e.Reason == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Reason
}

// Forgotten tells whether err means that the tracker does not know the peer, or not in
// that swarm, so that it has to join again: after a restart of the tracker it answers 03
// to FIND and STAT_REPORT (RFC 7846, 2.3.2 B and C).
func Forgotten(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == ForbiddenAction
}

func badRequest(format string, a ...any) *Error {
	return &Error{Code: BadRequest, Reason: fmt.Sprintf(format, a...)}
}
