package members

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/member"
)

// RevokedSuffix is what the file of those who are members no more adds to the authority's
// name: a line "ID time" for each, until when his certificates would have held.
const RevokedSuffix = ".revoked"

// MaxRemoved is how many members may have been removed whose certificates still hold, together
// with those who are members and could be: so there is always room to remove one.
const MaxRemoved = 10_000

// maxRevoked bounds that file in bytes, of some 90 a line.
const maxRevoked = 1 << 20

// CheckAuthority tells what is wrong with the file of an authority. One that is missing is no
// mistake: OpenAuthority makes it.
func CheckAuthority(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := OpenAuthority(path)
	return err
}

// OpenAuthority reads the file of an authority, or makes it when it is missing.
func OpenAuthority(path string) (*member.Authority, error) {
	b, err := readFile(path, member.MaxPEM)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeAuthority(path); err != nil {
			return nil, err
		}
		b, err = readFile(path, member.MaxPEM)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("membership authority %s: %w; it is a secret of its gateway: run as that user or as root, or name another file with --member-ca", path, bare(err))
	}
	if err != nil {
		return nil, fmt.Errorf("membership authority %s: %w; name another file with --member-ca", path, bare(err))
	}
	a, err := member.ParseAuthority(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; it was not changed, name another with --member-ca", path, err)
	}
	return a, nil
}

// makeAuthority writes a new authority, unless another process has just done so: the file is
// there whole or not at all.
func makeAuthority(path string) error {
	a, err := member.NewAuthority(rand.Reader)
	if err != nil {
		return err
	}
	key, err := a.MarshalPEM()
	if err != nil {
		return err
	}
	self, err := a.SelfSigned(rand.Reader, time.Now().Add(-member.Leeway))
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".members-*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("membership authority %s: its folder does not exist; if it is a gateway's, start the gateway first, which makes it, else make the folder", path)
	}
	if err != nil {
		return fmt.Errorf("make the membership authority %s: %w; run as a user who may write there, or name another file with --member-ca", path, bare(err))
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(key, self...))
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the membership authority %s: %w", path, bare(err))
	}
	return nil
}

// revoke notes that a member is none any more, and forgets those whose time is over.
func revoke(file string, id member.ID, until, now time.Time) error {
	revoked, err := Revoked(file, now)
	if err != nil {
		return err
	}
	revoked[id] = until
	var b bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(revoked)) {
		fmt.Fprintf(&b, "%s %s\n", id, revoked[id].UTC().Format(time.RFC3339))
	}
	path := file + RevokedSuffix
	f, err := os.CreateTemp(filepath.Dir(path), ".members-*")
	if err != nil {
		return fmt.Errorf("note who is a member no more in %s: %w", path, bare(err))
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("note who is a member no more in %s: %w", path, bare(err)), os.Remove(f.Name()))
	}
	return nil
}

// Revoked reads who is a member no more, and until when the certificates hold; peers whose clocks
// differ take them for member.Leeway longer. A line that is none is skipped: the others count.
func Revoked(file string, now time.Time) (map[member.ID]time.Time, error) {
	b, err := readFile(file+RevokedSuffix, maxRevoked)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read who is a member no more: %w", err)
	}
	revoked := map[member.ID]time.Time{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		id, text, _ := strings.Cut(lines.Text(), " ")
		until, err := time.Parse(time.RFC3339, text)
		if err == nil && len(id) == 64 && until.Add(member.Leeway).After(now) {
			revoked[id] = until
		}
	}
	return revoked, nil
}

// Follow tells of everyone who is a member no more, once, now and as the file changes, until
// ctx ends. An error of shut or of the file is told to trouble, and tried again.
func Follow(ctx context.Context, file string, every time.Duration, shut func(id member.ID, until time.Time) error, trouble func(error)) {
	done := map[member.ID]bool{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		revoked, err := Revoked(file, time.Now())
		if err != nil {
			trouble(err)
		}
		for _, id := range slices.Sorted(maps.Keys(revoked)) {
			if done[id] {
				continue
			}
			if err := shut(id, revoked[id].Add(member.Leeway)); err != nil {
				trouble(err)
				continue
			}
			done[id] = true
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// readFile reads a file that must not be longer than most bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, err
}

// ReadCredential reads a member's certificates and key, as --member-cert and --member-key
// name them.
func ReadCredential(certificates, key string) (*member.Credential, error) {
	c, err := readFile(certificates, member.MaxPEM)
	if err != nil {
		return nil, fmt.Errorf("membership certificate %s: %w; check the path (--member-cert, or members.certificate)", certificates, bare(err))
	}
	k, err := readFile(key, member.MaxPEM)
	if err != nil {
		return nil, fmt.Errorf("key of the membership certificates %s: %w; check the path (--member-key, or members.key)", key, bare(err))
	}
	credential, err := member.ParseCredential(c, k)
	if err != nil {
		return nil, fmt.Errorf("membership certificate %s with key %s: %w", certificates, key, err)
	}
	return credential, nil
}

// bare takes from an error the path that the words around it say already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}
