package auth

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Register keeps who enrolled for several trackers, as tracker.Table does.
type Register interface {
	// Spend counts a use of a code, and makes the entry of a token; false when the code was used up.
	Spend(ctx context.Context, code string, uses int, token, entry string) (bool, error)
	// Entry returns the entry of a token; false for none.
	Entry(ctx context.Context, token string) (entry string, ok bool, err error)
}

// sharedFresh is for how long a token that the Register took back may still be good.
const sharedFresh = time.Minute

// Share has all trackers of a Register know whom one of them enrols, and count the uses of codes
// together. It takes the place of Keep, and is called before the first request.
func (e *Enrolment) Share(r Register) { e.shared = r }

// Names of what is in a Register: hashes alone, as in the file.
func codeName(code [32]byte) string   { return "code " + hex.EncodeToString(code[:]) }
func tokenName(token [32]byte) string { return "token " + hex.EncodeToString(token[:]) }

// spend enrols by the Register.
func (e *Enrolment) spend(ctx context.Context, token, code [32]byte, uses int, line string) error {
	done, err := e.shared.Spend(ctx, codeName(code), uses, tokenName(token), line)
	switch {
	case err != nil:
		return errKeeping
	case !done:
		return errCode
	}
	return nil
}

// ask looks a token up in the Register.
func (e *Enrolment) ask(ctx context.Context, token [32]byte) (enrolled, bool, error) {
	line, ok, err := e.shared.Entry(ctx, tokenName(token))
	if err != nil || !ok {
		return enrolled{}, false, err
	}
	fields := strings.Fields(line)
	if len(fields) != 4 {
		return enrolled{}, false, errors.New("the shared entry of a token is damaged")
	}
	until, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return enrolled{}, false, err
	}
	who := enrolled{strings.TrimPrefix(fields[2], "-"), until}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.names) < MaxEnrolled {
		e.names[token] = who
	}
	return who, true, nil
}
