package auth

import (
	"bufio"
	"crypto/md5" //nolint:gosec // RFC 7616 has it for clients that know nothing else
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Algorithm is a hash function of RFC 7616, 3.3.
type Algorithm string

// The algorithms, the best first.
const (
	SHA256 Algorithm = "SHA-256"
	MD5    Algorithm = "MD5"
)

// algorithms are offered in this order: RFC 7616, 3.7: "the first challenge is the one that
// the server prefers".
var algorithms = [...]Algorithm{SHA256, MD5}

func (a Algorithm) new() hash.Hash {
	if a == MD5 {
		return md5.New() //nolint:gosec // see above
	}
	return sha256.New()
}

// digest returns H(parts joined by colons) in hexadecimal.
func (a Algorithm) digest(parts ...string) string {
	h := a.new()
	for i, p := range parts {
		if i > 0 {
			_, _ = io.WriteString(h, ":")
		}
		_, _ = io.WriteString(h, p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Users are who may log in by Digest. The secret of each is kept as H(name:realm:password).
type Users struct {
	secrets map[string]map[Algorithm]string
}

// MaxUsers bounds a file of users or tokens.
const MaxUsers = 1 << 20

// ReadUsers reads lines "name:password", or "name:realm:hash" as htdigest writes them, with a
// hash of MD5 or SHA-256 in hexadecimal; realm has to be Realm. A name may stand there once, or
// with one hash of each. Blanks are part of a password. Empty lines, and those that begin with
// #, are ignored.
func ReadUsers(r io.Reader) (*Users, error) {
	u := &Users{secrets: map[string]map[Algorithm]string{}}
	err := eachLine(r, func(line string) error {
		name, rest, ok := strings.Cut(line, ":")
		if !ok || name == "" || rest == "" {
			return fmt.Errorf(`it is not "name:password" or "name:realm:hash"`)
		}
		realm, hashed, _ := strings.Cut(rest, ":")
		algorithm := hashOf(hashed)
		switch {
		case realm == Realm && hashed != "" && algorithm == "":
			return fmt.Errorf("the hash of %.40q is neither MD5 nor SHA-256 in hexadecimal", name)
		case realm != Realm && algorithm != "":
			return fmt.Errorf("the hash of %.40q is for the realm %.40q, want %s", name, realm, Realm)
		case algorithm != "":
			return u.add(name, algorithm, strings.ToLower(hashed))
		}
		for _, a := range algorithms {
			if err := u.add(name, a, a.digest(name, Realm, rest)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(u.secrets) == 0 {
		err = fmt.Errorf(`there is nobody in it; write lines as "name:password"`)
	}
	return u, err
}

func (u *Users) add(name string, a Algorithm, secret string) error {
	if u.secrets[name] == nil {
		u.secrets[name] = map[Algorithm]string{}
	}
	if u.secrets[name][a] != "" {
		return fmt.Errorf("%.40q is there twice; take one of the lines out", name)
	}
	u.secrets[name][a] = secret
	return nil
}

// hashOf tells by which function a hash in hexadecimal was made, "" for anything else.
func hashOf(s string) Algorithm {
	if _, err := hex.DecodeString(s); err != nil {
		return ""
	}
	switch len(s) {
	case 2 * md5.Size:
		return MD5
	case 2 * sha256.Size:
		return SHA256
	}
	return ""
}

// eachLine calls f for each line that is not empty or a comment, without blanks before it.
func eachLine(r io.Reader, f func(line string) error) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(lines.Text(), " \t")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if n > MaxUsers {
			return fmt.Errorf("it has more than %d lines", MaxUsers)
		}
		if err := f(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}
