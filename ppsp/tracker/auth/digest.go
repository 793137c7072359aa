package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Digest checks HTTP Digest access authentication (RFC 7616) with SHA-256 and MD5 and
// qop=auth. Challenges cost no memory: a nonce is a time, a random number, since each client counts its
// requests from 1, and a seal. Only nonces by which somebody got in are remembered, with the counts
// that were used, so that no request works twice.
type Digest struct {
	users *Users
	key   [32]byte

	mu     sync.Mutex
	used   map[string]*counts
	oldest int64 // Unix time in ns: nonces from before are refused, since their counts were forgotten
}

// Bounds of nonces.
const (
	nonceLife = 10 * time.Minute
	maxNonces = 1 << 18
)

// counts are the nonce counts that were used: RFC 7616, 3.4: "allow the server to detect
// request replays by maintaining its own copy of this count". Requests on the way may
// overtake each other.
type counts struct {
	highest uint64
	before  uint64 // bit i: highest-i was used
}

// NewDigest returns a way for New.
func NewDigest(users *Users) *Digest {
	d := &Digest{users: users, used: map[string]*counts{}}
	_, _ = rand.Read(d.key[:]) // never fails
	return d
}

// Parts of a nonce, in bytes.
const (
	timeSize = 8
	saltSize = 8
	sealSize = 16
)

// nonce returns a new nonce.
func (d *Digest) nonce(now time.Time) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, timeSize+saltSize+sealSize), uint64(now.UnixNano()))
	b = b[:timeSize+saltSize]
	_, _ = rand.Read(b[timeSize:]) // never fails
	return base64.RawURLEncoding.EncodeToString(append(b, d.seal(b)...))
}

// seal shows that a nonce is ours.
func (d *Digest) seal(b []byte) []byte {
	h := hmac.New(sha256.New, d.key[:])
	h.Write(b)
	return h.Sum(nil)[:sealSize]
}

// issued returns when a nonce of ours was made.
func (d *Digest) issued(nonce string) (at time.Time, ours bool) {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != timeSize+saltSize+sealSize {
		return at, false
	}
	if !hmac.Equal(d.seal(b[:timeSize+saltSize]), b[timeSize+saltSize:]) {
		return at, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))), true
}

func (d *Digest) challenges(r *http.Request, now time.Time, again bool) (out []string, shown []byte) {
	nonce := d.nonce(now)
	if again {
		user, _, _ := d.credential(r)
		shown = shownBy(user, nonce)
	}
	for _, a := range algorithms {
		c := `Digest realm="` + Realm + `", qop="auth", algorithm=` + string(a) + `, nonce="` + nonce + `"`
		if again {
			c += ", stale=true"
		}
		out = append(out, c)
	}
	return out, shown
}

// credential shows the user's name and the nonce, which a neighbour does not know.
func (d *Digest) credential(r *http.Request) (user, shown []byte, ok bool) {
	rest, ok := scheme(r.Header.Get("Authorization"), "Digest")
	if !ok {
		return nil, nil, false
	}
	p, _ := parameters(rest)
	user = []byte("digest " + p["username"])
	return user, shownBy(user, p["nonce"]), true
}

func shownBy(user []byte, nonce string) []byte {
	return []byte(string(user) + "\x00" + nonce)
}

func (d *Digest) check(r *http.Request, now time.Time) (name string, ok, again bool) {
	rest, _ := scheme(r.Header.Get("Authorization"), "Digest")
	p, ok := parameters(rest)
	if !ok {
		return "", false, false
	}
	algorithm := Algorithm(p["algorithm"])
	if algorithm == "" { // RFC 7616, 3.3: "If this is not present, it is assumed to be "MD5"."
		algorithm = MD5
	}
	secret := d.users.secrets[p["username"]][algorithm]
	count, err := strconv.ParseUint(p["nc"], 16, 32)
	// RFC 7616, 3.4.6: what the client hashed has to be what it asks for.
	if secret == "" || err != nil || len(p["nc"]) != 8 || p["cnonce"] == "" || p["qop"] != "auth" || p["realm"] != Realm || p["uri"] != r.RequestURI {
		return "", false, false
	}
	want := algorithm.digest(secret, p["nonce"], p["nc"], p["cnonce"], "auth", algorithm.digest(r.Method, p["uri"]))
	if subtle.ConstantTimeCompare([]byte(want), []byte(p["response"])) != 1 {
		return "", false, false
	}
	// The secret is right; from here on it is at most a matter of the nonce, as after a restart.
	issued, ours := d.issued(p["nonce"])
	if age := now.Sub(issued); !ours || age < -time.Minute || age > nonceLife || !d.once(p["nonce"], issued, count, now) {
		return "", false, true
	}
	return p["username"], true, false
}

// once tells whether this count of the nonce comes for the first time.
func (d *Digest) once(nonce string, issued time.Time, n uint64, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.used[nonce]
	if c == nil {
		if len(d.used) >= maxNonces {
			d.forget(now)
		}
		if issued.UnixNano() < d.oldest {
			return false
		}
		d.used[nonce] = &counts{highest: n, before: 1}
		return true
	}
	switch {
	case n > c.highest:
		c.before = c.before<<min(n-c.highest, 64) | 1
		c.highest = n
		return true
	case c.highest-n >= 64 || c.before&(1<<(c.highest-n)) != 0:
		return false
	}
	c.before |= 1 << (c.highest - n)
	return true
}

// forget drops nonces that are too old to be used, and if that does not help, all: they must not be
// used again. The caller holds mu.
func (d *Digest) forget(now time.Time) {
	for nonce := range d.used {
		if issued, _ := d.issued(nonce); now.Sub(issued) > nonceLife {
			delete(d.used, nonce)
		}
	}
	if len(d.used) >= maxNonces {
		clear(d.used)
		d.oldest = now.UnixNano()
	}
}
