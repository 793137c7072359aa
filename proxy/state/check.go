package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// schema is the version of what the buckets hold. A store of a later one is left alone.
const schema = 1

// The buckets and, of the first, the keys.
var (
	bucketNode     = []byte("node")
	bucketChannels = []byte("channels") // by item ID
	bucketLive     = []byte("live")     // by swarm ID, raw

	keySchema = []byte("schema")
	keyPeer   = []byte("peer")
	keyDevice = []byte("device")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal returns the JSON of v with a checksum of key and JSON behind it: bbolt itself
// doesn't notice when the disk changes a bit.
func seal(key []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(b, "\n%08x", checksum(key, b)), nil
}

// sealSize is the length of what seal adds, in bytes.
const sealSize = 9

// unseal reads into v what seal returned for this key.
func unseal(key, b []byte, v any) error {
	n := len(b) - sealSize
	if n < 0 || string(b[n:]) != fmt.Sprintf("\n%08x", checksum(key, b[:n])) {
		return fmt.Errorf("%w: the checksum of %q is wrong", errDamaged, key)
	}
	if err := json.Unmarshal(b[:n], v); err != nil {
		return fmt.Errorf("%w: %q: %w", errDamaged, key, err)
	}
	return nil
}

func checksum(key, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, b)
}

// check reads everything once. It returns errDamaged if that can't be done, and notes
// channels that this version can't use.
func (s *State) check() error {
	return s.view(func(tx *bbolt.Tx) error {
		if err := s.checkLength(tx); err != nil {
			return err
		}
		if err := s.checkNode(tx); err != nil {
			return err
		}
		unreadable := 0
		err := each(tx, bucketChannels, func(_ []byte, c *channel) {
			if _, err := ppsp.ParseLink(c.Link); err != nil {
				unreadable++
			}
		})
		if err == nil {
			err = each(tx, bucketLive, func([]byte, *live) {})
		}
		if err == nil {
			err = errors.Join(each(tx, bucketBans, func([]byte, *ban) {}), each(tx, bucketMembers, func([]byte, *memberRecord) {}),
				each(tx, bucketViewing, func([]byte, *viewingRecord) {}), each(tx, bucketPeers, func([]byte, *knownPeers) {}))
		}
		if unreadable > 0 {
			s.notice = fmt.Errorf("state in %s: links that this version can't read: %d; they are kept", s.path, unreadable)
		}
		return err
	})
}

// checkLength compares the length of the file with what the database thinks it is.
func (s *State) checkLength(tx *bbolt.Tx) error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: the file was cut to %d of %d bytes", errDamaged, info.Size(), tx.Size())
	}
	return nil
}

func (s *State) checkNode(tx *bbolt.Tx) error {
	b := tx.Bucket(bucketNode)
	if b == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return fmt.Errorf("%w: it holds %q, but not who this node is", errDamaged, k)
		}
		return nil // a new store
	}
	var version int
	if err := unseal(keySchema, b.Get(keySchema), &version); err != nil {
		return err
	}
	if version > schema {
		return fmt.Errorf("it was written by a newer version (schema %d, this one knows %d); install that or choose another folder with --dir", version, schema)
	}
	return nil
}

// each calls f with every record of a bucket, in the order of their keys. Keys are lent
// for the call.
func each[T any](tx *bbolt.Tx, bucket []byte, f func(key []byte, v *T)) error {
	b := tx.Bucket(bucket)
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, sealed []byte) error {
		v := new(T)
		if err := unseal(k, sealed, v); err != nil {
			return err
		}
		f(k, v)
		return nil
	})
}

// setAside gives the damaged store another name.
func (s *State) setAside(why error) error {
	stem := s.path + ".damaged-" + s.now().UTC().Format("20060102-150405")
	for n, name := 2, stem; ; n, name = n+1, fmt.Sprintf("%s-%d", stem, n) {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			continue // taken
		}
		if err := os.Rename(s.path, name); err != nil {
			return err
		}
		s.notice = fmt.Errorf("state in %s: %w; it is kept as %s and a new one begun: "+
			"channels that people added have to be added again, and this node has a new identity", s.path, why, name)
		return nil
	}
}
