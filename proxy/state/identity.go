package state

import (
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// PeerID returns the node's ID towards trackers, drawn when the store was made.
func (s *State) PeerID() ppsp.PeerID { return s.peer }

// DeviceUUID returns the UUID of the DLNA device, drawn when the store was made, in the
// form "9f3e1c52-…" that follows "uuid:" in a UDN (UPnP Device Architecture 2.0, 1.1.4).
func (s *State) DeviceUUID() string { return s.device }

// identify reads who this node is, or draws it.
func (s *State) identify(random io.Reader) error {
	err := s.view(s.readIdentity)
	if !errors.Is(err, errNobody) {
		return err
	}
	if s.peer, err = ppsp.NewPeerID(random); err != nil {
		return fmt.Errorf("draw a peer ID: %w", err)
	}
	if s.device, err = newUUID(random); err != nil {
		return fmt.Errorf("draw a device UUID: %w", err)
	}
	return s.update(s.writeIdentity)
}

// errNobody says that the store is new.
var errNobody = errors.New("no identity yet")

func (s *State) readIdentity(tx *bbolt.Tx) error {
	b := tx.Bucket(bucketNode)
	if b == nil {
		return errNobody
	}
	var peer string
	if err := unseal(keyPeer, b.Get(keyPeer), &peer); err != nil {
		return err
	}
	if err := unseal(keyDevice, b.Get(keyDevice), &s.device); err != nil {
		return err
	}
	var err error
	if s.peer, err = ppsp.ParsePeerID(peer); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

func (s *State) writeIdentity(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketNode, bucketChannels, bucketLive} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	b := tx.Bucket(bucketNode)
	if err := put(b, keySchema, schema); err != nil {
		return err
	}
	if err := put(b, keyPeer, s.peer.String()); err != nil {
		return err
	}
	return put(b, keyDevice, s.device)
}

// put seals and stores one record.
func put(b *bbolt.Bucket, key []byte, v any) error {
	sealed, err := seal(key, v)
	if err != nil {
		return err
	}
	return b.Put(key, sealed)
}

// newUUID draws a random UUID (RFC 9562, 5.4).
func newUUID(random io.Reader) (string, error) {
	var u [16]byte
	if _, err := io.ReadFull(random, u[:]); err != nil {
		return "", err
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
}
