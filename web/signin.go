package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Access says what takes the household's password. The zero value asks for none.
type Access struct {
	Password []byte         // hash by bcrypt; empty: everybody at home may do everything
	Guests   bool           // who has not given it may watch
	Tokens   []string       // of programs that may do all that the password opens
	Streams  []netip.Prefix // where players need none even if guests may not watch; empty: all of the home
	Key      string         // opens streams as part of their path, for players elsewhere; it can't be guessed
}

const (
	cookieName  = "swarmgate"
	sessionTime = 30 * 24 * time.Hour // since it was used last
	maxSignedIn = 256
	// MaxPassword is how long a password can be in bytes: bcrypt reads no more.
	MaxPassword = 72
)

// signin keeps who has given the password.
type signin struct {
	now     func() time.Time
	guesses guesses
	hashing slots // one at a time: it is slow on purpose

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]time.Time // hashes of cookies, and until when they hold
}

func newSignin() *signin {
	return &signin{now: time.Now, hashing: newSlots(1), sessions: map[[sha256.Size]byte]time.Time{}}
}

// open makes a session and returns its cookie's value.
func (i *signin) open() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	value := base64.RawURLEncoding.EncodeToString(b[:])
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.sessions) >= maxSignedIn {
		var oldest [sha256.Size]byte
		var until time.Time
		for id, t := range i.sessions {
			if until.IsZero() || t.Before(until) {
				oldest, until = id, t
			}
		}
		delete(i.sessions, oldest)
	}
	i.sessions[sha256.Sum256([]byte(value))] = i.now().Add(sessionTime)
	return value
}

// holds tells whether a cookie's value is that of a session, which it prolongs.
func (i *signin) holds(value string) bool {
	id := sha256.Sum256([]byte(value))
	i.mu.Lock()
	defer i.mu.Unlock()
	until, ok := i.sessions[id]
	if !ok || i.now().After(until) {
		delete(i.sessions, id)
		return false
	}
	i.sessions[id] = i.now().Add(sessionTime)
	return true
}

func (i *signin) end(value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.sessions, sha256.Sum256([]byte(value)))
}

// locked tells whether there is a password.
func (s *Server) locked() bool { return len(s.config.Access.Password) > 0 }

// member tells whether a request is of who gave the password, or of a program with a token. A
// wrong token counts as a guess.
func (s *Server) member(r *http.Request) bool {
	if cookie, err := r.Cookie(cookieName); err == nil && s.signin.holds(cookie.Value) {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	// Tokens, unlike passwords, are too long to be guessed at any rate: a right one never waits for what others guess.
	if s.showsToken(r) || s.program(strings.TrimSpace(token)) {
		return true
	}
	if s.signin.guesses.wait(guesser(r), s.signin.now()) == 0 {
		s.wrong(r, "token")
	}
	return false
}

// program tells whether a token is one of Access.Tokens, in the same time for whichever and for none.
func (s *Server) program(token string) bool {
	given, found := sha256.Sum256([]byte(token)), 0
	for _, known := range s.config.Access.Tokens {
		hash := sha256.Sum256([]byte(known))
		found |= subtle.ConstantTimeCompare(given[:], hash[:])
	}
	return found == 1
}

// wrong notes a guess.
func (s *Server) wrong(r *http.Request, what string) {
	s.signin.guesses.failed(guesser(r), s.signin.now())
	s.refusals.Warn().Str("client", r.RemoteAddr).Str("path", r.URL.Path).Msg("wrong " + what)
}

// showLogin serves GET /api/v1/login: whether there is a password, and whether it was given.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	member := !s.locked() || s.member(r)
	answerJSON(w, http.StatusOK, map[string]bool{"password": s.locked(), "signed_in": member, "may_watch": member || s.config.Access.Guests})
}

// login takes {"password": "…"}.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if !s.locked() {
		s.fail(w, http.StatusConflict, "This gateway has no password.")
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines only waits longer
	var body struct {
		Password string `json:"password"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body); err != nil || !isJSON(r) {
		s.fail(w, http.StatusBadRequest, `Send the password as JSON, {"password": "…"}, with Content-Type: application/json.`)
		return
	}
	if wait := s.signin.guesses.wait(guesser(r), s.signin.now()); wait > 0 {
		s.tooMany(w, wait)
		return
	}
	if !s.signin.hashing.take() {
		s.tooMany(w, time.Second)
		return
	}
	err := bcrypt.CompareHashAndPassword(s.config.Access.Password, []byte(body.Password[:min(len(body.Password), MaxPassword+1)]))
	s.signin.hashing.give()
	if err != nil {
		s.wrong(r, "password")
		s.fail(w, http.StatusUnauthorized, "This is not the password.")
		return
	}
	s.signin.guesses.right(guesser(r))
	s.log.Info().Str("client", r.RemoteAddr).Msg("signed in")
	http.SetCookie(w, s.cookie(r, s.signin.open(), int(sessionTime.Seconds())))
	w.WriteHeader(http.StatusNoContent)
}

// logout serves DELETE /api/v1/login.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		s.signin.end(cookie.Value)
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
}

// cookie holds a session: no script reads it, no other site sends it.
func (s *Server) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, MaxAge: age, Path: reachOf(r).base + "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: reachOf(r).secure,
	}
}
