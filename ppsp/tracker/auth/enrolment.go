package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// EnrolPath is where peers enrol (RFC 7846, 6.1): POST of {"code": "…"} as JSON, with a
// "peer_id" for a token that is for that peer alone, is answered by {"token": "…"}.
const EnrolPath = "/enroll"

// Bounds of enrolment.
const (
	MaxEnrolled  = 100_000
	MaxCodes     = 100_000
	minCode      = 12      // bytes
	maxUses      = 1 << 30 // of a code
	maxDays      = 3650    // of a token
	maxEnrolBody = 1 << 10 // bytes
)

// Enrolment gives tokens to peers that know a code, and remembers them in a file, of which it
// keeps hashes alone: lines of token, code, peer ID or "-", and when it ends, seconds since 1970,
// 0 for never. Who takes a line out takes the token back at the next start. With Share it does so in a
// table that several trackers have. Its methods may be called from any goroutine.
type Enrolment struct {
	// Banned tells who is shut out, as tracker.ServerConfig's does, and is set before the first
	// request; nil for nobody.
	Banned func(from netip.Addr, peerID string) bool

	path  string
	now   func() time.Time
	add   func(path, line string) error // appendLine
	guard guard                         // counts all tries, right or wrong

	enrolling sync.Mutex // held while one peer enrols, the disk's time included

	shared Register // nil for the file, see Share

	mu    sync.Mutex // held for a moment, after enrolling, since each request of a peer asks
	codes map[[32]byte]*code
	names map[[32]byte]enrolled
	fresh time.Time // since when names is what the Register says
}

// code is one of those by which peers enrol.
type code struct {
	uses, left int
	life       time.Duration // of a token by it, 0 for without end
}

// enrolled is whose a token is.
type enrolled struct {
	peer  string // empty for anybody's
	until int64  // seconds since 1970, 0 for without end
}

func (e enrolled) holds(now time.Time) bool { return e.until == 0 || now.Unix() < e.until }

// ReadCodes reads lines of a code, how many peers may enrol by it, and for how many days: one peer and
// without end, if nothing is said. Empty lines, and those that begin with #, are ignored.
func ReadCodes(r io.Reader) (*Enrolment, error) {
	e := &Enrolment{codes: map[[32]byte]*code{}, names: map[[32]byte]enrolled{}, now: time.Now, add: appendLine}
	err := eachLine(r, func(line string) error {
		fields := strings.Fields(line)
		if len(fields) > 3 || len(fields[0]) < minCode {
			return fmt.Errorf("write a code of %d characters or more, how many peers may use it, and for how many days", minCode)
		}
		c := &code{uses: 1}
		var err error
		if len(fields) > 1 {
			if c.uses, err = strconv.Atoi(fields[1]); err != nil || c.uses < 1 || c.uses > maxUses {
				return fmt.Errorf("%.20q is no number of peers", fields[1])
			}
		}
		if len(fields) > 2 {
			days, err := strconv.Atoi(fields[2])
			if err != nil || days < 1 || days > maxDays {
				return fmt.Errorf("%.20q is no number of days from 1 to %d", fields[2], maxDays)
			}
			c.life = time.Duration(days) * 24 * time.Hour
		}
		c.left = c.uses
		sum := sha256.Sum256([]byte(fields[0]))
		if e.codes[sum] != nil {
			return errors.New("the code is there twice")
		}
		if len(e.codes) >= MaxCodes {
			return fmt.Errorf("there are more than %d codes", MaxCodes)
		}
		e.codes[sum] = c
		return nil
	})
	if err == nil && len(e.codes) == 0 {
		err = errors.New("there is no code in it; write one a line")
	}
	return e, err
}

// Keep remembers in this file who enrolled, and reads who did before.
func (e *Enrolment) Keep(path string) error {
	e.path = path
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := wholeLines(f) // whose line is torn got no token
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(io.NewSectionReader(f, 0, end))
	for n := 1; lines.Scan(); n++ {
		if err := e.remember(lines.Text()); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		}
	}
	return lines.Err()
}

func (e *Enrolment) remember(line string) error {
	var token, code [32]byte
	fields := strings.Fields(line)
	if len(fields) < 3 || len(fields) > 4 { // three by an older program
		return errors.New("it is not of four parts; take the line out")
	}
	who := enrolled{peer: strings.TrimPrefix(fields[2], "-")}
	if len(fields) == 4 {
		var err error
		if who.until, err = strconv.ParseInt(fields[3], 10, 64); err != nil {
			return errors.New("its end is damaged; take the line out")
		}
	}
	for i, to := range []*[32]byte{&token, &code} {
		b, err := hex.DecodeString(fields[i])
		if err != nil || len(b) != len(to) {
			return errors.New("its hash is damaged; take the line out")
		}
		copy(to[:], b)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.codes[code]; c != nil {
		c.left--
	}
	if !who.holds(e.now()) {
		return nil
	}
	if e.full() {
		return fmt.Errorf("more than %d peers enrolled", MaxEnrolled)
	}
	e.names[token] = who
	return nil
}

// full tells whether there is no room for another token, once those that have ended are out. The caller holds mu.
func (e *Enrolment) full() bool {
	if len(e.names) < MaxEnrolled {
		return false
	}
	now := e.now()
	maps.DeleteFunc(e.names, func(_ [32]byte, who enrolled) bool { return !who.holds(now) })
	return len(e.names) >= MaxEnrolled
}

// named tells whose an enrolled token is, empty for anybody's.
func (e *Enrolment) named(token [32]byte) (name string, ok bool) {
	name, ok, _ = e.whose(context.Background(), token)
	return name, ok
}

// whose tells the same, or that it can't be told.
func (e *Enrolment) whose(ctx context.Context, token [32]byte) (name string, ok bool, err error) {
	if e == nil {
		return "", false, nil
	}
	now := e.now()
	e.mu.Lock()
	if e.shared != nil && now.Sub(e.fresh) > sharedFresh {
		clear(e.names)
		e.fresh = now
	}
	who, ok := e.names[token]
	e.mu.Unlock()
	if !ok && e.shared != nil {
		if who, ok, err = e.ask(ctx, token); err != nil {
			return "", false, err
		}
	}
	if !ok || !who.holds(now) {
		return "", false, nil
	}
	return who.peer, true, nil
}

// Reasons why nobody is enrolled.
var (
	errCode    = errors.New("this code is unknown, or was used as often as it may")
	errCrowd   = errors.New("too many peers enrolled; ask the operator")
	errKeeping = errors.New("the tracker can't keep tokens now; ask the operator")
)

// enrol makes a token; when it returns, it is on the disk. A wrong code costs a look at a table
// and waits for nobody. However many are tried, a right one is taken: else a stranger could keep
// everybody out. What a guesser is up against is the length of codes, and the bound for his
// address.
func (e *Enrolment) enrol(ctx context.Context, code, peer string) (token string, err error) {
	by := sha256.Sum256([]byte(code))
	if err := e.open(by); err != nil {
		return "", err
	}
	if e.shared == nil {
		e.enrolling.Lock()
		defer e.enrolling.Unlock()
		if err := e.open(by); err != nil { // another one may have used it
			return "", err
		}
	}
	token = rand.Text()
	sum := sha256.Sum256([]byte(token))
	until := int64(0)
	e.mu.Lock()
	life, uses := e.codes[by].life, e.codes[by].uses
	e.mu.Unlock()
	if life > 0 {
		until = e.now().Add(life).Unix()
	}
	line := fmt.Sprintf("%x %x %s %d\n", sum, by, orDash(peer), until)
	if e.shared != nil {
		return token, e.spend(ctx, sum, by, uses, strings.TrimSpace(line))
	}
	if e.add(e.path, line) != nil {
		return "", errKeeping
	}
	return token, e.remember(line)
}

// open tells whether one more peer may enrol by a code.
func (e *Enrolment) open(code [32]byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.codes[code] == nil || e.shared == nil && e.codes[code].left <= 0:
		return errCode
	case e.shared == nil && e.full():
		return errCrowd
	}
	return nil
}

// appendLine adds a line to a file, in place of one that a full disk or a power cut left torn.
func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	end, err := wholeLines(f)
	if err != nil {
		return errors.Join(err, f.Close()) // it stays as it is
	}
	if _, err = f.WriteAt([]byte(line), end); err == nil {
		err = f.Truncate(end + int64(len(line)))
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		_ = f.Truncate(end) // else the next line takes its place
	}
	return errors.Join(err, f.Close())
}

// longestLine bounds what a torn line can have, in bytes.
const longestLine = 1024

// wholeLines returns where the last whole line of a file ends.
func wholeLines(f *os.File) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return 0, err
	}
	tail := make([]byte, min(size, longestLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, err
	}
	at := bytes.LastIndexByte(tail, '\n')
	if at < 0 && size > longestLine {
		return 0, errors.New("this is no file of enrolled peers: its last line is too long")
	}
	return size - int64(len(tail)) + int64(at+1), nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ServeHTTP enrols a peer. One address may try some twenty times, and then twice a minute.
func (e *Enrolment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	fail := func(status int, words string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": words})
	}
	var body struct {
		Code string `json:"code"`
		Peer string `json:"peer_id"`
	}
	a, now := attempt{from: source(r)}, e.now()
	if e.banned(a.from, "") {
		fail(http.StatusForbidden, shutOut)
		return
	}
	if _, may := e.guard.may(a, now); !may { // which stays counted
		w.Header().Set("Retry-After", strconv.Itoa(int(wrongRefill/time.Second)))
		fail(http.StatusTooManyRequests, "Too many tries from this address; try again in a minute.")
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEnrolBody)).Decode(&body); r.Method != http.MethodPost || err != nil {
		fail(http.StatusBadRequest, `POST {"code": "…"}, as the operator gave it to you.`)
		return
	}
	if body.Peer != "" {
		if _, err := ppsp.ParsePeerID(body.Peer); err != nil {
			fail(http.StatusBadRequest, "peer_id has 32 hexadecimal digits in lower case.")
			return
		}
		if e.banned(a.from, body.Peer) {
			fail(http.StatusForbidden, shutOut)
			return
		}
	}
	token, err := e.enrol(r.Context(), body.Code, body.Peer)
	switch {
	case errors.Is(err, errCode):
		fail(http.StatusForbidden, err.Error())
	case err != nil:
		fail(http.StatusServiceUnavailable, err.Error())
	default:
		_ = json.NewEncoder(w).Encode(map[string]string{"token": token, "peer_id": body.Peer})
	}
}

const shutOut = "You are shut out; ask the operator."

func (e *Enrolment) banned(from netip.Addr, peer string) bool {
	return e.Banned != nil && e.Banned(from, peer)
}

// Around returns a handler that enrols peers at EnrolPath and leaves all else to h.
func (e *Enrolment) Around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == EnrolPath {
			e.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}
