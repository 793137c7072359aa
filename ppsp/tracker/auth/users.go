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
// hash of MD5 or SHA-256 in hexadecimal; realm has to be Realm. Empty lines, and those that
// begin with #, are ignored.
func ReadUsers(r io.Reader) (*Users, error) {
	u := &Users{secrets: map[string]map[Algorithm]string{}}
	err := eachLine(r, func(line string) error {
		name, rest, ok := strings.Cut(line, ":")
		if !ok || name == "" || rest == "" {
			return fmt.Errorf(`it is not "name:password" or "name:realm:hash"`)
		}
		if u.secrets[name] == nil {
			u.secrets[name] = map[Algorithm]string{}
		}
		if hashed, ok := strings.CutPrefix(rest, Realm+":"); ok {
			hashed = strings.ToLower(hashed)
			if _, err := hex.DecodeString(hashed); err == nil {
				switch len(hashed) {
				case 2 * md5.Size:
					u.secrets[name][MD5] = hashed
					return nil
				case 2 * sha256.Size:
					u.secrets[name][SHA256] = hashed
					return nil
				}
			}
			return fmt.Errorf("the hash of %.40q is neither MD5 nor SHA-256 in hexadecimal", name)
		}
		for _, a := range algorithms {
			u.secrets[name][a] = a.digest(name, Realm, rest)
		}
		return nil
	})
	if err == nil && len(u.secrets) == 0 {
		err = fmt.Errorf(`there is nobody in it; write lines as "name:password"`)
	}
	return u, err
}

// eachLine calls f for each line that is not empty or a comment.
func eachLine(r io.Reader, f func(line string) error) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
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
